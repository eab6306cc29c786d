import type { NodeRecord } from '../../store/node-record.ts'
import { ByWish } from './by-wish.ts'
import type { Context } from './context.ts'
import { leastEndMs } from './cost.ts'
import type { Blocked, Job } from './demand.ts'
import { type TypePolicy, typeKey } from './policy.ts'
import type { Room } from './room.ts'
import type { JobReason, Reason } from './steps.ts'

type Words = Omit<JobReason, 'job'>

/**
 * Why each job in the queue is where it is, in words for its user.
 * @param obstacle what this plan found in the way of a job, by its id
 * @param placed whether every other eligible job has nodes in this plan
 * @param room what may still be begun after this plan
 */
export function jobReasons(
  ctx: Context,
  obstacle: (job: string) => Reason | undefined,
  placed: boolean,
  room: Room,
): JobReason[] {
  const nodes = new Map(ctx.obs.nodes.map((node) => [node.name, node]))
  // Thousands of pending jobs wait for the same: what is said of them is found once.
  const eligible = new ByWish<Map<string, Words>>()
  const blocked = new Map<Blocked, Map<string, Words>>()
  const found = new Map<Reason, Words>()
  const pending = (job: Job): Words => {
    const inTheWay = obstacle(job.id)
    if (inTheWay) return remember(found, inTheWay, () => fromObstacle(inTheWay))
    const same =
      job.blocked === null
        ? eligible.get(job, () => new Map())
        : remember(blocked, job.blocked, () => new Map<string, Words>())
    // How long a job may run matters only where that has to be paid for.
    const key = ctx.policy.budgets.length > 0 ? `${job.reason} ${job.wallMs}` : job.reason
    return remember(same, key, () => pendingReason(job, ctx, placed, room))
  }
  return ctx.jobs.map((job) => {
    const words = job.state === 'pending' ? pending(job) : reasonFor(job, ctx, nodes)
    return words.facts ? { job: job.id, ...words } : { job: job.id, code: words.code, text: words.text }
  })
}

function remember<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  let value = known.get(key)
  if (value === undefined) known.set(key, (value = make()))
  return value
}

/** The codes of obstacles, as they are told of jobs. */
const codes: Readonly<Partial<Record<Reason['code'], JobReason['code']>>> = {
  AboveMaximum: 'AllNodesBusy',
  SiteClosed: 'SitesClosed',
  SiteDrained: 'SitesDrained',
  OverBudget: 'OverBudget',
  OverCap: 'OverCap',
  NoTypeFits: 'NoTypeFits',
  ProbeUnderWay: 'ProbeUnderWay',
  PathBroken: 'PathBroken',
  PathBad: 'PathBad',
}

function fromObstacle({ code, text, facts }: Reason): Words {
  return { code: codes[code] ?? 'WaitsForScheduler', text, ...(facts ? { facts } : {}) }
}

function reasonFor(job: Job, ctx: Context, nodes: ReadonlyMap<string, NodeRecord>): Words {
  const on = job.nodes.join(', ')
  switch (job.state) {
    case 'ended':
      return { code: 'Ended', text: on ? `it ran on ${on} and has ended` : 'it has ended' }
    case 'running':
    case 'completing':
    case 'other':
    case 'pending':
      return { code: 'Running', text: `it holds ${on}` }
    case 'starting': {
      const coming = job.nodes.map((name) => describe(name, nodes.get(name), ctx.now))
      if (coming.every((c) => c.ready)) {
        return { code: 'NodesReady', text: `its nodes are ready (${on}); the scheduler is starting it` }
      }
      return { code: 'NodesComing', text: `its nodes are being made: ${coming.map((c) => c.text).join('; ')}` }
    }
  }
}

const blockedBy: Readonly<Record<Blocked, string>> = {
  Held: 'somebody holds it',
  HeldByCauseway: 'Causeway holds it until it fits under its caps',
  Dependency: 'it depends on other jobs',
  BeginTime: 'its begin time is yet to come',
  Limit: 'a limit of the scheduler is reached',
  Licence: 'a licence is missing',
  Impossible: 'the scheduler can never run it as it is',
  Other: 'something other than nodes is missing',
}

