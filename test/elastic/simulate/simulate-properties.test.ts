import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { costWithin } from '../../../src/elastic/plan/cost.ts'
import { lintPlan } from '../../../src/elastic/plan/lint.ts'
import type { Policy, TypePolicy } from '../../../src/elastic/plan/policy.ts'
import type { SiteModel } from '../../../src/elastic/policy-simulation.ts'
import type { SimulationOptions } from '../../../src/elastic/simulate/options.ts'
import type { SimulationResult } from '../../../src/elastic/simulate/result.ts'
import { simulate } from '../../../src/elastic/simulate/simulate.ts'
import type { TraceJob } from '../../../src/elastic/simulate/trace.ts'
import { rules, startedAtMs, traceOf, typePolicy } from './little-world.ts'

const second = 1000
const hourMs = 3_600_000

const arbJob: fc.Arbitrary<Partial<TraceJob>> = fc.record({
  submitMs: fc.integer({ min: 0, max: 3 * 3600 }).map((s) => s * second),
  runMs: fc.integer({ min: 1, max: 2400 }).map((s) => s * second),
  wallMs: fc.constantFrom(600_000, hourMs, null),
  nodeCount: fc.constantFrom(1, 1, 1, 2, 3, 5),
  perNode: fc.constantFrom(
    { cpus: 0, memoryMiB: 0, gpus: 0 },
    { cpus: 2, memoryMiB: 1000, gpus: 0 },
    { cpus: 16, memoryMiB: 1000, gpus: 0 },
  ),
  exclusive: fc.boolean(),
  user: fc.constantFrom('alice', 'bob'),
  queue: fc.constantFrom('batch', 'wide'),
  features: fc.constantFrom('', '', '', 'site-west'),
})

const arbType = (site: string, type: string): fc.Arbitrary<TypePolicy> =>
  fc
    .record({
      maximum: fc.integer({ min: 1, max: 5 }),
      minimum: fc.constantFrom(0, 0, 1),
      spare: fc.constantFrom(0, 0, 1),
      idleMs: fc.constantFrom(0, 20_000, 300_000),
      lifetimeMs: fc.constantFrom(0, 600_000),
      billingMs: fc.constantFrom(0, hourMs),
      costPerHour: fc.constantFrom(0, 1, 3.5),
      cpus: fc.constantFrom(8, 32),
    })
    .map(({ cpus, ...over }) => ({
      ...typePolicy(site, over),
      type,
      prefix: `${site}-${type}`,
      features: [`site-${site}`, `type-${type}`],
      size: { cpus, memoryMiB: 16_000, gpus: 0 },
    }))

const arbPolicy = (money: boolean): fc.Arbitrary<Policy> =>
  fc
    .record({
      types: fc.tuple(arbType('east', 'small'), arbType('west', 'small'), arbType('west', 'big')),
      caps: money
        ? fc.constantFrom<Policy['caps']>([], [{ of: 'user', name: '*', nodes: 3 }])
        : fc.constant<Policy['caps']>([]),
      budgets: money
        ? fc.constantFrom<Policy['budgets']>(
            [],
            [{ period: 'day', site: null, amount: 30, startMs: startedAtMs, endMs: startedAtMs + 24 * hourMs }],
          )
        : fc.constant<Policy['budgets']>([]),
      spread: fc.constantFrom('one-site', 'may-span', 'must-span'),
    })
    .map(({ types, spread, ...over }) =>
      rules(types, { ...over, placement: [{ queue: 'wide', feature: '', spread, sites: [] }] }),
    )

const arbSite: fc.Arbitrary<SiteModel> = fc.record({
  bootMs: fc.constantFrom(10_000, 90_000),
  spread: fc.constantFrom(1, 1.5),
  failures: fc.constantFrom(0, 0, 0.2),
  capacity: fc.constantFrom(null, null, 2),
})

const arbRun = (money: boolean): fc.Arbitrary<SimulationOptions> =>
  fc
    .record({
      jobs: fc.array(arbJob, { minLength: 1, maxLength: 25 }),
      small: arbPolicy(money),
      maximums: fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)),
      opens: fc.integer({ min: 1, max: 2 * 3600 }),
      east: arbSite,
      west: arbSite,
      seed: fc.nat(),
      places: fc.constantFrom('scheduler', 'causeway'),
    })
    .map(({ jobs, small, maximums, opens, east, west, seed, places }) => {
      // A window that opens once and changes the maximums.
      const before = { ...small, types: small.types.map((type) => ({ ...type, names: 6 })) }
      const types = before.types.map((type, i) => ({ ...type, maximum: Math.max(type.minimum, maximums[i] ?? 0) }))
      const after = { ...before, types: types.map((type) => ({ ...type, spare: Math.min(type.spare, type.maximum) })) }
      const openMs = startedAtMs + opens * second
      const sorted = jobs.toSorted((a, b) => (a.submitMs ?? 0) - (b.submitMs ?? 0))
      return {
        name: 'drawn',
        policy: {
          at: (now: number) => (now < openMs ? before : after),
          nextChangeMs: (now: number) => (now < openMs ? openMs : null),
        },
        trace: traceOf(sorted),
        sites: new Map([
          ['east', east],
          ['west', west],
        ]),
        seed,
        places,
        patienceMs: 4 * hourMs,
      }
    })

