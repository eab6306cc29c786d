/** A node as the fake pbs_server keeps it. */
export interface FakeTorqueNode {
  readonly name: string
  np: number
  gpus: number
  properties: string[]
  note: string
  offline: boolean
  createdAtMs: number
  /** When its daemon last reported, null if it has not since pbs_server started or the node was made. */
  reportedAtMs: number | null
  /** pbs_server has found out that it is dead. */
  foundDead: boolean
}

/** One job, or one element of an array. */
export interface FakeTorqueJob {
  readonly number: number
  /** Index in its array, null if it is in none. */
  readonly index: number | null
  readonly user: string
  readonly name: string
  readonly queue: string
  /** How long its script sleeps, ms. */
  readonly runMs: number
  readonly resources: Map<string, string>
  readonly variables: string
  readonly exclusive: boolean
  readonly rerunnable: boolean
  readonly depend: string
  readonly x: string
  state: 'Q' | 'H' | 'W' | 'R' | 'E' | 'C'
  holds: Set<'u' | 'o' | 's' | 'l'>
  comment: string
  beginAtMs: number | null
  submittedAtMs: number
  startedAtMs: number | null
  endedAtMs: number | null
  /** Node by node, with the numbers of its processors there. */
  hosts: { name: string; slots: number[] }[]
  /** The boots of its machines that it has processes on. */
  boots: number[]
  /** A requeue that waits for the daemon's word, until then. */
  requeuedAtMs: number | null
}

/** A machine with its pbs_mom, which pbs_server may know of or not. */
export interface FakeMom {
  alive: boolean
  boot: number
  /** It began before the others knew of its node: they reject it, and jobs over several nodes hang. */
  stranger: boolean
}

/** Everything that pbs_server saves. */
export interface FakeTorqueState {
  nodes: FakeTorqueNode[]
  jobs: FakeTorqueJob[]
  nextNumber: number
  /** `server` and `queue NAME` settings. */
  settings: Map<string, string>
}

/** `12` or `4[3]`, with the server's name if asked for. */
export function idOf(job: FakeTorqueJob, server?: string): string {
  const id = job.index === null ? String(job.number) : `${job.number}[${job.index}]`
  return server === undefined ? id : `${id}.${server}`
}

/** One part of a request for nodes. */
export interface Part {
  readonly count: number
  readonly ppn: number
  readonly words: readonly string[]
}

/** `2:ppn=2:fast+1`, as pbs_server takes it apart. */
export function partsOf(spec: string): Part[] {
  return spec.split('+').map((part) => {
    const words = part.split(':')
    const count = /^\d+$/.test(words[0] ?? '') ? Number(words.shift()) : 1
    const ppn = Number(words.find((word) => word.startsWith('ppn='))?.slice(4) ?? 1)
    return { count, ppn, words: words.filter((word) => !word.includes('=')) }
  })
}