function pendingReason(job: Job, ctx: Context, placed: boolean, room: Room): Words {
  const said = job.reason || 'no reason given'
  if (job.blocked !== null) {
    const text = `it can't run yet and causes no growth: ${blockedBy[job.blocked]} (the scheduler says ${said})`
    return { code: 'NotEligible', text, facts: { blocked: job.blocked } }
  }
  const usable = ctx.usableTypes(job)
  if (usable.length === 0) {
    const { perNode, features } = job
    return { code: 'NoTypeFits', text: 'no node type has what it asks for', facts: { perNode, features } }
  }
  const undrained = usable.filter((type) => !ctx.drained(type.site))
  if (undrained.length === 0) {
    const texts = new Set(usable.map((type) => ctx.drained(type.site)?.text))
    return { code: 'SitesDrained', text: `every type it could use is at a drained site: ${[...texts].join('; ')}` }
  }
  const unclosed = undrained.filter((type) => !ctx.closed(type))
  const open = unclosed.filter((type) => ctx.paths.cutOff(type.site) === null)
  const cutOff = unclosed[0] && open.length === 0 ? ctx.paths.cutOff(unclosed[0].site) : null
  if (cutOff) return fromObstacle(cutOff)
  if (open.length === 0) {
    const names = undrained.map(typeKey).join(', ')
    return { code: 'SitesClosed', text: `every type it could use is closed after failures: ${names}` }
  }
  if (placed) return { code: 'NodesComing', text: 'its nodes are there or being made; the scheduler will start it' }
  const isFull = (type: TypePolicy) => (ctx.capacity.get(typeKey(type)) ?? 0) >= type.maximum
  const full = open.filter(isFull)
  if (full.length === open.length) {
    const limits = full.map((type) => `${typeKey(type)} ${type.maximum}`).join(', ')
    return {
      code: 'AllNodesBusy',
      text: `the types it could use have their maximum of nodes (${limits}); the scheduler says ${said}`,
    }
  }
  const free = open.filter((type) => !isFull(type))
  const unpaid = overBudget(job, free, ctx, room)
  if (unpaid) return fromObstacle(unpaid)
  const unread = free.map(({ site }) => whySiteUnread(site, ctx))
  if (unread.every((text) => text !== null)) {
    const text = `every site that it could use can't be read: ${[...new Set(unread)].join('; ')}`
    return { code: 'SitesUnreachable', text }
  }
  return { code: 'WaitsForScheduler', text: `the scheduler has not chosen nodes for it yet; it says ${said}` }
}

/** Why nothing is known of a site now; null: it was read, or it is not in the configuration. */
function whySiteUnread(site: string, ctx: Context): string | null {
  const reading = ctx.machines(site)
  return reading === undefined || reading.ok ? null : reading.text
}

/** The budget in the way of one more node for the job, if there is one for each of these types. */
function overBudget(job: Job, types: readonly TypePolicy[], ctx: Context, room: Room): Reason | null {
  const refusals = types.map((type) => room.refusal(type, leastEndMs(type, [job], ctx.now)))
  return refusals.every((refusal) => refusal?.code === 'OverBudget') ? (refusals[0] ?? null) : null
}

function describe(name: string, node: NodeRecord | undefined, now: number): { ready: boolean; text: string } {
  if (!node) return { ready: false, text: `${name} is asked for` }
  const seconds = Math.max(0, Math.round((now - node.phaseSinceMs) / 1000))
  const where = node.host === null ? 'its site' : `host ${node.host} of ${node.site}`
  const unreachable = node.unreachableSinceMs === null ? '' : `, ${where} is unreachable`
  return { ready: node.phase === 'ready', text: `${name} is ${node.phase} for ${seconds} s${unreachable}` }
}
