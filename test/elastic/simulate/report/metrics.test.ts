import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { distribution, quantile } from '../../../../src/elastic/simulate/report/distribution.ts'
import { boundedSlowdown, metricsOf } from '../../../../src/elastic/simulate/report/metrics.ts'
import type { JobOutcome, LifeOutcome } from '../../../../src/elastic/simulate/result.ts'
import { jobOutcome, lifeOutcome, simulationResult } from './sample-results.ts'

/** The same with all numbers rounded to 12 digits: what is written in tenths is not exact in binary. */
function rounded(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, part) =>
    typeof part === 'number' ? Number(part.toPrecision(12)) : part,
  )
}

describe('distribution', () => {
  it('is exact on small examples', () => {
    assert.deepEqual(rounded(distribution(Float64Array.of(40, 10, 30, 20))), {
      mean: 25,
      median: 25,
      p95: 38.5,
      p99: 39.7,
      max: 40,
    })
    assert.deepEqual(distribution(Float64Array.of(7)), { mean: 7, median: 7, p95: 7, p99: 7, max: 7 })
    assert.deepEqual(distribution(new Float64Array()), { mean: 0, median: 0, p95: 0, p99: 0, max: 0 })
    assert.equal(quantile([1, 2, 3, 4, 5], 0.5), 3)
    assert.equal(quantile([0, 100], 0.95), 95)
  })
})

describe('boundedSlowdown', () => {
  it('counts short runs as 10 s and is 1 at least', () => {
    assert.equal(boundedSlowdown(60_000, 30_000), 3)
    assert.equal(boundedSlowdown(19_000, 1000), 2)
    assert.equal(boundedSlowdown(2000, 1000), 1)
    assert.equal(boundedSlowdown(0, 0), 1)
  })
})

