import type { PolicyFile } from '../config/policy-schema.ts'
import { formatDuration } from '../config/units.ts'
import type { Cap, PlacementRule } from './plan/policy.ts'
import { type BudgetRule, type PolicyRules, policyRules, type TypeChanges, type TypeRules } from './policy-rules.ts'
import { siteModels } from './policy-simulation.ts'

/** One difference between two policies. */
export interface PolicyChange {
  /** What it is about: `east standard`, `cap user alice`, `window nights`, ... */
  readonly about: string
  /** Which of its values; null: the whole, which is new or gone. */
  readonly key: string | null
  /** null: it is new. */
  readonly from: string | null
  /** null: it is gone. */
  readonly to: string | null
}

/** The values of one thing in a policy, as text. */
type Facts = Readonly<Record<string, string>>

/** What changes from one policy to another, by what it is about; empty when both mean the same. */
export function policyDiff(from: PolicyFile, to: PolicyFile): PolicyChange[] {
  const [before, after] = [factsOf(from), factsOf(to)]
  const changes: PolicyChange[] = []
  for (const about of [...new Set([...before.keys(), ...after.keys()])].toSorted()) {
    const [old, now] = [before.get(about), after.get(about)]
    if (!old || !now) {
      changes.push({ about, key: null, from: old ? inWords(old) : null, to: now ? inWords(now) : null })
      continue
    }
    for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
      const [a = null, b = null] = [old[key], now[key]]
      if (a !== b) changes.push({ about, key, from: a, to: b })
    }
  }
  for (const what of ['placement', 'window']) {
    const [old, now] = [orderOf(what, before, after), orderOf(what, after, before)]
    if (old !== now) changes.push({ about: `order of ${what}s`, key: null, from: old, to: now })
  }
  return changes
}

/** The things of a kind that both have, in the order of the first. */
function orderOf(what: string, of: ReadonlyMap<string, Facts>, other: ReadonlyMap<string, Facts>): string {
  const both = [...of.keys()].filter((about) => about.startsWith(`${what} `) && other.has(about))
  return both.map((about) => about.slice(what.length + 1)).join(', ')
}

function factsOf(file: PolicyFile): ReadonlyMap<string, Facts> {
  const rules = policyRules(file)
  const facts = new Map<string, Facts>()
  for (const type of rules.types) facts.set(`${type.site} ${type.type}`, typeFacts(type))
  for (const cap of rules.caps) facts.set(`cap ${capName(cap)}`, { nodes: String(cap.nodes) })
  for (const budget of rules.budgets) facts.set(`budget ${budgetName(budget)}`, { amount: String(budget.amount) })
  for (const rule of rules.placement) {
    facts.set(`placement ${placementName(rule)}`, { spread: rule.spread, sites: sitesOf(rule) })
  }
  for (const window of rules.windows) facts.set(`window ${window.name}`, windowFacts(window, rules))
  facts.set('policy', { timezone: rules.timezone, currency: rules.currency || 'none' })
  for (const what of ['deadlines', 'retry', 'grace'] as const) facts.set(what, durations(rules[what]))
  facts.set('breaker', {
    failures: String(rules.breaker.failures),
    cooldown: formatDuration(rules.breaker.cooldownMs),
  })
  const { loss, rttMs } = rules.paths
  facts.set('paths', { loss: String(loss), rtt: rttMs === Infinity ? 'any' : formatDuration(rttMs) })
  for (const [site, { bootMs, spread, failures, capacity }] of siteModels(file)) {
    facts.set(`simulation ${site}`, {
      boot: formatDuration(bootMs),
      spread: String(spread),
      failures: String(failures),
      capacity: capacity === null ? 'unlimited' : String(capacity),
    })
  }
  return facts
}

function typeFacts(type: TypeRules): Facts {
  return {
    ...changeFacts(type),
    nodes: `${type.prefix}-1 to ${type.prefix}-${type.names}`,
    cpus: String(type.size.cpus),
    memory: `${type.size.memoryMiB}MiB`,
    gpus: String(type.size.gpus),
    features: type.features.toSorted().join(' '),
  }
}

function changeFacts(type: TypeChanges): Facts {
  const facts: Record<string, string> = {}
  for (const key of ['order', 'minimum', 'maximum', 'spare'] as const) {
    if (type[key] !== undefined) facts[key] = String(type[key])
  }
  for (const key of ['idleMs', 'lifetimeMs', 'billingMs'] as const) {
    if (type[key] !== undefined) facts[key.slice(0, -2)] = formatDuration(type[key])
  }
  if (type.costPerHour !== undefined) facts.cost = String(type.costPerHour)
  return facts
}

function windowFacts(window: PolicyRules['windows'][number], rules: PolicyRules): Facts {
  const facts: Record<string, string> = { cron: window.cron, for: formatDuration(window.forMs) }
  for (const { site, type } of rules.types) {
    for (const [key, value] of Object.entries(changeFacts(window.types.get(`${site}/${type}`) ?? {}))) {
      facts[`${site} ${type} ${key}`] = value
    }
  }
  if (window.caps) facts.caps = list(window.caps.map((cap) => `${capName(cap)} ${cap.nodes}`))
  if (window.budgets) facts.budgets = list(window.budgets.map((budget) => `${budgetName(budget)} ${budget.amount}`))
  return facts
}

/** Durations under their keys in the file: `createMs` is `create` there. */
function durations(values: Readonly<Record<string, number>>): Facts {
  return Object.fromEntries(Object.entries(values).map(([key, ms]) => [key.slice(0, -2), formatDuration(ms)]))
}

/** Whom a cap is for. */
export function capName(cap: Cap): string {
  return `${cap.of} ${cap.name}`
}

/** What a budget is for. */
export function budgetName(budget: BudgetRule): string {
  return budget.site === null ? budget.period : `${budget.period} ${budget.site}`
}

/** Which jobs a placement rule is for. */
export function placementName({ queue, feature }: PlacementRule): string {
  return [queue && `queue ${queue}`, feature && `feature ${feature}`].filter(Boolean).join(', ') || 'all'
}

/** Where a placement rule sends its jobs. */
export function sitesOf(rule: PlacementRule): string {
  return rule.sites.length > 0 ? rule.sites.toSorted().join(' ') : 'all'
}

function list(texts: readonly string[]): string {
  return texts.toSorted().join(', ') || 'none'
}

function inWords(facts: Facts): string {
  return Object.entries(facts)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')
}
