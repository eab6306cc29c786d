import { malformed } from './xml.ts'

/** The property that keeps a job at a site: nodes carry that of theirs, jobs are given one by the planner or the submit filter. */
export const confinementPrefix = 'causeway-site-'

/** One `+`-separated part of a request for nodes: `2:ppn=4:gpus=1:fast`. */
export interface NodeGroup {
  readonly count: number
  /** Processors of each node; 1 where the part does not say. */
  readonly ppn: number
  readonly gpus: number
  /** Words that are not `name=value`: properties, or the name of a host, which Torque treats alike. */
  readonly properties: readonly string[]
  /** `name=value` words other than `ppn` and `gpus`, such as `mics=1`, and shared GPUs' words such as `exclusive_process`. */
  readonly others: readonly string[]
}

/**
 * A value of `-l nodes=`: `4`, `2:ppn=2`, `2:ppn=2:fast+1:ppn=4`, `node7:ppn=2`, each with a trailing `#shared` or the like.
 * @throws CausewayError `MalformedOutput`
 */
export function parseNodeSpec(spec: string): NodeGroup[] {
  const [parts = ''] = spec.split('#')
  return parts.split('+').map((part) => {
    const words = part.split(':')
    const counted = /^\d{1,9}$/.test(words[0] ?? '')
    const rest = counted ? words.slice(1) : words
    if (rest.some((word) => !/^[A-Za-z0-9_.-]+(=[A-Za-z0-9_.-]*)?$/.test(word))) {
      throw malformed('Resource_List.nodes', `is "${spec.slice(0, 80)}"`)
    }
    return {
      count: counted ? Number(words[0]) : 1,
      ppn: Math.max(1, valueOf(rest, 'ppn') ?? 1),
      gpus: valueOf(rest, 'gpus') ?? 0,
      properties: rest.filter((word) => !word.includes('=')),
      others: rest.filter((word) => word.includes('=') && !/^(ppn|gpus)=/.test(word)),
    }
  })
}

function valueOf(words: readonly string[], name: string): number | null {
  const word = words.find((candidate) => candidate.startsWith(`${name}=`))
  if (word === undefined) return null
  const text = word.slice(name.length + 1)
  if (!/^\d{1,9}$/.test(text)) throw malformed('Resource_List.nodes', `has ${word.slice(0, 80)}`)
  return Number(text)
}

/**
 * The same request with all its nodes at `site`: an earlier confinement is replaced, all else stays as the user wrote it.
 * `2:ppn=2+1:fast` becomes `2:ppn=2:causeway-site-east+1:fast:causeway-site-east`.
 */
export function confineSpec(spec: string, site: string): string {
  const [parts = '', ...flags] = spec.split('#')
  const confined = parts.split('+').map((part) => {
    const words = part.split(':').filter((word) => !word.startsWith(confinementPrefix))
    return [...words, `${confinementPrefix}${site}`].join(':')
  })
  return [confined.join('+'), ...flags].join('#')
}

/** The site to which every part is confined, undefined if there is no such site. */
export function confinedSite(groups: readonly NodeGroup[]): string | undefined {
  const sites = new Set(groups.map((group) => group.properties.find((word) => word.startsWith(confinementPrefix))))
  const [only] = sites
  return sites.size === 1 ? only?.slice(confinementPrefix.length) : undefined
}

/** The properties asked for, as an expression: `a&b`, or `[a*2&b*1]` where the parts ask for different ones. */
export function featuresOf(groups: readonly NodeGroup[]): string {
  const lists = new Map<string, number>()
  for (const { count, properties } of groups) {
    const own = properties.filter((word) => !word.startsWith(confinementPrefix))
    if (own.length === 0) continue
    const key = [...new Set(own)].join('&')
    lists.set(key, (lists.get(key) ?? 0) + count)
  }
  if (lists.size <= 1) return [...lists.keys()][0] ?? ''
  return `[${[...lists].map(([key, count]) => `${key.includes('&') ? `(${key})` : key}*${count}`).join('&')}]`
}
