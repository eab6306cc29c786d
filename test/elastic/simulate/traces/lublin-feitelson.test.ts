import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  arrivalWeights,
  generateLublinFeitelson,
  lublinFeitelson as model,
} from '../../../../src/elastic/simulate/traces/lublin-feitelson.ts'

const jobs = 60_000
const trace = generateLublinFeitelson({ jobs, seed: 4, startedAtMs: 0, maxNodes: 128, load: 1 })

/** The mean of f(X) of a gamma variable X given X <= most, by adding up the density; its constant factor cancels out. */
function gammaMean(of: { shape: number; scale: number }, most: number, f: (x: number) => number): number {
  const steps = 200_000
  let [weighted, total] = [0, 0]
  for (let i = 0; i < steps; i++) {
    const x = ((i + 0.5) / steps) * most
    const density = Math.exp((of.shape - 1) * Math.log(x) - x / of.scale)
    weighted += density * f(x)
    total += density
  }
  return weighted / total
}

/** The share that a value in 0..1 has, with five standard errors of room. */
function assertShare(got: number, expected: number, of: number, what: string): void {
  const room = 5 * Math.sqrt((expected * (1 - expected)) / of)
  assert.ok(Math.abs(got - expected) < room, `${what}: ${got}, expected ${expected} +- ${room}`)
}

/** P(log2 size <= x) of the two-stage uniform distribution for 128 nodes. */
function log2Below(x: number): number {
  const [low, medium, most] = [model.low, 7 - model.mediumBelowMost, 7]
  if (x <= medium) return (model.lowShare * Math.max(0, x - low)) / (medium - low)
  return model.lowShare + ((1 - model.lowShare) * Math.min(x - medium, most - medium)) / (most - medium)
}

describe('generateLublinFeitelson', () => {
  it('has the sizes of the two-stage uniform distribution', () => {
    for (const size of [1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 64, 128]) {
      const log2 = Math.log2(size)
      const rounded = log2Below(log2 + 0.5) - log2Below(log2 - 0.5)
      const exact = log2Below(Math.log2(size + 0.5)) - log2Below(Math.log2(size - 0.5))
      const others = 1 - model.serial - model.powerOfTwo
      const parallel = (Number.isInteger(log2) ? model.powerOfTwo * rounded : 0) + others * exact
      const expected = size === 1 ? model.serial : parallel
      const got = trace.jobs.filter((job) => job.nodeCount === size).length / jobs
      assertShare(got, expected, jobs, `size ${size}`)
    }
  })

  it('has the run times of the hyper-gamma distribution, longer for larger jobs', () => {
    const meanLn = (gamma: { shape: number; scale: number }) => gammaMean(gamma, model.mostLnRun, (x) => x)
    const squareLn = (gamma: { shape: number; scale: number }) => gammaMean(gamma, model.mostLnRun, (x) => x * x)
    for (const size of [1, 4, 32, 64]) {
      const p = model.slope * size + model.base
      const mean = p * meanLn(model.shortRuns) + (1 - p) * meanLn(model.longRuns)
      const variance = p * squareLn(model.shortRuns) + (1 - p) * squareLn(model.longRuns) - mean ** 2
      const logs = trace.jobs.filter((job) => job.nodeCount === size).map((job) => Math.log(job.runMs / 1000))
      const got = logs.reduce((sum, ln) => sum + ln, 0) / logs.length
      assert.ok(logs.length > 100)
      assert.ok(Math.abs(got - mean) < 5 * Math.sqrt(variance / logs.length), `size ${size}: ${got}, expected ${mean}`)
    }
    assert.ok(trace.jobs.every((job) => job.runMs <= 1000 * Math.exp(model.mostLnRun) + 1))
  })

  it('has the arrival rate of the gamma distribution', () => {
    const mean = gammaMean(model.gaps, model.mostLnGap, Math.exp)
    const square = gammaMean(model.gaps, model.mostLnGap, (x) => Math.exp(2 * x))
    const got = (trace.jobs.at(-1)?.submitMs ?? 0) / 1000 / jobs
    const room = 5 * Math.sqrt((square - mean ** 2) / jobs)
    assert.ok(Math.abs(got - mean) < room, `${got} s, expected ${mean} +- ${room} s`)
  })

  it('follows the day', () => {
    const weights = arrivalWeights()
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const counts = Array.from({ length: 48 }, () => 0)
    for (const job of trace.jobs) {
      const bucket = Math.floor(job.submitMs / 1_800_000) % 48
      counts[bucket] = (counts[bucket] ?? 0) + 1
    }
    for (const [bucket, count] of counts.entries()) {
      const expected = (weights[bucket] ?? 0) / total
      // Gaps vary more than those of a Poisson process, so counts do: three times as wide.
      const room = 15 * Math.sqrt(expected / jobs)
      assert.ok(Math.abs(count / jobs - expected) < room, `half hour ${bucket}: ${count / jobs}, expected ${expected}`)
    }
    const peak = weights.indexOf(Math.max(...weights))
    const quiet = weights.indexOf(Math.min(...weights))
    assert.ok(peak / 2 >= 12 && peak / 2 <= 16, `busiest at ${peak / 2} h`)
    assert.ok(quiet / 2 >= 3 && quiet / 2 <= 6, `quietest at ${quiet / 2} h`)
  })

  it('fits clusters that are tiny or no power of two', () => {
    for (const maxNodes of [1, 2, 3, 100]) {
      const sizes = generateLublinFeitelson({ jobs: 3000, seed: 2, startedAtMs: 0, maxNodes, load: 1 }).jobs
      assert.equal(Math.max(...sizes.map((job) => job.nodeCount)), maxNodes)
    }
  })
})
