/** A document of `qstat -x` with jobs that have these fields, on top of what every job has. */
export function qstatDocument(...jobs: readonly (readonly [name: string, value: string][])[]): string {
  const always: [string, string][] = [
    ['Job_Id', '12.head'],
    ['job_state', 'Q'],
    ['ctime', '1000'],
  ]
  return `<?xml version="1.0"?>\n<Data>${jobs.map((fields) => record('Job', [...always, ...fields])).join('')}</Data>\n`
}

/** A document of `pbsnodes -x`. */
export function pbsnodesDocument(...nodes: readonly (readonly [name: string, value: string][])[]): string {
  return `<Data>${nodes.map((fields) => record('Node', fields)).join('')}</Data>\n`
}

/** `Resource_List.nodes` is nested; a later field of a name replaces an earlier one. */
function record(tag: string, fields: readonly (readonly [string, string])[]): string {
  const flat = new Map(fields.filter(([name]) => !name.includes('.')))
  const resources = fields
    .filter(([name]) => name.includes('.'))
    .map(([name, value]) => element(name.split('.')[1] ?? '', value))
  const list = resources.length > 0 ? `<Resource_List>${resources.join('')}</Resource_List>` : ''
  return `<${tag}>${[...flat].map(([name, value]) => element(name, value)).join('')}${list}</${tag}>`
}

function element(name: string, value: string): string {
  return `<${name}>${value}</${name}>`
}
