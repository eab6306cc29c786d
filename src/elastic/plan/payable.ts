import { ByWish } from './by-wish.ts'
import type { Context } from './context.ts'
import { leastEndMs } from './cost.ts'
import type { Job } from './demand.ts'
import { freeNodes } from './keep.ts'
import { typeKey } from './policy.ts'
import type { Room } from './room.ts'
import type { Reason } from './steps.ts'

/**
 * What keeps a pending job from being paid for, where the scheduler places the jobs: no type that it could use may have the
 * nodes that it lacks within the budgets. If it were not held, the scheduler would ask for nodes again and again.
 */
export function createUnpayable(ctx: Context, room: Room): (job: Job) => Reason | null {
  if (ctx.obs.places !== 'scheduler' || ctx.policy.budgets.length === 0) return () => null
  const free = freeNodes(ctx)
  const look = (job: Job): Reason | null => {
    const usable = ctx.usableTypes(job)
    const there = usable.reduce((sum, type) => sum + (free.get(typeKey(type)) ?? 0), 0)
    const lacking = job.nodeCount - there
    if (lacking <= 0) return null
    const refusals = usable.map((type) => room.unpaid(type, leastEndMs(type, [job], ctx.now), lacking))
    return refusals.every((refusal) => refusal !== null) ? (refusals[0] ?? null) : null
  }
  const known = new ByWish<Map<number, Reason | null>>()
  return (job) => {
    const byLength = known.get(job, () => new Map())
    // Distinct for jobs of up to 65 535 nodes that may run for up to four years.
    const key = (job.wallMs ?? -1) * 65_536 + job.nodeCount
    let reason = byLength.get(key)
    if (reason === undefined) byLength.set(key, (reason = look(job)))
    return reason
  }
}