function outcome({ jobs, lives }: SimulationResult) {
  return { jobs, lives: lives.map((life) => JSON.stringify(life)).sort() }
}

describe('any simulation', () => {
  it('comes out the same for the same options', () => {
    fc.assert(
      fc.property(arbRun(true), (options) => {
        assert.deepEqual(simulate(options), simulate(options))
      }),
      { numRuns: 30 },
    )
  })

  it('comes out as if no round had been left out', () => {
    fc.assert(
      fc.property(arbRun(false), (options) => {
        const quick = simulate({ ...options, pace: { batchMs: 0, attention: 'planner' } })
        const whole = simulate({ ...options, pace: { batchMs: 0, attention: 'all' } })
        assert.deepEqual(outcome(quick), outcome(whole))
        assert.ok(quick.rounds <= whole.rounds)
      }),
      { numRuns: 150 },
    )
  })

  it('never puts more on a node than it holds, starts jobs whole, and keeps to one site where it must', () => {
    fc.assert(
      fc.property(arbRun(true), (options) => {
        simulate({
          ...options,
          onRound: (obs, policy) => {
            assert.ok(obs.queue.ok)
            const sizes = new Map(policy.types.map((type) => [type.prefix, type]))
            const used = new Map<string, { cpus: number; memoryMiB: number; jobs: number; whole: boolean }>()
            for (const job of obs.queue.value.jobs) {
              if (job.state === 'pending') continue
              assert.equal(new Set(job.nodes).size, job.nodeCount)
              const types = job.nodes.map((name) => sizes.get(name.replace(/-\d+$/, '')))
              const sites = new Set(types.map((type) => type?.site))
              const spread = job.partition === 'wide' ? policy.placement[0]?.spread : 'one-site'
              if (spread === 'one-site') assert.equal(sites.size, 1)
              if (spread === 'must-span' && job.nodeCount > 1) assert.equal(sites.size, 2)
              for (const name of job.nodes) {
                const on = used.get(name) ?? { cpus: 0, memoryMiB: 0, jobs: 0, whole: false }
                used.set(name, {
                  cpus: on.cpus + job.perNode.cpus,
                  memoryMiB: on.memoryMiB + job.perNode.memoryMiB,
                  jobs: on.jobs + 1,
                  whole: on.whole || job.exclusive || job.perNode.cpus === 0,
                })
              }
            }
            for (const [name, on] of used) {
              const size = sizes.get(name.replace(/-\d+$/, ''))?.size
              assert.ok(size && on.cpus <= size.cpus && on.memoryMiB <= size.memoryMiB, name)
              assert.ok(!on.whole || on.jobs === 1, `${name} is shared though a job wanted it for itself`)
            }
          },
        })
      }),
      { numRuns: 60 },
    )
  })

  it('lets no site run more machines than it has room for', () => {
    fc.assert(
      fc.property(arbRun(true), (options) => {
        simulate({
          ...options,
          onRound: (obs) => {
            for (const [site, reading] of obs.sites) {
              const { capacity = null } = options.sites.get(site) ?? {}
              assert.ok(reading.ok && (capacity === null || reading.value.length <= capacity))
            }
          },
        })
      }),
      { numRuns: 40 },
    )
  })

  it('gives outcomes that agree with one another', () => {
    fc.assert(
      fc.property(arbRun(true), (options) => {
        const result = simulate(options)
        assert.equal(result.jobs.length, options.trace.jobs.length)
        for (const job of result.jobs) {
          if (job.startMs === null) assert.deepEqual([job.endMs, job.sites], [null, []])
          else {
            assert.ok(job.startMs >= job.submitMs)
            assert.equal(job.endMs, job.startMs + job.runMs)
          }
        }
        for (const life of result.lives) {
          assert.ok(life.beganMs <= life.endedMs && life.endedMs <= result.endedMs)
          assert.ok(life.readyMs === null ? life.busyMs === 0 : life.busyMs <= life.endedMs - life.readyMs)
          const tariffs = options.policy.at(startedAtMs).types
          const tariff = tariffs.find(({ site, type }) => site === life.site && type === life.type)
          assert.ok(tariff)
          const cost = costWithin({ ...tariff, beganAtMs: life.beganMs }, life.endedMs, { startMs: 0, endMs: Infinity })
          assert.equal(life.cost, cost)
        }
        const total = result.lives.reduce((sum, { cost }) => sum + cost, 0)
        assert.ok(Math.abs((result.samples.at(-1)?.cost ?? 0) - total) < 1e-6)
      }),
      { numRuns: 60 },
    )
  })

  it('makes plans in which the linter finds nothing', () => {
    fc.assert(
      fc.property(arbRun(true), (options) => {
        simulate({
          ...options,
          onRound: (obs, policy, now, plan) => assert.deepEqual(lintPlan(plan, obs, policy, now), []),
        })
      }),
      { numRuns: 40 },
    )
  })
})
