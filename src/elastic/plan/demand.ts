/** A job as the planner sees it, whatever the scheduler. */
export interface Job {
  /** As users write it: `12`, or `12_3` for an element of an array. `12_[3-9]` stands for elements not split off yet. */
  readonly id: string
  readonly name: string
  readonly user: string
  /** Partition or queue. */
  readonly partition: string
  /** `starting`: nodes are chosen, but the job waits for them. `other`: suspended, and whatever else holds its nodes. */
  readonly state: 'pending' | 'starting' | 'running' | 'completing' | 'ended' | 'other'
  /** Why the scheduler says that it waits, in the scheduler's word (`Resources`, `Priority`, ...); '' if it says nothing. */
  readonly reason: string
  /** True when nothing but nodes is missing: not held, no unmet dependency, begin time reached, possible at all. */
  readonly eligible: boolean
  /** How many nodes it asks for; at least 1. */
  readonly nodeCount: number
  /** The scheduler's expression over features, '' if none. */
  readonly features: string
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
