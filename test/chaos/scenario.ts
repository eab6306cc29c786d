import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { Random } from './random.ts'

/** What may go wrong. A seed has about half of these, so that faults meet each other in many combinations. */
export const faultKinds = [
  'lost-replies',
  'errors',
  'timeouts',
  'slow-calls',
  'slow-boots',
  'dead-boots',
  'failure-reports',
  'lost-reports',
  'lost-wakeups',
  'no-capacity',
  'ssh-cut',
  'site-cut',
  'power-cut',
  'vanish',
  'strays',
  'scheduler-away',
  'scheduler-restart',
  'kills',
  'admin-drains',
] as const

export type FaultKind = (typeof faultKinds)[number]

/** A job of the workload; times in ms from the start. */
export interface PlannedJob {
  readonly atMs: number
  readonly nodes: number
  readonly runMs: number
  readonly features: string
  /** When it is let go, if it is submitted as held. */
  readonly heldUntilMs: number | null
  readonly cancelAtMs: number | null
}

/** All that a seed decides before the start. */
export interface Scenario {
  /** The rules that are in force at a time, ms since the epoch. */
  policyAt(now: number): Policy
  readonly faults: ReadonlySet<FaultKind>
  readonly jobs: readonly PlannedJob[]
  /** Faults happen, and jobs are submitted, until then, ms from the start. */
  readonly troubledMs: number
}

/** Two equal sites with two nodes each and no frills. */
export const plainPolicy: Policy = {
  types: ['east', 'west'].map((site) => ({
    site,
    type: 'standard',
    prefix: site,
    size: { cpus: 4, memoryMiB: 4096, gpus: 0 },
    features: [`site-${site}`, 'type-standard'],
    minimum: 0,
    maximum: 2,
    names: 2,
    spare: 0,
    idleMs: 3000,
    lifetimeMs: 0,
    billingMs: 0,
    costPerHour: 0,
  })),
  caps: [],
  budgets: [],
  placement: [],
  deadlines: { createMs: 20_000, bootMs: 10_000, installMs: 10_000, enrolMs: 10_000, drainMs: 60_000 },
  retry: { firstMs: 500, mostMs: 30_000 },
  grace: { unreachableMs: 60_000, orphanMs: 5000 },
  breaker: { failures: 3, cooldownMs: 60_000 },
}

/** Draws a scenario. */
export function drawScenario(random: Random): Scenario {
  const stream = random.stream('scenario')
  const troubledMs = stream.int(30, 80) * 1000
  const faults = new Set(faultKinds.filter(() => stream.chance(0.45)))
  const policy: Policy = {
    types: ['east', 'west'].map((site) => {
      const maximum = stream.int(1, 3)
      return {
        site,
        type: 'standard',
        prefix: site,
        size: { cpus: 4, memoryMiB: 4096, gpus: 0 },
        features: [`site-${site}`, 'type-standard'],
        minimum: stream.chance(0.3) ? stream.int(1, Math.min(2, maximum)) : 0,
        maximum,
        names: maximum,
        spare: 0,
        idleMs: stream.int(1, 8) * 1000,
        lifetimeMs: 0,
        billingMs: 0,
        costPerHour: 0,
      }
    }),
    caps: [],
    budgets: [],
    placement: [],
    deadlines: { createMs: 20_000, bootMs: 10_000, installMs: 10_000, enrolMs: 10_000, drainMs: 60_000 },
    retry: { firstMs: 500, mostMs: 30_000 },
    grace: { unreachableMs: stream.int(5, 25) * 1000, orphanMs: stream.int(2, 8) * 1000 },
    breaker: { failures: stream.int(2, 3), cooldownMs: stream.int(8, 20) * 1000 },
  }
  const jobs = Array.from({ length: stream.int(4, 14) }, (): PlannedJob => {
    const atMs = stream.int(0, troubledMs)
    return {
      atMs,
      nodes: stream.pick([1, 1, 1, 2, 2, 3]),
      runMs: stream.int(1, 20) * 500,
      features: stream.pick(['', '', 'site-east', 'site-west']),
      heldUntilMs: stream.chance(0.15) ? atMs + stream.int(1, 30) * 1000 : null,
      cancelAtMs: stream.chance(0.15) ? atMs + stream.int(0, 20_000) : null,
    }
  })
  return { policyAt: () => policy, faults, jobs, troubledMs }
}
