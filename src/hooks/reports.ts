import type { JobReason } from '../elastic/plan/steps.ts'
import type { Drain } from '../store/drain-store.ts'
import type { StoredEvent } from '../store/event-store.ts'
import type { JobRecord } from '../store/job-store.ts'
import type { Failure } from '../store/node-record.ts'

/** A node as the API and the CLI show it. Times are ms since the epoch, durations ms. */
export interface NodeReport {
  readonly name: string
  readonly id: string
  readonly site: string
  readonly type: string
  /** The host of the pool, or the zone, that has it; null: its site has only one, or it is not known. */
  readonly host: string | null
  /** Its phase, or `unreachable` while its site, or the host that has it, can't be read. */
  readonly phase: string
  readonly sinceMs: number
  readonly ageMs: number
  readonly address: string | null
  /** Why nothing is done with it now, or why it failed. */
  readonly reason: string
  readonly failure: Failure | null
  readonly jobs: readonly string[]
  /** How long it was in each phase. */
  readonly phasesMs: Readonly<Record<string, number>>
}

/** `GET /v1/status`. */
export interface StatusReport {
  readonly cluster: string
  readonly atMs: number
  /** When the last round looked; null before the first. */
  readonly observedAtMs: number | null
  /** Steps of the last plan that were held back because they would break an invariant; 0 unless Causeway has a fault. */
  readonly refusedSteps: number
  readonly queue: {
    readonly reachable: boolean
    readonly text: string
    readonly jobs: Readonly<Record<string, number>>
  }
  /** Sites, and hosts of pools, that are out of use, as of the last round. */
  readonly drains: readonly Drain[]
  /** The policy's windows that are in force. */
  readonly windows: readonly string[]
  /** In the currency of the policy: what is gone, and with what lives bound to be, in the periods that run. */
  readonly budgets: readonly {
    readonly period: string
    /** null: all sites together. */
    readonly site: string | null
    readonly amount: number
    readonly spent: number
    readonly projected: number
  }[]
  /** The node types of all sites, preferred ones first, with the rules that are in force. */
  readonly types: readonly {
    readonly site: string
    readonly type: string
    readonly minimum: number
    readonly maximum: number
    readonly spare: number
    readonly costPerHour: number
    /** Whether its site could be read. */
    readonly reachable: boolean
    /** Until when it is closed after failures; null while it is open. */
    readonly closedUntilMs: number | null
    /** It was closed, and is being tried with one node. */
    readonly halfOpen: boolean
    readonly trouble: string
    /** How many nodes are in each phase. */
    readonly phases: Readonly<Record<string, number>>
  }[]
  readonly nodes: readonly NodeReport[]
}

/** `GET /v1/nodes/NODE/timeline`: the latest lives under a name, each with its events. */
export interface TimelineReport {
  readonly node: string
  readonly lives: readonly { readonly id: string; readonly events: readonly StoredEvent[] }[]
}

/** `GET /v1/jobs/JOB/why`. */
export interface JobReport {
  readonly job: string
  /** What the last round says of it (of its elements, for an array). */
  readonly now: readonly JobReason[]
  readonly jobs: readonly JobRecord[]
  /** What happened to nodes made for it, and hooks that named it. */
  readonly history: readonly StoredEvent[]
}
