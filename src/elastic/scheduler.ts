import type { QueueSnapshot } from './plan/demand.ts'

export { reasonPrefix } from './plan/reason-prefix.ts'

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
  /**
   * Who chooses the nodes of a job: the `scheduler`, which knows absent nodes and asks for them by name, or `causeway`: then
   * nodes are unknown to the scheduler until their machines register, and again once they are powered down.
   */
  readonly places: 'scheduler' | 'causeway'
  snapshot(): Promise<QueueSnapshot>
  /** Asks for machines for absent nodes, as if a job had: they show up as `wanted`. Used to keep a site's minimum. */
  powerUp(names: readonly string[]): Promise<void>
  /** No new jobs on these nodes; running jobs go on. A node somebody else has drained keeps that drain and reason. */
  drain(names: readonly string[], reason: string): Promise<void>
  /** Takes back our own drain (reason prefix) and only that. */
  cancelDrain(names: readonly string[]): Promise<void>
  /**
   * The machines of these idle or drained nodes are about to go, or are gone: the scheduler expects no daemon there and
   * may ask for the node again later. Our own drain is lifted by it.
   */
  powerDown(names: readonly string[]): Promise<void>
  /**
   * The machine that the scheduler asked for will not come. Jobs that wait for it go back to the queue and may start at
   * once, elsewhere; the node itself is not to be picked until `reopen`.
   */
  fail(names: readonly string[], reason: string): Promise<void>
  /** Nodes without a machine are not to be picked (a closed site). Admin's own drains are left alone. */
  close(names: readonly string[], reason: string): Promise<void>
  /**
   * These pending jobs are not to start until `release`; they show up as blocked by `HeldByCauseway`. Jobs that somebody else
   * holds, or that are not pending any more, are left as they are. Ids as in the snapshot.
   */
  hold(jobs: readonly string[], reason: string): Promise<void>
  /** Ends our own `hold` and only that. */
  release(jobs: readonly string[]): Promise<void>
  /** Ends `fail` and `close` for nodes that carry our reason prefix: absent, and free to be asked for. */
  reopen(names: readonly string[]): Promise<void>
}
