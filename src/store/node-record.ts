import type { ErrorCode } from '../base/errors.ts'

/**
 * Where a node is in its life:
 * `planned -> creating -> booting -> installing -> enrolling -> ready <-> draining -> deleting -> gone`, and from any of
 * them `failed -> deleting`. A node whose site can't be read keeps its phase and has `unreachableSinceMs` set.
 */
export type Phase =
  | 'planned'
  | 'creating'
  | 'booting'
  | 'installing'
  | 'enrolling'
  | 'ready'
  | 'draining'
  | 'failed'
  | 'deleting'
  | 'gone'

/** Why a node failed. */
export interface Failure {
  readonly code: ErrorCode
  readonly text: string
}

/** One life of a node, as the store keeps it. The id is the identity; the name is used again by later lives. */
export interface NodeRecord {
  readonly id: string
  readonly name: string
  readonly site: string
  /** The node type at the site. */
  readonly type: string
  /** The host of the pool, or the zone, that has its machine, as last told; null: its site has only one, or it is not known. */
  readonly host: string | null
  /** Where its site's own network reaches its machine, as last told; null: nowhere but in the segment, or it is not known. */
  readonly address: string | null
  /** When this life began, ms since the epoch. */
  readonly beganAtMs: number
  /** What it costs per hour, and the time that is charged for at once (ms, 0: by the ms), as they were when it began. */
  readonly costPerHour: number
  readonly billingMs: number
  readonly phase: Phase
  /** When it entered the phase, ms since the epoch. A reading says something about it only if it began later. */
  readonly phaseSinceMs: number
  /** Since when its site, or the host that has it, can't be read; null while it can. */
  readonly unreachableSinceMs: number | null
  /** When its site is going to take its machine away, as announced, ms since the epoch; null: nothing is announced. */
  readonly leavingAtMs: number | null
  /** Since when no job holds it; null while one does or it is not ready. */
  readonly idleSinceMs: number | null
  /** Set once it failed, kept until it is gone and after. */
  readonly failure: Failure | null
  /** How often the current phase's act was tried in vain, and when it may be tried again. */
  readonly attempts: number
  readonly nextAttemptAtMs: number
  /** Ids of the jobs that it was created for. */
  readonly jobs: readonly string[]
}

/**
 * The breaker of a node type at a site: failures in a row, and until when the type is closed. null: open for use. A time that
 * has passed: half-open, one node may try.
 */
export interface BreakerRecord {
  readonly site: string
  readonly type: string
  readonly failures: number
  readonly closedUntilMs: number | null
}
