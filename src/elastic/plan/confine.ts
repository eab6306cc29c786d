import { jobKey } from './caps.ts'
import type { Context } from './context.ts'
import type { Packing } from './pack.ts'
import { isStale } from './stale.ts'
import type { Step } from './steps.ts'

/**
 * Where the scheduler would spread the nodes of a job over sites by itself: the jobs whose nodes are thought onto one site are
 * confined to it.
 */
export function confineSteps(ctx: Context, packing: Packing): Step[] {
  const { queue, confines } = ctx.obs
  if (confines !== true || !queue.ok) return []
  const bySite = new Map<string, string[]>()
  for (const job of ctx.jobs) {
    const site = packing.sites.get(job.id)
    if (site === undefined || site === job.confinedTo || isStale(jobKey(job.id), queue.startedAtMs, ctx)) continue
    const others = bySite.get(site)
    if (others) others.push(job.id)
    else bySite.set(site, [job.id])
  }
  return [...bySite].map(([site, jobs]) => {
    const text = `all of their nodes are to be at ${site}`
    return { kind: 'confine', jobs, site, reason: { code: 'OneSite', text } }
  })
}
