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
  readonly policy: Policy
  readonly faults: ReadonlySet<FaultKind>
  readonly jobs: readonly PlannedJob[]
  /** Faults happen, and jobs are submitted, until then, ms from the start. */
  readonly troubledMs: number
}

/** Draws a scenario. */
export function drawScenario(random: Random): Scenario {
  const stream = random.stream('scenario')
  const troubledMs = stream.int(30, 80) * 1000
  const faults = new Set(faultKinds.filter(() => stream.chance(0.45)))
  const policy: Policy = {
    sites: ['east', 'west'].map((name) => {
      const maximum = stream.int(1, 3)
      return {
        name,
        minimum: stream.chance(0.3) ? stream.int(1, Math.min(2, maximum)) : 0,
        maximum,
        idleMs: stream.int(1, 8) * 1000,
      }
    }),
    deadlines: { createMs: 20_000, bootMs: 10_000, installMs: 10_000, enrolMs: 10_000 },
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
  return { policy, faults, jobs, troubledMs }
}
