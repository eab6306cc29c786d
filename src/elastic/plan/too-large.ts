import type { Context } from './context.ts'
import type { Job } from './demand.ts'
import type { TypePolicy } from './policy.ts'

/**
 * Whether all nodes that the job could use are too few for it, as the rules are now: it is no demand then, and takes no
 * place under a cap that others could have.
 */
export function isTooLarge(job: Job, ctx: Context): boolean {
  const usable = ctx.usableTypes(job)
  if (job.nodeCount <= largest(usable)) return false
  const together = usable.reduce((sum, type) => sum + type.maximum, 0)
  if (job.nodeCount > together) return true
  // Where the scheduler places the jobs, it may spread them as it likes.
  if (ctx.obs.places === 'scheduler' || ctx.placementOf(job).spread !== 'one-site') return false
  const bySite = new Map<string, number>()
  for (const { site, maximum } of usable) bySite.set(site, (bySite.get(site) ?? 0) + maximum)
  return job.nodeCount > Math.max(...bySite.values())
}

function largest(types: readonly TypePolicy[]): number {
  return types.reduce((most, { maximum }) => Math.max(most, maximum), 0)
}
