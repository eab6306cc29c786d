import type { Failure, Phase } from '../../store/node-record.ts'

/** Why something is done or not done: a stable code, a sentence for people, and the facts it stands on. */
export interface Reason {
  readonly code: ReasonCode
  readonly text: string
  readonly facts?: Readonly<Record<string, unknown>>
}

/**
 * The reasons of plans.
 *
 * Acting: `SiteDrained`, `HostDrained`, `MachineLeaving`, `DrainLeft`, `WantedByQueue`, `NeededByJobs`, `BelowMinimum`, `BelowSpare`, `Enrolled`, `Idle`, `Drained`, `DemandReturned`, `PoweredDownByQueue`, `RestartedByQueue`,
 * `NotWanted`, `Failed`, `SiteClosed`, `SiteReopened`, `AboveMaximum`, `OverBudget`, `OverCap`, `WithinCap`, `OneSite`, `NotRegistered`, `Orphan`,
 * `MachineFound`.
 * Waiting: `ActUnderWay`, `BackingOff`, `SiteUnreachable`, `QueueUnreachable`, `StaleReading`, `InTime`, `Busy`, `IdleTimeRunning`,
 * `LifetimeRunning`, `PaidFor`, `AtMinimum`, `Spare`, `DemandWaiting`, `DrainedByAdmin`, `DrainNotSeen`, `DrainOverdue`, `QueueSaysDown`,
 * `UnknownSite`, `ProbeUnderWay`, `NoTypeFits`, `PathBroken`, `PathBad`.
 */
type ReasonCode =
  | 'WantedByQueue'
  | 'NeededByJobs'
  | 'BelowMinimum'
  | 'BelowSpare'
  | 'Enrolled'
  | 'SiteDrained'
  | 'HostDrained'
  | 'MachineLeaving'
  | 'DrainLeft'
  | 'Idle'
  | 'Drained'
  | 'DemandReturned'
  | 'PoweredDownByQueue'
  | 'RestartedByQueue'
  | 'NotWanted'
  | 'Failed'
  | 'SiteClosed'
  | 'SiteReopened'
  | 'AboveMaximum'
  | 'OverBudget'
  | 'OverCap'
  | 'WithinCap'
  | 'OneSite'
  | 'NotRegistered'
  | 'Orphan'
  | 'MachineFound'
  | 'ActUnderWay'
  | 'BackingOff'
  | 'SiteUnreachable'
  | 'QueueUnreachable'
  | 'StaleReading'
  | 'InTime'
  | 'Busy'
  | 'IdleTimeRunning'
  | 'LifetimeRunning'
  | 'PaidFor'
  | 'AtMinimum'
  | 'Spare'
  | 'DemandWaiting'
  | 'DrainedByAdmin'
  | 'DrainNotSeen'
  | 'DrainOverdue'
  | 'QueueSaysDown'
  | 'UnknownSite'
  | 'ProbeUnderWay'
  | 'NoTypeFits'
  | 'PathBroken'
  | 'PathBad'

/** One thing to do. Steps on different nodes are independent of each other. */
export type Step = NodeStep | NameStep | JobStep

/** A step on a live node, by the id of its life. */
export type NodeStep =
  /** Make the machine (again): idempotent by id. */
  | { readonly kind: 'create'; readonly id: string; readonly reason: Reason }
  /** Record that the node is in another phase; nothing is done outside. */
  | { readonly kind: 'move'; readonly id: string; readonly to: Phase; readonly reason: Reason }
  /** Record that the node failed. `expected`: it had to go anyway, which says nothing against its type. */
  | {
      readonly kind: 'fail'
      readonly id: string
      readonly failure: Failure
      readonly expected?: true
      readonly reason: Reason
    }
  /** Tell the queue that a failed node won't come, then go on to delete it. */
  | { readonly kind: 'give-up'; readonly id: string; readonly reason: Reason }
  | { readonly kind: 'drain'; readonly id: string; readonly reason: Reason }
  | { readonly kind: 'cancel-drain'; readonly id: string; readonly reason: Reason }
  /** Take the node out of the queue (`tellQueue`: it still counts on the node) and delete its machine. */
  | { readonly kind: 'remove'; readonly id: string; readonly tellQueue: boolean; readonly reason: Reason }

/** A step on something that has no live node: a name in the queue, or a machine at a site. */
export type NameStep =
  /** A new life: its intent is written, then its machine is made. */
  | {
      readonly kind: 'begin'
      readonly name: string
      readonly site: string
      readonly type: string
      readonly jobs: readonly string[]
      readonly reason: Reason
    }
  /** A running machine with an id of ours that the store has lost: a node of that id and name again. */
  | {
      readonly kind: 'adopt'
      readonly site: string
      readonly type: string
      readonly machine: string
      readonly name: string
      readonly reason: Reason
    }
  /** Delete a machine that belongs to no live node. */
  | { readonly kind: 'collect'; readonly site: string; readonly machine: string; readonly reason: Reason }
  /** Tell the queue of nodes that there may be. */
  | {
      readonly kind: 'register'
      readonly names: readonly string[]
      readonly site: string
      readonly type: string
      readonly reason: Reason
    }
  /** Queue nodes by name: ask for machines, refuse to deliver, say that there is no machine, take out of use, put back. */
  | {
      readonly kind: 'power-up' | 'refuse' | 'dismiss' | 'close' | 'reopen'
      readonly names: readonly string[]
      readonly site: string
      readonly reason: Reason
    }

/** A step on pending jobs: keep them from starting, let them go again, or keep their nodes in one site. Ids as the queue writes them. */
export type JobStep =
  | { readonly kind: 'hold' | 'release'; readonly jobs: readonly string[]; readonly reason: Reason }
  | { readonly kind: 'confine'; readonly jobs: readonly string[]; readonly site: string; readonly reason: Reason }

/** Whether a step is about a live node. */
export function isNodeStep(step: Step): step is NodeStep {
  return 'id' in step
}

/** Whether a step is about jobs. */
export function isJobStep(step: Step): step is JobStep {
  return 'jobs' in step && step.kind !== 'begin'
}

/** Facts about a node that are recorded without a phase change. */
export interface Note {
  readonly id: string
  /** New value, or undefined to leave it. */
  readonly idleSinceMs?: number | null
  readonly unreachableSinceMs?: number | null
  readonly host?: string
  readonly address?: string
  readonly leavingAtMs?: number | null
}

/** Why a job is where it is. */
export interface JobReason {
  readonly job: string
  readonly code:
    | 'Running'
    | 'Ended'
    | 'NotEligible'
    | 'NodesComing'
    | 'NodesReady'
    | 'SitesClosed'
    | 'SitesDrained'
    | 'SitesUnreachable'
    | 'AllNodesBusy'
    | 'OverBudget'
    | 'OverCap'
    | 'NoTypeFits'
    | 'ProbeUnderWay'
    | 'PathBroken'
    | 'PathBad'
    | 'WaitsForScheduler'
  readonly text: string
  readonly facts?: Readonly<Record<string, unknown>>
}

/** What to do now, made from one observation. Immutable; every node that is left alone has a reason too. */
export interface Plan {
  readonly atMs: number
  readonly steps: readonly Step[]
  readonly notes: readonly Note[]
  /** Nodes for which nothing is done, by id. */
  readonly waiting: ReadonlyMap<string, Reason>
  readonly jobs: readonly JobReason[]
  /** When time alone may change the plan, ms since the epoch; null if it won't. */
  readonly nextAtMs: number | null
}
