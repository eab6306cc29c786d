import type { NodeRecord } from '../../store/node-record.ts'
import type { Job } from './demand.ts'
import type { Breach, Invariant } from './lint-findings.ts'
import { usefulPhases } from './lint-phases.ts'
import { jobsById, type World } from './lint-world.ts'
import type { Budget, Cap, TypePolicy } from './policy.ts'
import type { Step } from './steps.ts'

type Found = readonly [Invariant, Step | null, Breach]

/**
 * Begins that a budget can't bear: the money that is gone, that what lives is bound to cost, and that each begin in the
 * plan's order is bound to cost. Also drains for a budget that bears all that there is.
 */
export function moneyBreaches(world: World): Found[] {
  const concerned = world.plan.steps.some((step) => step.kind === 'begin' || step.reason.code === 'OverBudget')
  if (!concerned || world.policy.budgets.length === 0) return []
  const jobs = jobsById(world)
  return world.policy.budgets.flatMap((budget) => {
    const key = `${budget.period}/${budget.site ?? '*'}`
    let sum = world.obs.spent.get(key) ?? 0
    for (const node of world.byId.values()) {
      if (budget.site === null || budget.site === node.site) sum += boundCost(node, jobs, world, budget)
    }
    const before = sum
    const found: Found[] = []
    for (const step of world.plan.steps) {
      if (
        step.kind === 'drain' &&
        step.reason.code === 'OverBudget' &&
        step.reason.facts?.['period'] === budget.period
      ) {
        const sameSite = (step.reason.facts['site'] ?? null) === budget.site
        if (sameSite && before <= budget.amount)
          found.push(['NotShown', step, { text: `budget ${key} is not exceeded` }])
      }
      if (step.kind !== 'begin' || (budget.site !== null && budget.site !== step.site)) continue
      const type = world.types.get(`${step.site}/${step.type}`)
      if (!type || type.costPerHour === 0) continue
      sum += leastCost(type, step.jobs, jobs, world.now, budget)
      // Adding in another order may differ in the last digits.
      if (sum <= budget.amount * (1 + 1e-9)) continue
      const facts = { sum, amount: budget.amount }
      found.push(['OverBudget', step, { text: `budget ${key} of ${budget.amount} would be exceeded`, facts }])
    }
    return found
  })
}

function boundCost(node: NodeRecord, jobs: ReadonlyMap<string, Job>, world: World, budget: Budget): number {
  let until = world.now
  for (const job of jobsAt(node.name, world)) {
    until = Math.max(until, job.wallMs === null ? Infinity : (job.startedAtMs ?? world.now) + job.wallMs)
  }
  const onItsWay = usefulPhases.has(node.phase) && node.phase !== 'ready'
  for (const id of onItsWay ? node.jobs : []) {
    const job = jobs.get(id)
    if (job?.state === 'pending') until = Math.max(until, world.now + (job.wallMs ?? Infinity))
  }
  const type = world.types.get(`${node.site}/${node.type}`)
  if (type && !['draining', 'deleting', 'failed'].includes(node.phase)) {
    until = Math.max(until, node.beganAtMs + type.lifetimeMs, (node.idleSinceMs ?? world.now) + type.idleMs)
  }
  return price(node.beganAtMs, until, node.billingMs, node.costPerHour, budget)
}

function leastCost(
  type: TypePolicy,
  ids: readonly string[],
  jobs: ReadonlyMap<string, Job>,
  now: number,
  budget: Budget,
): number {
  let lasts = Math.max(1, type.lifetimeMs, type.idleMs)
  for (const id of ids) {
    const job = jobs.get(id)
    if (job) lasts = Math.max(lasts, job.wallMs ?? Infinity)
  }
  return price(now, now + lasts, type.billingMs, type.costPerHour, budget)
}

function price(from: number, until: number, billingMs: number, perHour: number, { startMs, endMs }: Budget): number {
  const units = billingMs > 0 ? Math.ceil(Math.max(0, until - from) / billingMs) * billingMs : Math.max(0, until - from)
  return (Math.max(0, Math.min(from + units, endMs) - Math.max(from, startMs)) * perHour) / 3_600_000
}

function jobsAt(name: string, world: World): readonly Job[] {
  return world.jobsByNode.get(name) ?? []
}

/** Begins for jobs beyond a cap, and releases of jobs beyond it. */
export function capBreaches(world: World): Found[] {
  const grants = world.plan.steps.some((step) => step.kind === 'begin' || step.kind === 'release')
  if (world.policy.caps.length === 0 || !world.obs.queue.ok || !grants) return []
  const jobs = jobsById(world)
  const used = new Map<string, number>()
  // A job that is refused some node goes back to the queue, and what it waited for is free for others.
  const refused = new Set(world.plan.steps.flatMap((step) => (step.kind === 'refuse' ? step.names : [])))
  for (const job of world.obs.queue.value.jobs) {
    if (job.state === 'pending' || job.state === 'ended') continue
    if (job.nodes.some((name) => refused.has(name))) continue
    for (const [key] of limitsOf(job, world)) used.set(key, (used.get(key) ?? 0) + job.nodeCount)
  }
  const beyond = (job: Job, asks: number) =>
    limitsOf(job, world).find(([key, cap]) => (used.get(key) ?? 0) + asks > cap.nodes)
  const found: Found[] = []
  for (const step of world.plan.steps) {
    if (step.kind !== 'begin' && step.kind !== 'release') continue
    for (const id of step.jobs) {
      const job = jobs.get(id)
      if (!job) continue
      const broken = beyond(job, job.state === 'pending' ? job.nodeCount : 0)
      if (broken)
        found.push(['OverCap', step, { text: `job ${id} is beyond the cap of ${broken[0]}`, facts: { job: id } }])
    }
  }
  return found
}

function limitsOf(job: Job, world: World): [string, Cap][] {
  const values = { user: job.user, account: job.account, queue: job.partition }
  return Object.entries(values).flatMap(([of, value]): [string, Cap][] => {
    const mine = world.policy.caps.filter((cap) => cap.of === of)
    const cap = mine.find((one) => one.name === value) ?? mine.find((one) => one.name === '*')
    return cap ? [[`${of} ${value}`, cap]] : []
  })
}
