import type { ErrorCode } from '../../base/errors.ts'
import type { Leaving } from '../../sites/driver.ts'
import type { Drain } from '../../store/drain-store.ts'
import type { BreakerRecord, NodeRecord } from '../../store/node-record.ts'
import type { QueueSnapshot } from './demand.ts'

/** A source that was read in this round, or could not be. `startedAtMs`: when the reading began. */
export type Reading<T> =
  | { readonly ok: true; readonly startedAtMs: number; readonly value: T }
  | { readonly ok: false; readonly startedAtMs: number; readonly code: ErrorCode; readonly text: string }

/** A machine as its site lists it. */
export interface SiteMachine {
  readonly id: string
  readonly name: string
  readonly state: 'running' | 'stopped'
  /** The host of the pool, or the zone, that has it; null or left out: the site has only one. */
  readonly host?: string | null
  /** Where the site's own network reaches it; null or left out: nowhere, or not known. */
  readonly address?: string | null
  /** What the site announces of taking it away; null or left out: nothing. */
  readonly leaving?: Leaving | null
}

/** A host of a pool that could not be read in this round: nothing is known of what it holds. */
export interface UnreadHost {
  readonly host: string
  readonly code: ErrorCode
  readonly text: string
}

/** The machines of a site, and the hosts whose machines are not among them because they could not be read. */
export type SiteReading = Reading<readonly SiteMachine[]> & { readonly unread?: readonly UnreadHost[] }

/** What is known of the path from one gateway (a site's, or the `head`'s) to another. */
export interface Path {
  readonly from: string
  readonly to: string
  /** Does not flutter: it takes several measurements to change. `unknown` is not broken. */
  readonly state: 'good' | 'broken' | 'unknown'
  /** Mean round trip, ms; null when it is not known. */
  readonly rttMs: number | null
  /** Share of packets lost, 0 to 1; null when it is not known. */
  readonly loss: number | null
}

/** Everything that a plan is made from: one immutable picture of the queue, the sites and the store. */
export interface Observation {
  readonly queue: Reading<QueueSnapshot>
  /**
   * Who chooses the nodes of a job: the `scheduler`, which asks for absent ones by name (Slurm), or `causeway`, which makes
   * nodes for pending jobs and leaves it to the scheduler to use them (Grid Engine, Torque).
   */
  readonly places: 'scheduler' | 'causeway'
  /** Whether the scheduler can be told of nodes that it does not know, long before they have machines. Left out: no. */
  readonly registers?: boolean
  /** Whether the scheduler has to be told to which site a job of several nodes is confined. Left out: no. */
  readonly confines?: boolean
  /** By site name. */
  readonly sites: ReadonlyMap<string, SiteReading>
  /** Sites and hosts that are to be empty. Left out: none. */
  readonly drains?: readonly Drain[]
  /** Between all gateways. Left out: nobody measures them. */
  readonly paths?: readonly Path[]
  /** All lives that are not gone. */
  readonly nodes: readonly NodeRecord[]
  /** Ids of nodes with an act under way: they are left alone in this round. */
  readonly inFlight: ReadonlySet<string>
  /** By `typeKey`. */
  readonly breakers: ReadonlyMap<string, BreakerRecord>
  /** What the lives that are over have cost in each budget's period so far, by `budgetKey`. */
  readonly spent: ReadonlyMap<string, number>
  /** When the last act on a node ended, by its id and by its name, ms; readings begun before are stale for it. */
  readonly settledAtMs: ReadonlyMap<string, number>
  /** When a node name last failed, by name, ms. */
  readonly lastFailureMs: ReadonlyMap<string, number>
  /** When the last life of a node name ended, by name, ms; of those that ended lately. Left out: none did. */
  readonly lastGoneMs?: ReadonlyMap<string, number>
  /** Machines with an id that no live node has: when they were first seen, by id, ms. */
  readonly orphansSinceMs: ReadonlyMap<string, number>
}
