import type { NodeRecord } from '../../store/node-record.ts'
import type { Context } from './context.ts'
import type { Job } from './demand.ts'
import type { JobReason } from './steps.ts'

type Words = Omit<JobReason, 'job'>

/** Why each job in the queue is where it is, in words for its user. */
export function jobReasons(ctx: Context): JobReason[] {
  const nodes = new Map(ctx.obs.nodes.map((node) => [node.name, node]))
  // Thousands of pending jobs wait for the same: what is said of them is found once. By features, null for the ineligible.
  const known = new Map<string | null, Map<string, Words>>()
  const pending = (job: Job) => {
    const key = job.eligible ? job.features : null
    const byReason = known.get(key) ?? new Map<string, Words>()
    known.set(key, byReason)
    const words = byReason.get(job.reason) ?? pendingReason(job, ctx)
    byReason.set(job.reason, words)
    return words
  }
  return ctx.jobs.map((job) => {
    const { code, text } = job.state === 'pending' ? pending(job) : reasonFor(job, ctx, nodes)
    return { job: job.id, code, text }
  })
}

function reasonFor(job: Job, ctx: Context, nodes: ReadonlyMap<string, NodeRecord>): Words {
  const on = job.nodes.join(', ')
  switch (job.state) {
    case 'ended':
      return { code: 'Ended', text: on ? `it ran on ${on} and has ended` : 'it has ended' }
    case 'running':
    case 'completing':
    case 'other':
      return { code: 'Running', text: `it holds ${on}` }
    case 'starting': {
      const coming = job.nodes.map((name) => describe(name, nodes.get(name), ctx.now))
      if (coming.every((c) => c.ready)) {
        return { code: 'NodesReady', text: `its nodes are ready (${on}); the scheduler is starting it` }
      }
      return {
        code: 'NodesComing',
        text: `its nodes are being made: ${coming.map((c) => c.text).join('; ')}`,
      }
    }
    case 'pending':
      return pendingReason(job, ctx)
  }
}

/** Depends on `reason`, and for an eligible job on `features`. */
function pendingReason(job: Pick<Job, 'eligible' | 'features' | 'reason'>, ctx: Context): Words {
  const said = job.reason || 'no reason given'
  if (!job.eligible) {
    return {
      code: 'NotEligible',
      text: `it can't run yet and causes no growth: the scheduler says ${said}`,
    }
  }
  const usable = ctx.usableSites(job.features)
  const open = usable.filter((site) => !ctx.closed(site.name))
  if (usable.length > 0 && open.length === 0) {
    const names = usable.map((site) => site.name).join(', ')
    return { code: 'SitesClosed', text: `every site it could use is closed after failures: ${names}` }
  }
  const full = open.filter((site) => (ctx.capacity.get(site.name) ?? 0) >= site.maximum)
  if (open.length > 0 && full.length === open.length) {
    const limits = full.map((site) => `${site.name} ${site.maximum}`).join(', ')
    return {
      code: 'AllNodesBusy',
      text: `the sites it could use have their maximum of nodes (${limits}); the scheduler says ${said}`,
    }
  }
  return {
    code: 'WaitsForScheduler',
    text: `the scheduler has not chosen nodes for it yet; it says ${said}`,
  }
}

function describe(name: string, node: NodeRecord | undefined, now: number): { ready: boolean; text: string } {
  if (!node) return { ready: false, text: `${name} is asked for` }
  const seconds = Math.max(0, Math.round((now - node.phaseSinceMs) / 1000))
  const unreachable = node.unreachableSinceMs === null ? '' : ', its site is unreachable'
  return { ready: node.phase === 'ready', text: `${name} is ${node.phase} for ${seconds} s${unreachable}` }
}
