import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Trace } from '../../../../src/elastic/simulate/trace.ts'
import { busyShareAtLoad1 } from '../../../../src/elastic/simulate/traces/diurnal-bursts.ts'
import type { GeneratorOptions } from '../../../../src/elastic/simulate/traces/generator.ts'
import { generators } from '../../../../src/elastic/simulate/traces/generators.ts'

const hourMs = 3_600_000
/** A Monday, 00:00 UTC. */
const monday = Date.UTC(2026, 0, 5)

const anyOptions: fc.Arbitrary<GeneratorOptions> = fc.record({
  jobs: fc.integer({ min: 0, max: 400 }),
  seed: fc.integer(),
  startedAtMs: fc.integer({ min: 0, max: 4e12 }),
  maxNodes: fc.integer({ min: 1, max: 3000 }),
  load: fc.double({ min: 0.05, max: 20, noNaN: true }),
})

function generate(name: string, changes: Partial<GeneratorOptions> = {}): Trace {
  const generator = generators.get(name)
  assert.ok(generator)
  return generator({ jobs: 20_000, seed: 1, startedAtMs: monday, maxNodes: 64, load: 1, ...changes })
}

/** Jobs submitted in each hour of the day, UTC. */
function byHour(trace: Trace): number[] {
  const hours = Array.from({ length: 24 }, () => 0)
  for (const job of trace.jobs) {
    const hour = Math.floor((trace.startedAtMs + job.submitMs) / hourMs) % 24
    hours[hour] = (hours[hour] ?? 0) + 1
  }
  return hours
}

for (const [name, generator] of generators) {
  describe(`generator ${name}`, () => {
    it('keeps within bounds, sorted, and repeats itself for a seed', () => {
      fc.assert(
        fc.property(anyOptions, (options) => {
          const trace = generator(options)
          assert.equal(trace.jobs.length, options.jobs)
          assert.equal(trace.startedAtMs, options.startedAtMs)
          assert.equal(new Set(trace.jobs.map((job) => job.id)).size, options.jobs)
          let last = 0
          for (const job of trace.jobs) {
            assert.ok(Number.isSafeInteger(job.submitMs) && job.submitMs >= last)
            assert.ok(Number.isSafeInteger(job.runMs) && job.runMs >= 1)
            assert.ok(job.wallMs !== null && job.wallMs >= job.runMs)
            assert.ok(Number.isInteger(job.nodeCount) && job.nodeCount >= 1 && job.nodeCount <= options.maxNodes)
            last = job.submitMs
          }
          assert.deepEqual(generator(options), trace)
        }),
        { numRuns: 60 },
      )
    })

    it('makes another trace for another seed', () => {
      const few = { jobs: 50 }
      assert.notDeepEqual(generate(name, { ...few, seed: 1 }).jobs, generate(name, { ...few, seed: 2 }).jobs)
    })

    it('sends the same jobs in half the time with twice the load', () => {
      const [once, twice] = [generate(name), generate(name, { load: 2 })]
      const work = (trace: Trace) => trace.jobs.map((job) => `${job.nodeCount} ${job.runMs}`).sort()
      assert.deepEqual(work(twice), work(once))
      const span = (trace: Trace) => trace.jobs.at(-1)?.submitMs ?? 0
      assert.ok(Math.abs(span(twice) / span(once) - 0.5) < 0.1, `${span(twice)} of ${span(once)}`)
    })

    it('is busier in the afternoon than at night, by the clock of its start', () => {
      for (const startedAtMs of [monday, monday + 9 * hourMs]) {
        const hours = byHour(generate(name, { startedAtMs }))
        const sum = (from: number) => hours.slice(from, from + 4).reduce((a, b) => a + b, 0)
        assert.ok(sum(13) > 3 * sum(2), hours.join(' '))
      }
    })

    it('refuses options out of range', () => {
      for (const wrong of [
        { jobs: -1 },
        { jobs: 1.5 },
        { maxNodes: 0 },
        { seed: 0.5 },
        { load: 0 },
        { startedAtMs: Number.NaN },
      ]) {
        const [key] = Object.keys(wrong)
        assert.throws(() => generate(name, wrong), { code: 'InvalidRequest', message: new RegExp(`^${key} `) })
      }
    })

    it('has few users with most of the jobs', () => {
      const counts = new Map<string, number>()
      for (const job of generate(name).jobs) counts.set(job.user, (counts.get(job.user) ?? 0) + 1)
      const sorted = [...counts.values()].sort((a, b) => b - a)
      assert.ok(sorted.slice(0, 3).reduce((a, b) => a + b, 0) > 20_000 * 0.4)
      assert.ok(sorted.length > 10)
    })
  })
}

describe('generator diurnal-bursts', () => {
  const trace = generate('diurnal-bursts', { jobs: 40_000 })

  it('keeps the share of nodes busy that it promises', () => {
    for (const load of [0.5, 1, 1.6]) {
      const { jobs } = generate('diurnal-bursts', { jobs: 40_000, load })
      const nodeMs = jobs.reduce((sum, job) => sum + job.nodeCount * job.runMs, 0)
      const share = nodeMs / 64 / (jobs.at(-1)?.submitMs ?? 1)
      assert.ok(Math.abs(share / (busyShareAtLoad1 * load) - 1) < 0.1, `${share} at load ${load}`)
    }
  })

  it('comes in bursts: arrays of alike short jobs within a minute', () => {
    const arrays = Map.groupBy(
      trace.jobs.filter((job) => job.id.includes('_')),
      (job) => job.id.split('_')[0],
    )
    assert.ok(arrays.size > 100)
    for (const elements of arrays.values()) {
      const submits = elements.map((job) => job.submitMs)
      assert.ok(Math.max(...submits) - Math.min(...submits) <= 60_000)
      assert.equal(new Set(elements.map((job) => `${job.user} ${job.wallMs} ${job.nodeCount} ${job.queue}`)).size, 1)
    }
  })

  it('has jobs of several nodes, and run times with a heavy tail', () => {
    assert.ok(trace.jobs.some((job) => job.nodeCount > 4))
    const runs = trace.jobs.map((job) => job.runMs).sort((a, b) => a - b)
    const at = (share: number) => runs[Math.floor(share * runs.length)] ?? 0
    assert.ok(at(0.99) > 20 * at(0.5), `p99 ${at(0.99)}, median ${at(0.5)}`)
  })

  it('rests at the weekend', () => {
    const days = Array.from({ length: 7 }, () => 0)
    const weekMs = 7 * 24 * hourMs
    const long = generate('diurnal-bursts', { jobs: 40_000, load: 0.3 })
    const weeks = Math.floor((long.jobs.at(-1)?.submitMs ?? 0) / weekMs)
    assert.ok(weeks >= 2)
    for (const job of long.jobs) {
      const day = Math.floor(job.submitMs / hourMs / 24) % 7
      if (job.submitMs < weeks * weekMs) days[day] = (days[day] ?? 0) + 1
    }
    const workdays = days.slice(0, 5).reduce((a, b) => a + b, 0) / 5
    const weekend = days.slice(5).reduce((a, b) => a + b, 0) / 2
    assert.ok(weekend < 0.4 * workdays && weekend > 0, days.join(' '))
  })
})
