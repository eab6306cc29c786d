import type { QueueSnapshot, Size } from './plan/demand.ts'

export type { Role } from '../sites/seed.ts'
export { reasonPrefix } from './plan/reason-prefix.ts'

/** Where schedulers differ. The engine asks these, never which scheduler it is. */
export interface Capabilities {
  /**
   * Who chooses the nodes of a job: the `scheduler`, which knows nodes without a machine (cloud nodes) and asks for them by
   * name; or `causeway`, which makes nodes for pending jobs and leaves it to the scheduler to use them.
   */
  readonly places: 'scheduler' | 'causeway'
  /** Whether nodes that it does not know can be made known to it while it runs, long before they have machines (`register`). */
  readonly registers: boolean
  /** What a job that does not want nodes for itself is given: whole `nodes`, or `slots` (CPUs) of nodes that it shares. */
  readonly allocates: 'nodes' | 'slots'
  /** Whether one submission can stand for many jobs (`12_[3-9]`). */
  readonly arrays: boolean
  /** Whether a job of several nodes starts when all of them are there and not before. */
  readonly gangStart: boolean
  /** Whether `fail` brings the jobs of a lost node back to the queue; if not, they end. */
  readonly requeues: boolean
  /**
   * Whether Causeway has to tell the scheduler to which site a job of several nodes is confined (`confine`); if not, the scheduler
   * keeps such jobs in one site by itself, by what it was set up with.
   */
  readonly confines: boolean
}

/** What is so unless an adapter says otherwise. */
export const defaultCapabilities: Capabilities = {
  places: 'causeway',
  registers: false,
  allocates: 'slots',
  arrays: true,
  gangStart: true,
  requeues: true,
  confines: false,
}

/** What a scheduler has to know of a node. */
export interface Registration {
  readonly name: string
  /** IPv4 address in the cluster's segment. */
  readonly address: string
  readonly site: string
  readonly type: string
  readonly size: Size
  /** What jobs can ask for: `site-SITE`, `type-TYPE`, and the admin's own. */
  readonly features: readonly string[]
  /** Preference, from 1; lower comes first. */
  readonly rank: number
}

/**
 * The port to the batch queue. Names are node names; an empty list is a no-op.
 *
 * Contract:
 * - `snapshot` is one complete reading or a rejection (`SchedulerUnreachable`, `MalformedOutput`): never a part.
 * - All other calls are idempotent and return when the scheduler has accepted them; whether they took effect is seen in
 *   the next snapshot. `reason` is written with the prefix `causeway:`.
 * - Rejections are `CausewayError`s; a rejected call may or may not have happened.
 */
export interface Scheduler {
  readonly kind: string
  readonly capabilities: Capabilities
  snapshot(): Promise<QueueSnapshot>
  /**
   * The scheduler is to know these nodes; a node that it knows is brought up to date as far as that goes without disturbing it.
   * Where the scheduler places: all nodes that there may be, long before their machines. Where Causeway places: each before its
   * machine is made; until its daemon answers, a node may be missing in the snapshot or be `present` without responding.
   */
  register(nodes: readonly Registration[]): Promise<void>
  /** Asks for machines for absent nodes, as if a job had: they show up as `wanted`. Used to keep a site's minimum. */
  powerUp(names: readonly string[]): Promise<void>
  /** No new jobs on these nodes; running jobs go on. A node somebody else has drained keeps that drain and reason. */
  drain(names: readonly string[], reason: string): Promise<void>
  /** Takes back our own drain (reason prefix) and only that. */
  cancelDrain(names: readonly string[]): Promise<void>
  /**
   * The machines of these idle or drained nodes are about to go, or are gone: the scheduler expects no daemon there. Where the
   * scheduler places, it may ask for the node again later; where Causeway places, it forgets the node, once no job is on it.
   * Our own drain is lifted by it.
   */
  powerDown(names: readonly string[]): Promise<void>
  /**
   * The machine of these nodes will not come, or is lost. Jobs that wait for it or ran there go back to the queue and may start
   * at once, elsewhere; the node itself is not to be picked until `reopen`, or (where Causeway places) forgotten.
   */
  fail(names: readonly string[], reason: string): Promise<void>
  /** Nodes without a machine are not to be picked (a closed site). Admin's own drains are left alone. */
  close(names: readonly string[], reason: string): Promise<void>
  /** Ends `fail` and `close` for nodes that carry our reason prefix: absent, and free to be asked for. */
  reopen(names: readonly string[]): Promise<void>
  /**
   * These pending jobs are not to start until `release`; they show up as blocked by `HeldByCauseway`. Jobs that somebody else
   * holds, or that are not pending any more, are left as they are. Ids as in the snapshot.
   */
  hold(jobs: readonly string[], reason: string): Promise<void>
  /** Ends our own `hold` and only that. */
  release(jobs: readonly string[]): Promise<void>
  /**
   * All nodes of these pending jobs are to be at this site: they show up with it as `confinedTo`. Jobs that are not pending any more
   * are left as they are. A no-op without the capability `confines`.
   */
  confine(jobs: readonly string[], site: string): Promise<void>
  /**
   * Says in the queue, where the scheduler's own commands show it to the user, why these jobs are where they are: text by job id,
   * at most 200 printable characters each. What others wrote there stays. Jobs that are gone are skipped.
   */
  explain(texts: ReadonlyMap<string, string>): Promise<void>
}
