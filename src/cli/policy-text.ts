import { TimeZone } from '../config/time-zone.ts'
import { formatDuration } from '../config/units.ts'
import type { TypePolicy } from '../elastic/plan/policy.ts'
import type { PolicyClock } from '../elastic/policy-clock.ts'
import { budgetName, capName, type PolicyChange, placementName, sitesOf } from '../elastic/policy-diff.ts'
import type { PolicyRules } from '../elastic/policy-rules.ts'
import { table } from './table.ts'

/** What a policy comes to, in short: the node types, the most that they can cost, and the windows. */
export function showSummary(rules: PolicyRules, clock: PolicyClock, nowMs: number): string {
  const { types, caps, budgets, placement } = clock.at(nowMs)
  const perHour = (key: 'minimum' | 'maximum') =>
    money(
      sum(types, (type) => type[key] * type.costPerHour),
      rules,
    )
  return [
    typeTable(types),
    '',
    `${sum(types, (type) => type.minimum)} to ${sum(types, (type) => type.maximum)} nodes, ${perHour('minimum')} to ${perHour('maximum')} an hour`,
    [counted(caps, 'cap'), counted(budgets, 'budget'), counted(placement, 'placement rule')].join(', '),
    '',
    windowTable(rules, clock, nowMs),
  ].join('\n')
}

/** All rules in force at a time. */
export function showPolicy(rules: PolicyRules, clock: PolicyClock, atMs: number): string {
  const { types, caps, budgets, placement, deadlines, retry, grace, breaker } = clock.at(atMs)
  const zone = new TimeZone(rules.timezone)
  const inForce = clock.windowsInForce(atMs)
  const of = (values: Readonly<Record<string, number>>) =>
    Object.entries(values)
      .map(([key, ms]) => `${key.slice(0, -2)} ${formatDuration(ms)}`)
      .join(', ')
  return [
    `rules in force at ${localTime(atMs, zone)}${inForce.length > 0 ? `, in ${inForce.join(', ')}` : ''}`,
    '',
    typeTable(types),
    '',
    ...types.map((type) => `${type.site} ${type.type} has features ${type.features.join(', ')}`),
    '',
    ...caps.map((cap) => `cap: ${capName(cap)}: ${cap.nodes} nodes`),
    ...budgets.map(
      (budget) =>
        `budget: ${budgetName(budget)}: ${money(budget.amount, rules)} from ${localTime(budget.startMs, zone)} to ${localTime(budget.endMs, zone)}`,
    ),
    ...placement.map((rule) => `placement: ${placementName(rule)}: ${rule.spread}, sites: ${sitesOf(rule)}`),
    `deadlines: ${of(deadlines)}`,
    `retry: ${of(retry)}`,
    `grace: ${of(grace)}`,
    `breaker: failures ${breaker.failures}, cooldown ${formatDuration(breaker.cooldownMs)}`,
    '',
    windowTable(rules, clock, atMs),
  ].join('\n')
}

/** What `causeway policy diff` says: a line for each change. */
export function showChanges(changes: readonly PolicyChange[]): string {
  if (changes.length === 0) return 'no differences'
  return changes
    .map(({ about, key, from, to }) => {
      if (from !== null && to !== null) return `${about}: ${key === null ? '' : `${key} `}${from} -> ${to}`
      const what = key === null ? '' : `${key} `
      return to === null ? `${about}: ${what}gone (${from})` : `${about}: ${what}new (${to})`
    })
    .join('\n')
}

function typeTable(types: readonly TypePolicy[]): string {
  return table(
    ['SITE', 'TYPE', 'NODES', 'SPARE', 'CPUS', 'MEMORY', 'GPUS', 'COST/H', 'BILLED BY', 'LIVES', 'IDLE'],
    types.map((type) => [
      type.site,
      type.type,
      `${type.minimum}..${type.maximum}${type.names > type.maximum ? ` (of ${type.names})` : ''}`,
      String(type.spare),
      String(type.size.cpus),
      `${type.size.memoryMiB}MiB`,
      String(type.size.gpus),
      String(type.costPerHour),
      type.billingMs === 0 ? '-' : formatDuration(type.billingMs),
      type.lifetimeMs === 0 ? '-' : `${formatDuration(type.lifetimeMs)} at least`,
      formatDuration(type.idleMs),
    ]),
  )
}

function windowTable(rules: PolicyRules, clock: PolicyClock, nowMs: number): string {
  const zone = new TimeZone(rules.timezone)
  const windows = clock.windowChanges(nowMs)
  if (windows.length === 0) return 'no windows'
  const soonest = windows.toSorted((a, b) => (a.changeMs ?? Infinity) - (b.changeMs ?? Infinity))
  return table(
    ['WINDOW', 'STATE', 'UNTIL'],
    soonest.map(({ name, open, changeMs }) => [
      name,
      open ? 'in force' : 'waits',
      changeMs === null ? 'for good' : localTime(changeMs, zone),
    ]),
  )
}

function localTime(atMs: number, zone: TimeZone): string {
  return `${new Date(atMs + zone.offsetMs(atMs)).toISOString().slice(0, 16).replace('T', ' ')} ${zone.name}`
}

function counted(items: readonly unknown[], what: string): string {
  return `${items.length === 0 ? 'no' : items.length} ${what}${items.length === 1 ? '' : 's'}`
}

function money(amount: number, rules: PolicyRules): string {
  return `${Math.round(amount * 100) / 100}${rules.currency ? ` ${rules.currency}` : ''}`
}

function sum(types: readonly TypePolicy[], of: (type: TypePolicy) => number): number {
  return types.reduce((total, type) => total + of(type), 0)
}
