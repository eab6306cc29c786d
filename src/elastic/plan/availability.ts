import type { Context } from './context.ts'
import { leastEndMs } from './cost.ts'
import type { SiteMachine } from './observation.ts'
import { nodeName, parseNodeName, type TypePolicy, typeKey } from './policy.ts'
import { reasonPrefix } from './reason-prefix.ts'
import type { Room } from './room.ts'
import { isStale } from './stale.ts'
import type { Reason, Step } from './steps.ts'

/**
 * Where the scheduler places the jobs: takes names that it could not be given out of its choice (a closed type, a drained site, one
 * that the head does not reach, a budget that one more node would exceed, numbers beyond the maximum that is in force, as many more as live beyond it), and puts them back
 * when their time has come. Names that it does not know are made known to it first.
 */
export function availabilitySteps(ctx: Context, room: Room): Step[] {
  const { queue } = ctx.obs
  if (!queue.ok || ctx.obs.places !== 'scheduler') return []
  return ctx.policy.types.flatMap((type) => availabilityOf(type, queue.startedAtMs, ctx, room))
}

function availabilityOf(type: TypePolicy, readAtMs: number, ctx: Context, room: Room): Step[] {
  const shut = whyShut(type, ctx, room)
  const toClose: string[] = []
  const beyond: string[] = []
  const toReopen: string[] = []
  const unknown: string[] = []
  // The maximum is one of nodes, not of numbers: a node that lives beyond it takes the place of one within.
  let open = type.maximum - (ctx.lives.get(typeKey(type)) ?? 0)
  for (let k = 1; k <= type.names; k++) {
    const name = nodeName(type.prefix, k)
    const inQueue = ctx.queueNodes.get(name)
    if (!inQueue && ctx.obs.registers === true && !isStale(name, readAtMs, ctx)) unknown.push(name)
    if (!inQueue || ctx.alive.has(name)) continue
    if (inQueue.power === 'wanted') open--
    if (inQueue.power !== 'absent' || isStale(name, readAtMs, ctx)) continue
    const ours = inQueue.reason.startsWith(reasonPrefix)
    const out = inQueue.drained || inQueue.down
    const failedAt = ctx.obs.lastFailureMs.get(name)
    const resting = failedAt !== undefined && ctx.now < failedAt + ctx.policy.breaker.cooldownMs
    if (shut && k <= type.maximum) {
      if (!out) toClose.push(name)
    } else if (k > type.maximum || open <= 0) {
      if (!out) beyond.push(name)
    } else if (!resting) {
      open--
      if (ours && out) toReopen.push(name)
    }
  }
  const { site } = type
  const steps: Step[] = []
  if (unknown.length > 0) {
    const text = 'the policy has nodes that the queue does not know'
    steps.push({ kind: 'register', names: unknown, site, type: type.type, reason: { code: 'NotRegistered', text } })
  }
  if (shut && toClose.length > 0) steps.push({ kind: 'close', names: toClose, site, reason: shut })
  if (beyond.length > 0) {
    const text = `${typeKey(type)} may have ${type.maximum} nodes now`
    steps.push({ kind: 'close', names: beyond, site, reason: { code: 'AboveMaximum', text } })
  }
  if (toReopen.length > 0) {
    const text = 'they may be asked for again'
    steps.push({ kind: 'reopen', names: toReopen, site, reason: { code: 'SiteReopened', text } })
  }
  return steps
}

/** What closes a type for as long as it lasts. */
const shutting: ReadonlySet<Reason['code']> = new Set(['SiteDrained', 'OverBudget', 'PathBroken'])

function whyShut(type: TypePolicy, ctx: Context, room: Room): Reason | null {
  if (ctx.closed(type)) {
    const until = ctx.obs.breakers.get(typeKey(type))?.closedUntilMs ?? null
    return { code: 'SiteClosed', text: `${typeKey(type)} is closed after failures in a row`, facts: { until } }
  }
  const refusal = room.refusal(type, leastEndMs(type, [], ctx.now))
  return refusal && shutting.has(refusal.code) ? refusal : null
}

/**
 * Nodes that the queue believes present though their site, fully read, has no machine of that name and nobody makes one; and
 * those that were given up and came after all.
 */
export function dismissSteps(ctx: Context): Step[] {
  const { queue } = ctx.obs
  if (!queue.ok) return []
  // Hardly ever needed, and long lists: made when they are.
  const lists = new Map<string, ReadonlySet<string>>()
  const listedAt = (site: string, machines: readonly SiteMachine[]) => {
    const listed = lists.get(site) ?? new Set(machines.map(({ name }) => name))
    lists.set(site, listed)
    return listed
  }
  const leaving = new Map(
    ctx.obs.nodes.flatMap((node) => (node.phase === 'deleting' && node.failure !== null ? [[node.name, node]] : [])),
  )
  const steps: Step[] = []
  for (const inQueue of queue.value.nodes) {
    const givenUp = leaving.get(inQueue.name)
    if (inQueue.power !== 'present' || isStale(inQueue.name, queue.startedAtMs, ctx)) continue
    if (ctx.alive.has(inQueue.name) && !givenUp) continue
    const site = parseNodeName(inQueue.name, ctx.policy)?.type.site
    const machines = site === undefined ? undefined : ctx.machines(site)
    if (site === undefined || !machines?.ok) continue
    const mayBeThere = givenUp
      ? ctx.unread(givenUp) !== null
      : (machines.unread ?? []).length > 0 || listedAt(site, machines.value).has(inQueue.name)
    if (mayBeThere) continue
    const text = givenUp
      ? `${inQueue.name} was given up and came after all`
      : `the queue shows ${inQueue.name} as present, but ${site} has no such machine`
    steps.push({ kind: 'dismiss', names: [inQueue.name], site, reason: { code: 'NotWanted', text } })
  }
  return steps
}
