import type { NodeRecord } from '../../store/node-record.ts'
import type { Context } from './context.ts'
import type { Job } from './demand.ts'
import { growingPhases } from './phases.ts'
import { type Budget, budgetKey, type TypePolicy } from './policy.ts'

const hourMs = 3_600_000

/** What decides what a life costs. */
export type Tariff = Pick<NodeRecord, 'beganAtMs' | 'costPerHour' | 'billingMs'>

/**
 * What the part of a life within a period costs, if the life ends at `endMs`. A begun billing time counts whole, from the
 * beginning of the life on.
 */
export function costWithin(life: Tariff, endMs: number, period: Pick<Budget, 'startMs' | 'endMs'>): number {
  const { beganAtMs, billingMs, costPerHour } = life
  const livedMs = Math.max(0, endMs - beganAtMs)
  const chargedMs = billingMs > 0 ? Math.ceil(livedMs / billingMs) * billingMs : livedMs
  const from = Math.max(beganAtMs, period.startMs)
  const to = Math.min(beganAtMs + chargedMs, period.endMs)
  return (Math.max(0, to - from) / hourMs) * costPerHour
}

/** What is over and what is bound to come, for each budget; new nodes are added as a plan is made. */
export class Ledger {
  readonly #now: number
  readonly #accounts: readonly { readonly budget: Budget; readonly spent: number; projected: number }[]

  constructor(ctx: Pick<Context, 'obs' | 'policy' | 'now' | 'jobs' | 'jobsOn' | 'typeOf'>) {
    const { obs, policy, now } = ctx
    this.#now = now
    const awaited = policy.budgets.length > 0 ? awaitedBy(ctx) : new Map<string, Job>()
    this.#accounts = policy.budgets.map((budget) => {
      let spent = obs.spent.get(budgetKey(budget)) ?? 0
      let projected = spent
      for (const node of obs.nodes) {
        if (budget.site !== null && budget.site !== node.site) continue
        spent += costWithin(node, now, budget)
        projected += costWithin(node, committedUntilMs(node, awaited, ctx), budget)
      }
      return { budget, spent, projected }
    })
  }

  /** For each budget, what is gone and what is bound to be. */
  state(): { period: Budget['period']; site: string | null; amount: number; spent: number; projected: number }[] {
    return this.#accounts.map(({ budget: { period, site, amount }, spent, projected }) => ({
      period,
      site,
      amount,
      spent,
      projected,
    }))
  }

  /** A budget that is projected to be exceeded by what there is already, if it pays for the site. */
  exceeded(site: string): Budget | null {
    return this.#accounts.find((a) => paysFor(a.budget, site) && a.projected > a.budget.amount)?.budget ?? null
  }

  /** A budget that so many new nodes until `untilMs` would exceed. */
  refuses(type: TypePolicy, untilMs: number, count: number): Budget | null {
    for (const { budget, projected } of this.#accounts) {
      if (!paysFor(budget, type.site)) continue
      const cost = count * costWithin(this.#newLife(type), untilMs, budget)
      if (cost > 0 && projected + cost > budget.amount) return budget
    }
    return null
  }

  /** A new node is begun, or with `sign` -1 is not begun after all. */
  add(type: TypePolicy, untilMs: number, sign: 1 | -1): void {
    for (const account of this.#accounts) {
      if (paysFor(account.budget, type.site)) {
        account.projected += sign * costWithin(this.#newLife(type), untilMs, account.budget)
      }
    }
  }

  #newLife(type: TypePolicy): Tariff {
    return { beganAtMs: this.#now, costPerHour: type.costPerHour, billingMs: type.billingMs }
  }
}

/** Until when a node that is begun now for these jobs is paid for at least, ms since the epoch. */
export function leastEndMs(type: TypePolicy, jobs: readonly Pick<Job, 'wallMs'>[], now: number): number {
  const wallMs = jobs.reduce((longest, job) => Math.max(longest, job.wallMs ?? Infinity), 0)
  return now + Math.max(type.lifetimeMs, type.idleMs, wallMs, 1)
}

function paysFor(budget: Budget, site: string): boolean {
  return budget.site === null || budget.site === site
}

/** The pending jobs that nodes on their way were begun for, by id. */
function awaitedBy({ obs, jobs }: Pick<Context, 'obs' | 'jobs'>): ReadonlyMap<string, Job> {
  const ids = new Set(obs.nodes.flatMap((node) => (growingPhases.has(node.phase) ? node.jobs : [])))
  if (ids.size === 0) return new Map()
  return new Map(jobs.flatMap((job) => (job.state === 'pending' && ids.has(job.id) ? [[job.id, job]] : [])))
}

/**
 * Until when a living node is bound to cost: to the end of its jobs, of those that it was begun for while it is on its way, of
 * its idle time and of its least lifetime.
 */
function committedUntilMs(
  node: NodeRecord,
  awaited: ReadonlyMap<string, Job>,
  { now, jobsOn, typeOf }: Pick<Context, 'now' | 'jobsOn' | 'typeOf'>,
): number {
  const type = typeOf(node)
  let untilMs = now
  for (const job of jobsOn(node.name)) {
    untilMs = Math.max(untilMs, (job.startedAtMs ?? now) + (job.wallMs ?? Infinity))
  }
  if (!type || node.phase === 'draining' || node.phase === 'deleting' || node.phase === 'failed') return untilMs
  for (const id of growingPhases.has(node.phase) ? node.jobs : []) {
    const job = awaited.get(id)
    if (job) untilMs = Math.max(untilMs, now + (job.wallMs ?? Infinity))
  }
  return Math.max(untilMs, node.beganAtMs + type.lifetimeMs, (node.idleSinceMs ?? now) + type.idleMs)
}
