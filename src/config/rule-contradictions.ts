import { type Problem, problemAt } from './explain.ts'
import type { NodeType } from './node-types.ts'
import { setFor } from './node-types.ts'
import type { PolicyFile } from './policy-schema.ts'
import { unknownSite } from './unknown-names.ts'

type Rules = PolicyFile['policy']

/** Hours of a budget's period; of a month the most that it can have. */
const hours = { day: 24, month: 31 * 24 } as const

/** What can't be true together in caps, budgets, placement and retries, those that windows set included. */
export function ruleContradictions(file: PolicyFile, types: readonly NodeType[]): Problem[] {
  const { caps, budgets, windows, retry } = file.policy
  const problems = [
    ...capProblems(caps, ['policy', 'caps']),
    ...budgetProblems(file, types, budgets, ['policy', 'budgets']),
    ...placementProblems(file, types),
  ]
  for (const [index, { set }] of windows.entries()) {
    const path = ['policy', 'windows', index, 'set']
    problems.push(
      ...capProblems(set.caps ?? [], [...path, 'caps']),
      ...budgetProblems(file, types, set.budgets ?? [], [...path, 'budgets']),
    )
  }
  if (retry.first > retry.most) {
    problems.push(
      problemAt(
        ['policy', 'retry', 'first'],
        'the first pause is longer than the longest (retry.most): lower it or raise the other',
      ),
    )
  }
  return problems
}

function* capProblems(caps: Rules['caps'], path: Problem['path']): Generator<Problem> {
  const taken = new Map<string, number>()
  for (const [index, cap] of caps.entries()) {
    const named = (['user', 'account', 'queue'] as const).filter((key) => cap[key] !== undefined)
    const [of] = named
    if (of === undefined || named.length > 1) {
      yield problemAt([...path, index], 'a cap is for exactly one of user, account and queue: name one')
      continue
    }
    const key = `${of} ${cap[of]}`
    const other = taken.get(key)
    if (other !== undefined)
      yield problemAt([...path, index], `${key} has a cap already, the ${ordinal(other)}: drop one`)
    taken.set(key, index)
  }
}

function* budgetProblems(
  file: PolicyFile,
  types: readonly NodeType[],
  budgets: Rules['budgets'],
  path: Problem['path'],
): Generator<Problem> {
  const taken = new Map<string, number>()
  for (const [index, { period, site, amount }] of budgets.entries()) {
    const at = [...path, index]
    if (site !== undefined && !Object.hasOwn(file.sites, site)) {
      yield unknownSite([...at, 'site'], site, file)
      continue
    }
    const key = `${period} ${site ?? '*'}`
    const other = taken.get(key)
    if (other !== undefined) {
      yield problemAt(at, `the ${ordinal(other)} budget is for the same ${period} and sites: drop one`)
    }
    taken.set(key, index)
    const least = types
      .filter((type) => site === undefined || type.site === site)
      .reduce((sum, type) => sum + leastPerHour(file, type) * hours[period], 0)
    // Prices are decimal fractions: 0.1 + 0.2 must fit into 0.3.
    if (amount < least * (1 - 1e-9)) {
      yield problemAt(
        [...at, 'amount'],
        `${amount} is less than the ${round(least)} that the minimum nodes cost in a ${period}${
          period === 'month' ? ' of 31 days' : ''
        }: raise it or lower the minimum`,
      )
    }
  }
}

/** What a type's minimum costs per hour when it is lowest. */
function leastPerHour(file: PolicyFile, { site, type, settings }: NodeType): number {
  const sets = file.policy.windows.map(({ set }) => setFor(set, site, type))
  const minimum = Math.min(settings.minimum, ...sets.map((set) => set.minimum ?? settings.minimum))
  const cost = Math.min(settings.cost, ...sets.map((set) => set.cost ?? settings.cost))
  return minimum * cost
}

function* placementProblems(file: PolicyFile, types: readonly NodeType[]): Generator<Problem> {
  const { placement } = file.policy
  for (const [index, rule] of placement.entries()) {
    const at = ['policy', 'placement', index]
    const unknown = rule.sites.map((site, k) => ({ site, k })).filter(({ site }) => !Object.hasOwn(file.sites, site))
    for (const { site, k } of unknown) yield unknownSite([...at, 'sites', k], site, file)
    const earlier = placement.findIndex((other, k) => k < index && covers(other, rule))
    if (earlier >= 0) {
      yield problemAt(at, `the ${ordinal(earlier)} rule fits all that this one does: put this one before it or drop it`)
    }
    if (unknown.length > 0) continue
    const allowed = rule.sites.length > 0 ? rule.sites : Object.keys(file.sites)
    const able = allowed.filter((site) => types.some((type) => type.site === site && type.names > 0))
    if (able.length === 0) {
      yield problemAt([...at, 'sites'], 'none of its sites ever has a node (maximum 0): jobs would wait for ever')
    } else if (rule.spread === 'must-span' && able.length < 2) {
      yield problemAt(
        [...at, 'spread'],
        `must-span needs two sites with nodes, and there is only ${able[0]}: jobs would wait for ever`,
      )
    }
  }
}

/** Whether a rule fits every job that the other fits. */
function covers(rule: Rules['placement'][number], other: Rules['placement'][number]): boolean {
  const queue = rule.queue === undefined || rule.queue === other.queue
  return queue && (rule.feature === undefined || rule.feature === other.feature)
}

function ordinal(index: number): string {
  return ['first', 'second', 'third', 'fourth', 'fifth'][index] ?? `${index + 1}th`
}

function round(amount: number): string {
  return String(Math.round(amount * 100) / 100)
}