describe('metricsOf', () => {
  const result = simulationResult({
    endedMs: 7_200_000,
    rounds: 42,
    jobs: [
      jobOutcome({ id: '1', submitMs: 100_000, startMs: 100_000, endMs: 160_000, runMs: 60_000 }),
      jobOutcome({
        id: '2',
        submitMs: 200_000,
        startMs: 260_000,
        endMs: 320_000,
        runMs: 60_000,
        sites: ['west', 'east'],
      }),
      jobOutcome({
        id: '3',
        submitMs: 300_000,
        startMs: 600_000,
        endMs: null,
        runMs: 9_000_000,
        sites: ['west', 'west'],
      }),
      jobOutcome({ id: '4', submitMs: 7_080_000, startMs: null, endMs: null, runMs: 30_000, sites: [] }),
    ],
    lives: [
      lifeOutcome(),
      lifeOutcome({ site: 'west', beganMs: 0, readyMs: null, endedMs: 1_800_000, busyMs: 0, cost: 0.25, failed: true }),
      lifeOutcome({
        site: 'west',
        beganMs: 3_600_000,
        readyMs: 3_600_000,
        endedMs: 7_200_000,
        busyMs: 3_600_000,
        cost: 2,
      }),
      lifeOutcome({ site: 'west', beganMs: 3_600_000, readyMs: null, endedMs: 5_400_000, busyMs: 0, cost: 0 }),
    ],
  })

  it('says what was computed by hand', () => {
    const { sites, ...metrics } = metricsOf(result)
    // Waits 0, 60, 300, 120 s; slowdowns 1, 2, 9300/9000, 150/30.
    assert.deepEqual(
      rounded(metrics),
      rounded({
        policy: 'default',
        trace: 'a trace',
        jobs: 4,
        finished: 2,
        unfinished: 2,
        wait: { mean: 120_000, median: 90_000, p95: 273_000, p99: 294_600, max: 300_000 },
        slowdown: {
          mean: (1 + 31 / 30 + 2 + 5) / 4,
          median: 31 / 30 + (2 - 31 / 30) / 2,
          p95: 2 + 3 * (0.95 * 3 - 2),
          p99: 2 + 3 * (0.99 * 3 - 2),
          max: 5,
        },
        makespanMs: 7_100_000,
        rounds: 42,
        nodeHours: 1 + 0.5 + 1 + 0.5,
        idleShare: 1 - (1_440_000 + 3_600_000) / (2_880_000 + 3_600_000),
        cost: 2.75,
        grows: 4,
        shrinks: 2,
        failures: 1,
      }),
    )
    assert.deepEqual(rounded(sites), [
      {
        site: 'east',
        jobs: 2,
        wait: { mean: 30_000, median: 30_000, p95: 57_000, p99: 59_400, max: 60_000 },
        nodeHours: 1,
        idleShare: 0.5,
        cost: 0.5,
        grows: 1,
        shrinks: 1,
        failures: 0,
      },
      {
        site: 'west',
        jobs: 2,
        wait: { mean: 180_000, median: 180_000, p95: 288_000, p99: 297_600, max: 300_000 },
        nodeHours: 2,
        idleShare: 0,
        cost: 2.25,
        grows: 3,
        shrinks: 1,
        failures: 1,
      },
    ])
  })

  it('ends with the last job when all are finished', () => {
    const jobs = [jobOutcome({ submitMs: 5000, endMs: 70_000 }), jobOutcome({ submitMs: 3000, endMs: 60_000 })]
    assert.equal(metricsOf(simulationResult({ jobs })).makespanMs, 67_000)
  })

  it('has only zeros where nothing happened', () => {
    const metrics = metricsOf(simulationResult({ jobs: [], lives: [], samples: [] }))
    assert.deepEqual(
      [metrics.makespanMs, metrics.nodeHours, metrics.idleShare, metrics.cost, metrics.wait.p99],
      [0, 0, 0, 0, 0],
    )
    assert.deepEqual(metrics.sites, [])
  })

  const site = fc.constantFrom('east', 'west', 'north')
  const anyJob: fc.Arbitrary<JobOutcome> = fc
    .record({
      submitMs: fc.nat(5_000_000),
      waitMs: fc.option(fc.nat(1_000_000)),
      runMs: fc.nat(1_000_000),
      done: fc.boolean(),
      sites: fc.array(site, { maxLength: 3 }),
    })
    .map(({ submitMs, waitMs, runMs, done, sites }) => {
      const startMs = waitMs === null ? null : submitMs + waitMs
      const endMs = startMs !== null && done ? startMs + runMs : null
      return jobOutcome({ submitMs, startMs, endMs, runMs, sites: startMs === null ? [] : sites })
    })
  const anyLife: fc.Arbitrary<LifeOutcome> = fc
    .record({
      site,
      beganMs: fc.nat(3_000_000),
      bootMs: fc.option(fc.nat(500_000)),
      upMs: fc.nat(3_000_000),
      busy: fc.double({ min: 0, max: 1, noNaN: true }),
      cents: fc.nat(1000),
      failed: fc.boolean(),
    })
    .map(({ site, beganMs, bootMs, upMs, busy, cents, failed }) => {
      const readyMs = bootMs === null ? null : beganMs + bootMs
      const busyMs = readyMs === null ? 0 : Math.floor(busy * upMs)
      // Whole numbers: their sums are the same in any order.
      return { site, type: 't', beganMs, readyMs, endedMs: (readyMs ?? beganMs) + upMs, busyMs, cost: cents, failed }
    })

  it('does not depend on the order, keeps within bounds, and adds up over the sites', () => {
    fc.assert(
      fc.property(
        fc.array(anyJob, { maxLength: 40 }).chain((jobs) => fc.tuple(fc.constant(jobs), shuffled(jobs))),
        fc.array(anyLife, { maxLength: 40 }).chain((lives) => fc.tuple(fc.constant(lives), shuffled(lives))),
        ([jobs, jobsToo], [lives, livesToo]) => {
          const endedMs = 8_000_000
          const metrics = metricsOf(simulationResult({ jobs, lives, endedMs }))
          assert.deepEqual(metricsOf(simulationResult({ jobs: jobsToo, lives: livesToo, endedMs })), metrics)
          const { wait, slowdown } = metrics
          for (const of of [wait, slowdown, ...metrics.sites.map((one) => one.wait)]) {
            assert.ok(of.median <= of.p95 && of.p95 <= of.p99 && of.p99 <= of.max && of.mean <= of.max * (1 + 1e-9))
          }
          assert.ok(wait.median >= 0 && wait.max <= endedMs)
          assert.ok(jobs.length === 0 || slowdown.mean >= 1 - 1e-9)
          assert.ok(metrics.idleShare >= 0 && metrics.idleShare <= 1)
          assert.equal(metrics.finished + metrics.unfinished, metrics.jobs)
          assert.ok(metrics.shrinks + metrics.failures <= metrics.grows)
          for (const key of ['grows', 'shrinks', 'failures', 'cost'] as const) {
            assert.equal(
              metrics.sites.reduce((sum, one) => sum + one[key], 0),
              metrics[key],
            )
          }
        },
      ),
    )
  })
})

function shuffled<T>(items: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...items], { minLength: items.length })
}
