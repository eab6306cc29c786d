import type { Budget, Cap, PlacementRule, Policy, TypePolicy } from '../../src/elastic/plan/policy.ts'
import type { Random } from './random.ts'

/** When the world begins, ms since the epoch. */
export const startMs = 1_000_000

/** Two equal sites with two nodes each and no frills. */
export const plainPolicy: Policy = {
  types: ['east', 'west'].map((site) => ({
    ...plainType(site, 'standard'),
    minimum: 0,
    maximum: 2,
    names: 2,
  })),
  caps: [],
  budgets: [],
  placement: [],
  deadlines: { createMs: 20_000, bootMs: 10_000, installMs: 10_000, enrolMs: 10_000, drainMs: 60_000 },
  retry: { firstMs: 500, mostMs: 30_000 },
  grace: { unreachableMs: 60_000, orphanMs: 5000, reuseMs: 0 },
  breaker: { failures: 3, cooldownMs: 60_000 },
  paths: { loss: 0.05, rttMs: Infinity },
}

/** What the policy is from when on: windows and reloads look alike from inside. */
interface Era {
  readonly fromMs: number
  readonly policy: Policy
}

/** A budget before its running period is known. */
interface Purse {
  readonly period: Budget['period']
  readonly periodMs: number
  readonly site: string | null
  readonly amount: number
}

/**
 * Draws rules that change up to two times before `troubledMs`: nodes of one or two types per site; numbers, idle times and
 * caps differ from era to era, prices and budgets stay. A period of a budget lasts less than two minutes.
 */
export function drawRules(stream: Random, troubledMs: number): (now: number) => Policy {
  const base = ['east', 'west'].flatMap((site) => drawTypes(stream, site))
  const fixed = {
    placement: stream.chance(0.5) ? placement : [],
    deadlines: plainPolicy.deadlines,
    retry: { firstMs: stream.pick([200, 500]), mostMs: stream.pick([4000, 30_000]) },
    grace: { unreachableMs: stream.int(5, 25) * 1000, orphanMs: stream.int(2, 8) * 1000, reuseMs: 2000 },
    breaker: { failures: stream.int(2, 3), cooldownMs: stream.int(8, 20) * 1000 },
    paths: { loss: 0.05, rttMs: 150 },
  }
  const caps = drawCaps(stream)
  const count = stream.pick([1, 1, 2, 3])
  const eras = Array.from({ length: count }, (_, i): Era => {
    const fromMs = i === 0 ? -Infinity : startMs + Math.floor((troubledMs * (i + stream.next() / 2)) / count)
    const types = i === 0 ? base : base.map((type) => drawNumbers(stream, type))
    const capped = i > 0 && stream.chance(0.3) ? drawCaps(stream) : caps
    return { fromMs, policy: { ...fixed, types, caps: capped, budgets: [] } }
  })
  const purses = stream.chance(0.5)
    ? drawPurses(
        stream,
        eras.map(({ policy }) => policy.types),
      )
    : []
  return (now) => {
    const era = eras.findLast(({ fromMs }) => fromMs <= now) as Era
    return purses.length === 0
      ? era.policy
      : { ...era.policy, budgets: purses.map(({ periodMs, ...purse }) => ({ ...purse, ...running(periodMs, now) })) }
  }
}

function running(periodMs: number, now: number): Pick<Budget, 'startMs' | 'endMs'> {
  const beganMs = now - (now % periodMs)
  return { startMs: beganMs, endMs: beganMs + periodMs }
}

const placement: readonly PlacementRule[] = [
  { queue: 'wide', feature: '', spread: 'may-span', sites: [] },
  { queue: 'eastern', feature: '', spread: 'one-site', sites: ['east'] },
]

function plainType(site: string, type: string) {
  return {
    site,
    type,
    prefix: `${site}-${type}`,
    size: { cpus: 4, memoryMiB: 4096, gpus: 0 },
    features: [`site-${site}`, `type-${type}`],
    spare: 0,
    idleMs: 3000,
    lifetimeMs: 0,
    billingMs: 0,
    costPerHour: 0,
  }
}

function drawTypes(stream: Random, site: string): TypePolicy[] {
  return stream.pick([['small'], ['small'], ['large'], ['small', 'large']]).map((name): TypePolicy => {
    const names = stream.int(1, 3)
    const type = {
      ...plainType(site, name),
      size: name === 'small' ? { cpus: 4, memoryMiB: 4096, gpus: 0 } : { cpus: 8, memoryMiB: 8192, gpus: 1 },
      names,
      maximum: names,
      minimum: 0,
      // One per second is 3600 per hour.
      costPerHour: stream.pick([0, 0, 3600, 7200]),
      lifetimeMs: stream.chance(0.25) ? stream.int(5, 20) * 1000 : 0,
      billingMs: stream.chance(0.25) ? stream.int(5, 20) * 1000 : 0,
    }
    return drawNumbers(stream, type)
  })
}

/** What windows and reloads change. */
function drawNumbers(stream: Random, type: TypePolicy): TypePolicy {
  const maximum = stream.chance(0.6) ? type.names : stream.int(1, type.names)
  return {
    ...type,
    maximum,
    minimum: stream.chance(0.25) ? stream.int(1, Math.min(2, maximum)) : 0,
    spare: stream.chance(0.25) ? 1 : 0,
    idleMs: stream.int(1, 8) * 1000,
  }
}

/**
 * Budgets that pay for what is kept for nothing, and for the dearest node through a part of the period up to three times of
 * it: types may have six such nodes, so that some may begin and others may not.
 * @param eras what is kept differs from era to era
 */
function drawPurses(stream: Random, eras: readonly (readonly TypePolicy[])[]): Purse[] {
  const priced = eras.flat().filter(({ costPerHour }) => costPerHour > 0)
  const purses: Purse[] = []
  for (const period of ['day', 'month'] as const) {
    if (priced.length === 0 || (period === 'month' && stream.chance(0.6))) continue
    const periodMs = stream.int(30, 90) * 1000
    const site = stream.pick([null, ...priced.map((type) => type.site)])
    const isPaid = (type: TypePolicy) => site === null || type.site === site
    const cost = ({ costPerHour, billingMs }: TypePolicy) => (costPerHour * (periodMs + billingMs)) / 3_600_000
    const kept = eras.map((types) =>
      types.filter(isPaid).reduce((sum, type) => sum + Math.max(type.minimum, type.spare) * cost(type), 0),
    )
    const dearest = Math.max(...priced.filter(isPaid).map(cost))
    purses.push({ period, periodMs, site, amount: Math.max(...kept) + dearest * stream.pick([0.4, 0.8, 1.5, 3]) })
  }
  return purses
}

function drawCaps(stream: Random): Cap[] {
  if (!stream.chance(0.35)) return []
  const of = stream.pick(['user', 'account', 'queue'] as const)
  const name = { user: stream.pick(['alice', '*']), account: '*', queue: stream.pick(['batch', '*']) }[of]
  return [{ of, name, nodes: stream.int(1, 4) }]
}
