/** What one node has, or what a job needs of one node. */
export interface Size {
  readonly cpus: number
  readonly memoryMiB: number
  readonly gpus: number
}

/**
 * Why a pending job can't run even if nodes were free: `Held` by somebody, `HeldByCauseway` (its user, account or queue is at
 * a cap), `Dependency` unmet, `BeginTime` not reached, `Limit` of the scheduler reached, `Licence` missing, `Impossible` as the
 * scheduler sees it, or `Other`.
 */
export type Blocked =
  | 'Held'
  | 'HeldByCauseway'
  | 'Dependency'
  | 'BeginTime'
  | 'Limit'
  | 'Licence'
  | 'Impossible'
  | 'Other'

/** A job as the planner sees it, whatever the scheduler. */
export interface Job {
  /** As users write it: `12`, or `12_3` for an element of an array. `12_[3-9]` stands for elements not split off yet. */
  readonly id: string
  readonly name: string
  readonly user: string
  /** The account it is charged to, '' if the scheduler has none. */
  readonly account: string
  /** Partition or queue. */
  readonly partition: string
  /** `starting`: nodes are chosen, but the job waits for them. `other`: suspended, and whatever else holds its nodes. */
  readonly state: 'pending' | 'starting' | 'running' | 'completing' | 'ended' | 'other'
  /** Why the scheduler says that it waits, in the scheduler's word (`Resources`, `Priority`, ...); '' if it says nothing. */
  readonly reason: string
  /** What but nodes is missing; null when nothing is: the job is eligible, and demand while it is pending. */
  readonly blocked: Blocked | null
  /** How many nodes it asks for; at least 1. */
  readonly nodeCount: number
  /**
   * It asks for this many times `perNode` altogether, on as few or as many nodes as have room (Grid Engine's slots that fill up hosts, Slurm's
   * tasks); `nodeCount` is then 1. Left out: once `perNode` on each of `nodeCount` nodes.
   */
  readonly slots?: number
  /** What it needs of each of its nodes; zeros where it does not say. */
  readonly perNode: Size
  /** Tasks on each node, null if it does not say. `perNode` has what they need. */
  readonly tasksPerNode: number | null
  /** Whether it wants its nodes for itself. */
  readonly exclusive: boolean
  /** How long it may run, ms; null if there is no limit. */
  readonly wallMs: number | null
  /** The scheduler's expression over features, '' if none. */
  readonly features: string
  /** The scheduler's expression over other jobs, '' if none or all met. */
  readonly dependency: string
  /** Not before, ms since the epoch; null if it may begin at once. */
  readonly beginAtMs: number | null
  /** The scheduler's expression over licences, '' if none. */
  readonly licences: string
  /** Its user lets its nodes be at several sites, whatever the policy's placement says of such jobs. Left out: not so. */
  readonly anySite?: boolean
  /** The site to which Causeway has confined its nodes. Left out: none. */
  readonly confinedTo?: string
  /** The nodes chosen for it or held by it, in the scheduler's order; empty while it is pending. */
  readonly nodes: readonly string[]
  /** How many elements the entry stands for: 1, or more for an unsplit array. */
  readonly count: number
  readonly submittedAtMs: number
  /** When it started, null if it has not. */
  readonly startedAtMs: number | null
  /** When it ended, null if it has not. */
  readonly endedAtMs: number | null
}

/** A node as the scheduler sees it. */
export interface QueueNode {
  readonly name: string
  /**
   * `absent`: the scheduler knows that there is no machine (Slurm: POWERED_DOWN). `wanted`: it has asked for the machine and
   * waits for it (Slurm: POWERING_UP). `present`: registered. `leaving`: it has asked to take the machine away (Slurm:
   * POWERING_DOWN or POWER_DOWN).
   */
  readonly power: 'absent' | 'wanted' | 'present' | 'leaving'
  /** The daemon on the node answers. */
  readonly responding: boolean
  /** Some job holds it: running, starting or completing. */
  readonly busy: boolean
  /** It takes no new jobs because somebody said so. */
  readonly drained: boolean
  /** The scheduler holds it for broken. */
  readonly down: boolean
  /** The text given with drain or down, '' if none. Causeway's own texts start with `causeway:`. */
  readonly reason: string
  readonly features: readonly string[]
}

/** One complete reading of the queue. */
export interface QueueSnapshot {
  readonly jobs: readonly Job[]
  readonly nodes: readonly QueueNode[]
}
