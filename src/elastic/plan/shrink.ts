import type { NodeRecord } from '../../store/node-record.ts'
import type { Context } from './context.ts'
import type { Job } from './demand.ts'
import { freeNodes } from './keep.ts'
import type { Packing } from './pack.ts'
import { type Budget, type TypePolicy, typeKey } from './policy.ts'
import type { Room } from './room.ts'
import type { Reason } from './steps.ts'
import { isTooLarge } from './too-large.ts'

/** What decides whether nodes may go. It changes as nodes go: several that go in one round count together. */
export interface Shrinking extends Context {
  /** A job that is to have the node, by its id. */
  neededBy(node: NodeRecord): string | undefined
  /** A budget that what there is already exceeds. */
  exceeded(site: string): Budget | null
  /** Free nodes of a type. */
  free(type: TypePolicy): number
  /** Nodes of a type that are or will be ready. */
  useful(type: TypePolicy): number
  /** A node of the type is drained (-1), or its drain is cancelled (+1). */
  change(node: NodeRecord, by: 1 | -1): void
}

/**
 * @param packing null where the scheduler places the jobs: then a node is needed by any job that could use it
 * @param held jobs that are not to run now
 */
export function createShrinking(
  ctx: Context,
  room: Room,
  packing: Packing | null,
  held: ReadonlyMap<string, Reason>,
): Shrinking {
  const free = freeNodes(ctx)
  const useful = new Map(ctx.capacity)
  const demand = packing ? new Map<string, Job>() : firstDemand(ctx, held)
  return {
    ...ctx,
    neededBy: (node) => (packing ? packing.needed.get(node.id) : demand.get(typeKey(node))?.id),
    exceeded: (site) => room.ledger.exceeded(site),
    free: (type) => free.get(typeKey(type)) ?? 0,
    useful: (type) => useful.get(typeKey(type)) ?? 0,
    change: (node, by) => {
      const key = typeKey(node)
      // One that has to go was not counted as free.
      if (!ctx.toGo(node)) free.set(key, (free.get(key) ?? 0) + by)
      useful.set(key, (useful.get(key) ?? 0) + by)
    },
  }
}

/** The first job that waits for nodes of each type, by `typeKey`. */
function firstDemand(ctx: Context, held: ReadonlyMap<string, Reason>): ReadonlyMap<string, Job> {
  const byType = new Map<string, Job>()
  for (const job of ctx.jobs) {
    if (byType.size === ctx.policy.types.length) break
    if (job.state !== 'pending' || job.blocked !== null || held.has(job.id)) continue
    if (isTooLarge(job, ctx)) continue
    for (const type of ctx.usableTypes(job)) {
      const key = typeKey(type)
      if (!byType.has(key)) byType.set(key, job)
    }
  }
  return byType
}
