/** How a job fared. Times in ms from the beginning of the trace. */
export interface JobOutcome {
  readonly id: string
  readonly submitMs: number
  /** null: it never started. */
  readonly startMs: number | null
  readonly endMs: number | null
  readonly nodeCount: number
  readonly runMs: number
  readonly user: string
  /** Where its nodes were. */
  readonly sites: readonly string[]
}

/** One life of a node. Times in ms from the beginning of the trace. */
export interface LifeOutcome {
  readonly site: string
  readonly type: string
  readonly beganMs: number
  /** null: it never became ready. */
  readonly readyMs: number | null
  readonly endedMs: number
  /** How long jobs held it, ms. */
  readonly busyMs: number
  /** In the policy's currency, charged times counted whole. */
  readonly cost: number
  readonly failed: boolean
}

/** How things stood at a moment. */
export interface Sample {
  readonly atMs: number
  readonly pendingJobs: number
  /** Nodes that the pending jobs ask for. */
  readonly pendingNodes: number
  readonly runningJobs: number
  /** By site. */
  readonly nodes: Readonly<Record<string, { coming: number; busy: number; idle: number; leaving: number }>>
  /** So far, in the policy's currency. */
  readonly cost: number
}

/** What a simulation of one policy on one trace came to. */
export interface SimulationResult {
  readonly policy: string
  readonly trace: string
  /** When the last thing happened, ms from the beginning of the trace. */
  readonly endedMs: number
  readonly jobs: readonly JobOutcome[]
  readonly lives: readonly LifeOutcome[]
  readonly samples: readonly Sample[]
  /** How often the planner was asked. */
  readonly rounds: number
}
