import type { Size } from '../../src/elastic/plan/demand.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { Capabilities } from '../../src/elastic/scheduler.ts'
import type { Random } from './random.ts'
import { drawRules } from './rules.ts'

/** What may go wrong. A seed has about half of these, so that faults meet each other in many combinations. */
export const faultKinds = [
  'lost-replies',
  'twice',
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
  'user-holds',
] as const

/** Troubles of the paths between gateways: drawn apart, so that the other seeds are what they were. */
export const pathFaultKinds = ['path-broken', 'path-lossy', 'path-unknown'] as const

/**
 * Troubles of the hosts of pools, drawn apart too. A dark host can't be read while its machines run on; one that is cut off can't
 * be reached by anybody; one that reboots or is lost takes its machines down or with it; one that is dark after a create has made a
 * machine and has not said so.
 */
export const poolFaultKinds = [
  'host-dark',
  'host-cut',
  'host-reboot',
  'host-lost',
  'leave-notices',
  'site-drains',
  'host-drains',
  'dark-after-create',
] as const

export type FaultKind = (typeof faultKinds)[number] | (typeof pathFaultKinds)[number] | (typeof poolFaultKinds)[number]

/** A job of the workload; times in ms from the start. */
export interface PlannedJob {
  readonly atMs: number
  readonly nodes: number
  readonly perNode: Partial<Size>
  readonly exclusive: boolean
  readonly user: string
  readonly account: string
  readonly queue: string
  readonly runMs: number
  readonly wallMs: number | null
  readonly features: string
  /** When it is let go, if it is submitted as held. */
  readonly heldUntilMs: number | null
  readonly cancelAtMs: number | null
}

/** The hosts of sites that have several. */
export type Pools = ReadonlyMap<string, readonly string[]>

/** All that a seed decides before the start. */
export interface Scenario {
  readonly places: Capabilities['places']
  /** The rules that are in force at a time, ms since the epoch. */
  policyAt(now: number): Policy
  readonly faults: ReadonlySet<FaultKind>
  /** The hosts of each site; a site that is left out has one only. */
  readonly pools: Pools
  readonly jobs: readonly PlannedJob[]
  /** Faults happen, rules change and jobs are submitted, until then, ms from the start. */
  readonly troubledMs: number
}

/** Draws a scenario. */
export function drawScenario(random: Random): Scenario {
  const stream = random.stream('scenario')
  const ofPaths = random.stream('path faults')
  const ofPools = random.stream('pool faults')
  const troubledMs = stream.int(20, 60) * 1000
  return {
    places: stream.pick(['scheduler', 'causeway']),
    faults: new Set([
      ...faultKinds.filter(() => stream.chance(0.45)),
      ...pathFaultKinds.filter(() => ofPaths.chance(0.45)),
      ...poolFaultKinds.filter(() => ofPools.chance(0.45)),
    ]),
    pools: drawPools(random.stream('pools')),
    policyAt: drawRules(random.stream('rules'), troubledMs),
    jobs: Array.from({ length: stream.int(3, 12) }, () => drawJob(stream, troubledMs)),
    troubledMs,
  }
}

function drawPools(stream: Random): Pools {
  const some = ['east', 'west'].filter(() => stream.chance(0.6))
  return new Map(some.map((site) => [site, ['h1', 'h2', 'h3'].slice(0, stream.int(2, 3))]))
}

function drawJob(stream: Random, troubledMs: number): PlannedJob {
  const atMs = stream.int(0, troubledMs)
  const runMs = stream.int(1, 20) * 500
  return {
    atMs,
    nodes: stream.pick([1, 1, 1, 2, 2, 3]),
    perNode: { cpus: stream.pick([1, 1, 2, 4, 8]), memoryMiB: stream.pick([0, 0, 1000, 4000]) },
    exclusive: stream.chance(0.5),
    user: stream.pick(['alice', 'bob', 'carol']),
    account: stream.pick(['', 'physics']),
    queue: stream.pick(['batch', 'batch', 'wide', 'eastern']),
    runMs,
    wallMs: stream.chance(0.6) ? runMs + stream.int(-1, 5) * 500 : null,
    features: stream.pick(['', '', '', 'site-east', 'site-west', 'type-large']),
    heldUntilMs: stream.chance(0.15) ? atMs + stream.int(1, 30) * 1000 : null,
    cancelAtMs: stream.chance(0.15) ? atMs + stream.int(0, 20_000) : null,
  }
}
