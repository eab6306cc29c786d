import type { Context } from './context.ts'
import { nodeName, parseNodeName } from './policy.ts'
import { reasonPrefix } from './reason-prefix.ts'
import type { Step } from './steps.ts'

/** New lives for the nodes that the queue asks for and nobody makes yet; refusals for those that can't be had. */
export function growSteps(ctx: Context): Step[] {
  const { queue } = ctx.obs
  if (!queue.ok) return []
  const alive = new Map(ctx.obs.nodes.map((node) => [node.name, node]))
  const steps: Step[] = []
  const lives = new Map<string, number>()
  for (const node of ctx.obs.nodes) lives.set(node.site, (lives.get(node.site) ?? 0) + 1)
  for (const wanted of queue.value.nodes) {
    if (wanted.power !== 'wanted' || alive.has(wanted.name)) continue
    if (isStale(wanted.name, queue.startedAtMs, ctx)) continue
    const place = parseNodeName(wanted.name, ctx.policy)
    if (!place) continue
    const { site, k } = place
    const names = [wanted.name]
    const jobs = ctx.jobsOn(wanted.name).map((job) => job.id)
    if (k > site.maximum) {
      const text = `${site.name} may have ${site.maximum} nodes and this is number ${k}`
      steps.push({ kind: 'refuse', names, site: site.name, reason: { code: 'AboveMaximum', text } })
    } else if (ctx.closed(site.name)) {
      const text = `${site.name} is closed after failures`
      steps.push({ kind: 'refuse', names, site: site.name, reason: { code: 'SiteClosed', text } })
    } else if ((lives.get(site.name) ?? 0) >= site.maximum) {
      const text = `${site.name} may have ${site.maximum} nodes and has them, some beyond a maximum that was lowered`
      steps.push({ kind: 'refuse', names, site: site.name, reason: { code: 'AboveMaximum', text } })
    } else {
      lives.set(site.name, (lives.get(site.name) ?? 0) + 1)
      const text = jobs.length > 0 ? `the queue wants it for job ${jobs.join(', ')}` : 'the queue wants it'
      steps.push({
        kind: 'begin',
        name: wanted.name,
        site: site.name,
        jobs,
        reason: { code: 'WantedByQueue', text, facts: { jobs } },
      })
    }
  }
  return steps
}

/** Asks the queue for nodes where a site has fewer than its minimum. */
export function minimumSteps(ctx: Context): Step[] {
  const { queue } = ctx.obs
  if (!queue.ok) return []
  const alive = new Set(ctx.obs.nodes.map((node) => node.name))
  const steps: Step[] = []
  for (const site of ctx.policy.sites) {
    if (ctx.closed(site.name)) continue
    const names: string[] = []
    let have = ctx.capacity.get(site.name) ?? 0
    for (const node of queue.value.nodes) {
      if (node.power === 'wanted' && !alive.has(node.name) && parseNodeName(node.name, ctx.policy)?.site === site)
        have++
    }
    for (let k = 1; k <= site.maximum && have + names.length < site.minimum; k++) {
      const name = nodeName(site.name, k)
      const inQueue = ctx.queueNodes.get(name)
      if (inQueue?.power === 'absent' && !inQueue.drained && !inQueue.down && !alive.has(name)) names.push(name)
    }
    if (names.length === 0) continue
    const text = `${site.name} has ${have} nodes and keeps ${site.minimum}`
    steps.push({ kind: 'power-up', names, site: site.name, reason: { code: 'BelowMinimum', text } })
  }
  return steps
}

/** Takes the idle names of closed sites out of the queue's choice, and puts names back when their time has come. */
export function availabilitySteps(ctx: Context): Step[] {
  const { queue } = ctx.obs
  if (!queue.ok) return []
  const alive = new Set(ctx.obs.nodes.map((node) => node.name))
  const steps: Step[] = []
  for (const site of ctx.policy.sites) {
    const closed = ctx.closed(site.name)
    const toClose: string[] = []
    const toReopen: string[] = []
    for (let k = 1; k <= site.maximum; k++) {
      const name = nodeName(site.name, k)
      const inQueue = ctx.queueNodes.get(name)
      if (!inQueue || inQueue.power !== 'absent' || alive.has(name)) continue
      const ours = inQueue.reason.startsWith(reasonPrefix)
      const failedAt = ctx.obs.lastFailureMs.get(name)
      const resting = failedAt !== undefined && ctx.now < failedAt + ctx.policy.breaker.cooldownMs
      if (isStale(name, queue.startedAtMs, ctx)) continue
      if (closed && !inQueue.drained && !inQueue.down) toClose.push(name)
      if (!closed && !resting && ours && (inQueue.drained || inQueue.down)) toReopen.push(name)
    }
    const until = ctx.obs.breakers.get(site.name)?.closedUntilMs ?? null
    if (toClose.length > 0) {
      const text = `${site.name} is closed after failures in a row`
      steps.push({
        kind: 'close',
        names: toClose,
        site: site.name,
        reason: { code: 'SiteClosed', text, facts: { until } },
      })
    }
    if (toReopen.length > 0) {
      const text = 'the cooldown is over'
      steps.push({ kind: 'reopen', names: toReopen, site: site.name, reason: { code: 'SiteReopened', text } })
    }
  }
  return steps
}

/** Nodes that the queue believes present though their site, fully read, has no machine of that name and nobody makes one. */
export function dismissSteps(ctx: Context): Step[] {
  const { queue } = ctx.obs
  if (!queue.ok) return []
  const alive = new Set(ctx.obs.nodes.map((node) => node.name))
  const listed = new Map(
    [...ctx.obs.sites].map(([site, reading]) => [
      site,
      new Set(reading.ok ? reading.value.map(({ name }) => name) : []),
    ]),
  )
  const steps: Step[] = []
  for (const inQueue of queue.value.nodes) {
    if (inQueue.power !== 'present' || alive.has(inQueue.name) || isStale(inQueue.name, queue.startedAtMs, ctx))
      continue
    const site = parseNodeName(inQueue.name, ctx.policy)?.site
    const machines = site && ctx.machines(site.name)
    if (!site || !machines?.ok || listed.get(site.name)?.has(inQueue.name)) continue
    const text = `the queue shows ${inQueue.name} as present, but ${site.name} has no such machine`
    steps.push({ kind: 'dismiss', names: [inQueue.name], site: site.name, reason: { code: 'NotWanted', text } })
  }
  return steps
}

/** Whether an act on this name is under way, or the queue was read before the last one ended. */
function isStale(name: string, readingStartedAtMs: number, ctx: Context): boolean {
  return ctx.obs.inFlight.has(name) || readingStartedAtMs <= (ctx.obs.settledAtMs.get(name) ?? 0)
}
