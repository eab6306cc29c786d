import * as fc from 'fast-check'
import type { Job, QueueNode } from '../../src/elastic/plan/demand.ts'
import type { Observation, Path } from '../../src/elastic/plan/observation.ts'
import type { Budget, Cap, PlacementRule, Policy } from '../../src/elastic/plan/policy.ts'
import type { Drain } from '../../src/store/drain-store.ts'
import type { NodeRecord, Phase } from '../../src/store/node-record.ts'
import { job, machine, node, now, observation, policy, queueNode } from './world.ts'

/** An observation with the policy that it is planned for. */
export interface SomeWorld {
  readonly obs: Observation
  readonly policy: Policy
}

/** `east` has two nodes at most: `east-3` is one too many, as after a maximum was lowered. */
const names = ['east-1', 'east-2', 'east-3', 'west-1', 'west-2']
const phases: Phase[] = [
  'planned',
  'creating',
  'booting',
  'installing',
  'enrolling',
  'ready',
  'draining',
  'failed',
  'deleting',
]

const someTime = fc.integer({ min: now - 400_000, max: now })

/** Mostly nothing, sometimes anything: what is out of order hides what the planner does when all is well. */
const rarely = <T>(some: readonly T[]): fc.Arbitrary<T[]> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant<T[]>([]) }, { weight: 1, arbitrary: fc.subarray([...some]) })
const mostly = fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) })
const seldom = mostly.map((yes) => !yes)

const someQueueNode = (name: string): fc.Arbitrary<QueueNode> =>
  fc.oneof(
    fc.constant(queueNode({ name })),
    fc
      .record({
        power: fc.constantFrom('absent', 'wanted', 'present', 'present', 'leaving'),
        responding: mostly,
        busy: fc.boolean(),
        drained: fc.boolean(),
        down: seldom,
        reason: fc.constantFrom('', 'disk', 'causeway: idle'),
      })
      .map((over) => queueNode({ name, ...over })),
  )

const anyNode = (name: string): fc.Arbitrary<NodeRecord> =>
  fc
    .record({
      phase: fc.constantFrom(...phases),
      phaseSinceMs: someTime,
      idleSinceMs: fc.option(fc.integer({ min: now - 40_000, max: now })),
      unreachableSinceMs: fc.option(someTime),
      nextAttemptAtMs: fc.integer({ min: now - 10, max: now + 10 }),
      hasFailed: fc.boolean(),
      host: fc.constantFrom(null, 'h1', 'h2'),
      leavingAtMs: fc.constantFrom(null, null, null, now + 60_000),
    })
    .map(({ hasFailed, ...over }) => {
      const failed = over.phase === 'failed' || (over.phase === 'deleting' && hasFailed)
      const failure = failed ? ({ code: 'BootTimeout', text: 'late' } as const) : null
      return named(name, { failure, ...over })
    })
const idleNode = (name: string): fc.Arbitrary<NodeRecord> =>
  fc.integer({ min: 5000, max: 40_000 }).map((ms) => named(name, { phaseSinceMs: 0, idleSinceMs: now - ms }))
const someNode = (name: string) =>
  fc.oneof({ weight: 1, arbitrary: idleNode(name) }, { weight: 2, arbitrary: anyNode(name) })

function named(name: string, over: Partial<NodeRecord>): NodeRecord {
  return node({ id: `id-${name}`, name, site: name.slice(0, 4), ...over })
}

const someJob: fc.Arbitrary<Job> = fc
  .record({
    id: fc.integer({ min: 1, max: 99 }).map(String),
    state: fc.constantFrom('pending', 'starting', 'running', 'completing', 'ended', 'other'),
    blocked: fc.constantFrom(null, 'Held', 'HeldByCauseway'),
    perNode: fc.constantFrom(
      { cpus: 0, memoryMiB: 0, gpus: 0 },
      { cpus: 4, memoryMiB: 1000, gpus: 0 },
      { cpus: 16, memoryMiB: 0, gpus: 0 },
    ),
    user: fc.constantFrom('alice', 'bob'),
    wallMs: fc.constantFrom(null, 60_000, 7_200_000),
    nodeCount: fc.integer({ min: 1, max: 8 }),
    nodes: fc.subarray(names),
    features: fc.constantFrom('', 'site-east', '[site-east*1&site-west*1]'),
  })
  .map((over) => job(over as Partial<Job>))

const somePolicy: fc.Arbitrary<Policy> = fc
  .tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 }))
  .map((minima) => ({
    ...policy,
    types: policy.types.map((type, index) => ({ ...type, minimum: minima[index] ?? 0 })),
  }))

/** Rules that change how much may be had, each in force in some worlds only. */
const someLimits = fc.record({
  costPerHour: fc.constantFrom(0, 1),
  billingMs: fc.constantFrom(0, 0, 3_600_000),
  lifetimeMs: fc.constantFrom(0, 0, 600_000),
  spare: fc.constantFrom(0, 0, 1),
  gpus: fc.constantFrom(0, 2),
  budgets: rarely([
    { period: 'day', site: null, amount: 3, startMs: now - 500_000, endMs: now + 80_000_000 },
    { period: 'month', site: 'west', amount: 1, startMs: now - 900_000, endMs: now + 2_000_000_000 },
  ] satisfies Budget[]),
  caps: rarely([
    { of: 'user', name: 'alice', nodes: 2 },
    { of: 'queue', name: '*', nodes: 3 },
  ] satisfies Cap[]),
  placement: fc.constantFrom<PlacementRule[]>(
    [],
    [{ queue: 'all', feature: '', spread: 'may-span', sites: [] }],
    [{ queue: '', feature: 'site-east', spread: 'one-site', sites: ['west'] }],
    [{ queue: '', feature: '', spread: 'must-span', sites: [] }],
  ),
})

