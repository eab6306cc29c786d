import type { FakeTorque } from './cluster.ts'
import { type FakeTorqueJob, type FakeTorqueNode, idOf } from './model.ts'

/** What `qstat -x -t` prints, in the form of the recorded samples; nothing at all without jobs. */
export function renderJobs(torque: FakeTorque): string {
  if (torque.jobs.length === 0) return ''
  return `<?xml version="1.0"?>\n<Data>${torque.jobs.map((job) => element('Job', renderJob(torque, job))).join('')}</Data>\n`
}

function renderJob(torque: FakeTorque, job: FakeTorqueJob): string {
  const { server } = torque
  const depends = job.depend === '' || (job.state === 'H' && job.holds.has('s')) ? job.depend : ''
  const fields: readonly (readonly [string, string | number | null])[] = [
    ['Job_Id', idOf(job, server)],
    ['Job_Name', job.name],
    ['Job_Owner', `${job.user}@${server}`],
    ['job_state', job.state],
    ['queue', job.queue],
    ['server', server],
    ['Checkpoint', 'u'],
    ['ctime', seconds(job.submittedAtMs)],
    ['depend', depends || null],
    ['exec_host', job.hosts.map((host) => `${host.name}/${ranges(host.slots)}`).join('+') || null],
    ['Execution_Time', job.beginAtMs === null ? null : seconds(job.beginAtMs)],
    ['Hold_Types', ['u', 'o', 's', 'l'].filter((letter) => job.holds.has(letter as 'u')).join('') || 'n'],
    ['mtime', seconds(job.endedAtMs ?? job.submittedAtMs)],
    ['qtime', seconds(job.submittedAtMs)],
    ['Rerunable', job.rerunnable ? 'True' : 'False'],
  ]
  const more: readonly (readonly [string, string | number | null])[] = [
    ['substate', { Q: 10, H: job.depend === '' ? 20 : 22, W: 30, R: 42, E: 50, C: 59 }[job.state]],
    [
      'Variable_List',
      ['PBS_O_QUEUE=batch', 'PBS_O_LOGNAME=alice', ...(job.variables ? [job.variables] : [])].join(','),
    ],
    ['euser', job.user],
    ['queue_type', 'E'],
    ['comment', job.comment || null],
    ['x', job.x || null],
    ['node_exclusive', job.exclusive ? 'True' : null],
    ['start_time', job.startedAtMs === null ? null : seconds(job.startedAtMs)],
    ['comp_time', job.endedAtMs === null ? null : seconds(job.endedAtMs)],
  ]
  const resources = [...job.resources].map(([name, value]) => element(name, escape(value))).join('')
  return render(fields) + element('Resource_List', resources) + render(more)
}

/** What `pbsnodes -x` prints. */
export function renderNodes(torque: FakeTorque, nodes: readonly FakeTorqueNode[]): string {
  return `<Data>${nodes.map((node) => element('Node', renderNode(torque, node))).join('')}</Data>\n`
}

function renderNode(torque: FakeTorque, node: FakeTorqueNode): string {
  const jobs = torque.jobsOn(node.name).flatMap((job) => {
    const host = job.hosts.find((candidate) => candidate.name === node.name)
    return host ? [`${ranges(host.slots)}/${idOf(job, torque.server)}`] : []
  })
  const status = `opsys=linux,uname=Linux ${node.name} 6.1,sessions=62 66,nsessions=2,nusers=1,idletime=103665,totmem=24684084kb,availmem=22528648kb,physmem=24684084kb,ncpus=${node.np},loadave=4.05,gres=,netload=267415,state=free,varattr= ,cpuclock=Fixed,macaddr=ea:fc:ad:1e:9b:01,version=6.1-dev,rectime=${seconds(node.reportedAtMs ?? 0)},jobs=`
  return render([
    ['name', node.name],
    ['state', stateOf(torque, node)],
    ['power_state', 'Running'],
    ['np', node.np],
    ['properties', node.properties.join(',') || null],
    ['ntype', 'cluster'],
    ['jobs', jobs.join(',') || null],
    ['status', node.reportedAtMs === null ? null : status],
    ['note', node.note || null],
    ['mom_service_port', 15002],
    ['mom_manager_port', 15003],
    ['gpus', node.gpus || null],
  ])
}

function stateOf(torque: FakeTorque, node: FakeTorqueNode): string {
  if (!torque.isAnnounced(node)) return 'down,offline,MOM-list-not-sent'
  const words = [
    ...(torque.freeSlots(node).length === 0 && torque.jobsOn(node.name).length > 0 ? ['job-exclusive'] : []),
    ...(node.foundDead || node.reportedAtMs === null ? ['down'] : []),
    ...(node.offline ? ['offline'] : []),
  ]
  return words.join(',') || 'free'
}

/** `0`, `0-1`, `0,3`. */
function ranges(slots: readonly number[]): string {
  const parts: [number, number][] = []
  for (const slot of slots) {
    const last = parts.at(-1)
    if (last && last[1] === slot - 1) last[1] = slot
    else parts.push([slot, slot])
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}

function render(fields: readonly (readonly [string, string | number | null])[]): string {
  return fields.map(([name, value]) => (value === null ? '' : element(name, escape(String(value))))).join('')
}

function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}
