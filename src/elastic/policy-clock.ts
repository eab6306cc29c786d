import { TimeZone } from '../config/time-zone.ts'
import { type Budget, type Cap, type Policy, type TypePolicy, typeKey } from './plan/policy.ts'
import type { BudgetRule, PolicyRules, TypeRules } from './policy-rules.ts'
import { WindowTimes } from './policy-window.ts'

const dayMs = 86_400_000

/** The rules apart from the budgets' running periods, for one choice of windows. */
interface Variant {
  readonly policy: Policy
  readonly budgets: readonly BudgetRule[]
}

/** The policy by the time: which windows are in force, and which day and month budgets are for. */
export class PolicyClock {
  readonly #rules: PolicyRules
  readonly #zone: TimeZone
  readonly #windows: readonly WindowTimes[]
  /** By the windows in force. */
  readonly #variants = new Map<string, Variant>()
  #current: Policy | null = null
  #windowsInForce = ''
  /** The times that `#current` is surely good for. */
  #fromMs = Number.POSITIVE_INFINITY
  #untilMs = Number.NEGATIVE_INFINITY

  /** @param rules of a checked file: its cron expressions and its time zone have a meaning */
  constructor(rules: PolicyRules) {
    this.#rules = rules
    this.#zone = new TimeZone(rules.timezone)
    this.#windows = rules.windows.map((window) => new WindowTimes(window, this.#zone))
  }

  /** The rules in force; the same object as long as nothing changes. Quick when asked for times that grow. */
  at(nowMs: number): Policy {
    const known = this.#current
    if (known && nowMs >= this.#fromMs && nowMs < this.#untilMs) return known
    const states = this.#windows.map((window) => window.at(nowMs))
    const inForce = states.map(({ open }) => (open ? '1' : '0')).join('')
    const { policy, budgets } = this.#variant(inForce)
    const ends = budgets.length > 0 ? this.#period('day', nowMs).endMs : Number.POSITIVE_INFINITY
    const sameBudgets = known?.budgets.every(({ startMs, endMs }) => nowMs >= startMs && nowMs < endMs) ?? false
    const current =
      known && inForce === this.#windowsInForce && sameBudgets
        ? known
        : { ...policy, budgets: budgets.map((rule): Budget => ({ ...rule, ...this.#period(rule.period, nowMs) })) }
    this.#current = current
    this.#windowsInForce = inForce
    this.#fromMs = nowMs
    this.#untilMs = Math.min(ends, ...states.map(({ untilMs }) => untilMs))
    return current
  }

  /** When a window next begins or ends or a budget's period ends, ms; null if never. It may be early, but never late. */
  nextChangeMs(nowMs: number): number | null {
    const changes = this.#windows.flatMap((window) => window.changeAfterMs(nowMs) ?? [])
    const ends = this.at(nowMs).budgets.map(({ endMs }) => endMs)
    const next = Math.min(...changes, ...ends)
    return Number.isFinite(next) ? next : null
  }

  /** The windows in force, in the order of the file. */
  windowsInForce(nowMs: number): readonly string[] {
    return this.#rules.windows.filter((_, index) => this.#windows[index]?.at(nowMs).open).map(({ name }) => name)
  }

  /** When each window next begins or ends, ms, in the order of the file; `changeMs` is null if never. */
  windowChanges(
    nowMs: number,
  ): readonly { readonly name: string; readonly open: boolean; readonly changeMs: number | null }[] {
    return this.#rules.windows.map(({ name }, index) => ({
      name,
      open: this.#windows[index]?.at(nowMs).open ?? false,
      changeMs: this.#windows[index]?.changeAfterMs(nowMs) ?? null,
    }))
  }

  #variant(inForce: string): Variant {
    const known = this.#variants.get(inForce)
    if (known) return known
    const variant = variantOf(this.#rules, inForce)
    this.#variants.set(inForce, variant)
    return variant
  }

  /** The day or month of the policy's zone that is running. */
  #period(period: Budget['period'], nowMs: number): Pick<Budget, 'startMs' | 'endMs'> {
    const today = this.#zone.dayOf(nowMs)
    if (period === 'day') return { startMs: this.#zone.startOfDay(today), endMs: this.#zone.startOfDay(today + 1) }
    const date = new Date(today * dayMs)
    const firstOf = (ahead: number) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + ahead, 1) / dayMs
    return { startMs: this.#zone.startOfDay(firstOf(0)), endMs: this.#zone.startOfDay(firstOf(1)) }
  }
}

function variantOf(rules: PolicyRules, inForce: string): Variant {
  const windows = rules.windows.filter((_, index) => inForce[index] === '1')
  const types = rules.types
    .map((type): TypeRules => Object.assign({ ...type }, ...windows.map((window) => window.types.get(typeKey(type)))))
    .toSorted(byPreference)
    .map(typePolicy)
  const caps: readonly Cap[] = windows.findLast((window) => window.caps !== null)?.caps ?? rules.caps
  const budgets = windows.findLast((window) => window.budgets !== null)?.budgets ?? rules.budgets
  const { placement, deadlines, retry, grace, breaker, paths } = rules
  return { policy: { types, caps, budgets: [], placement, deadlines, retry, grace, breaker, paths }, budgets }
}

/** What the planner sees. Where windows overlap, the maximum is what counts. */
function typePolicy(rules: TypeRules): TypePolicy {
  const { site, type, prefix, size, features, maximum, names, idleMs, lifetimeMs, billingMs, costPerHour } = rules
  const minimum = Math.min(rules.minimum, maximum)
  const spare = Math.min(rules.spare, maximum)
  const times = { idleMs, lifetimeMs, billingMs }
  return { site, type, prefix, size, features, minimum, maximum, names, spare, ...times, costPerHour }
}

function byPreference(a: TypeRules, b: TypeRules): number {
  return a.order - b.order || a.costPerHour - b.costPerHour || compare(a.site, b.site) || compare(a.type, b.type)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