const allDrains: Drain[] = [
  { site: 'east', host: null, reason: 'move', sinceMs: now - 5000 },
  { site: 'east', host: 'h1', reason: '', sinceMs: now - 5000 },
  { site: 'west', host: 'h2', reason: 'new disks', sinceMs: now - 5000 },
]

const ends = ['head', 'east', 'west']
const allPaths = ends.flatMap((from) => ends.flatMap((to) => (from === to ? [] : { from, to })))

/** Nobody measures, all is well, or anything. */
const somePaths: fc.Arbitrary<readonly Path[] | undefined> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      ...allPaths.map((path) =>
        fc
          .record({
            state: fc.constantFrom('good', 'good', 'broken', 'unknown'),
            rttMs: fc.constantFrom(null, 20, 20, 500),
            loss: fc.constantFrom(null, 0, 0, 0.2),
          })
          .map((how) => ({ ...path, ...how })),
      ),
    ),
  },
)

/**
 * Any state of the world that the sources could report, likely or not. Only what one source says of itself fits together: a
 * job that runs makes its nodes busy, and names only nodes that the queue has.
 */
export const someWorld: fc.Arbitrary<SomeWorld> = fc
  .record({
    policy: somePolicy,
    nodes: fc.tuple(...names.map((name) => fc.option(someNode(name)))),
    queueNodes: fc.tuple(...names.map((name) => fc.option(someQueueNode(name)))),
    jobs: fc.uniqueArray(someJob, { maxLength: 3, selector: ({ id }) => id }),
    lost: rarely(names),
    orphans: rarely(names),
    unreadQueue: seldom,
    unreadSites: rarely(['east', 'west']),
    hosts: fc.tuple(...names.map(() => fc.constantFrom(null, 'h1', 'h2'))),
    unreadHosts: rarely(['h1', 'h2']),
    leaving: rarely(names),
    drains: rarely(allDrains),
    inFlight: rarely(names),
    inFlightNames: rarely(names),
    settled: rarely(names),
    rested: fc.subarray(names),
    closed: fc.subarray(['east', 'west']),
    due: fc.boolean(),
    places: fc.constantFrom('scheduler', 'causeway'),
    limits: someLimits,
    spent: fc.constantFrom(0, 0.9, 4),
    paths: somePaths,
  })
  .map((w) => {
    const place = (n: string) => ({
      host: w.hosts[names.indexOf(n)] ?? null,
      leaving: w.leaving.includes(n) ? { atMs: now + 60_000, reason: 'spot' } : null,
    })
    const isRead = (n: string) => !w.unreadHosts.includes(place(n).host ?? '')
    const at = (site: string) => [
      ...names
        .filter((n) => n.startsWith(site) && !w.lost.includes(n) && isRead(n))
        .map((n) => machine({ id: `id-${n}`, name: n, ...place(n) })),
      ...w.orphans.filter((n) => n.startsWith(site)).map((n) => machine({ id: `lost-${n}`, name: n })),
    ]
    const { budgets, caps, placement, ...ofTypes } = w.limits
    const limited: Policy = {
      ...w.policy,
      budgets,
      caps,
      placement,
      types: w.policy.types.map((type) => ({ ...type, ...ofTypes, size: { ...type.size, gpus: ofTypes.gpus } })),
    }
    const known = new Set(w.queueNodes.flatMap((n) => n?.name ?? []))
    const jobs = w.jobs.map((j) => ({ ...j, nodes: j.nodes.filter((name) => known.has(name)) }))
    const held = new Set(jobs.flatMap((j) => (j.state === 'running' || j.state === 'other' ? j.nodes : [])))
    const obs = observation({
      nodes: w.nodes.filter((n) => n !== null),
      queueNodes: w.queueNodes.flatMap((n) => (n ? { ...n, busy: n.busy || held.has(n.name) } : [])),
      jobs,
      places: w.places,
      ...(w.paths ? { paths: w.paths } : {}),
      spent: new Map(budgets.map((budget) => [`${budget.period}/${budget.site ?? '*'}`, w.spent])),
      machines: { east: at('east'), west: at('west') },
      unreadQueue: w.unreadQueue,
      unreadSites: w.unreadSites,
      unreadHosts: w.unreadHosts,
      drains: w.drains,
      inFlight: new Set([...w.inFlight.map((n) => `id-${n}`), ...w.inFlightNames]),
      settledAtMs: new Map(w.settled.flatMap((n) => [n, `id-${n}`, `lost-${n}`].map((key) => [key, now]))),
      lastFailureMs: new Map(w.rested.map((n) => [n, now - policy.breaker.cooldownMs + 1000])),
      orphansSinceMs: new Map(
        w.due
          ? names.flatMap((n) => [
              [`lost-${n}`, 0],
              [`id-${n}`, 0],
            ])
          : [],
      ),
      breakers: new Map(
        w.closed.map((site) => [
          `${site}/standard`,
          { site, type: 'standard', failures: 1, closedUntilMs: now + 1000 },
        ]),
      ),
    })
    return { obs, policy: limited }
  })
