import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Random } from '../../../src/elastic/simulate/random.ts'

const draws = 40_000

function sample(draw: (random: Random) => number): { mean: number; variance: number; values: number[] } {
  const random = new Random(11)
  const values = Array.from({ length: draws }, () => draw(random))
  const mean = values.reduce((sum, value) => sum + value, 0) / draws
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws
  return { mean, variance, values }
}

/** Within five standard errors of the mean that the distribution has. */
function assertMean(got: { mean: number; variance: number }, mean: number, variance: number): void {
  assert.ok(Math.abs(got.mean - mean) < 5 * Math.sqrt(variance / draws), `mean ${got.mean}, expected ${mean}`)
  assert.ok(Math.abs(got.variance / variance - 1) < 0.1, `variance ${got.variance}, expected ${variance}`)
}

describe('Random', () => {
  it('repeats itself for the same seed, and only then', () => {
    const first = (seed: number) => Array.from({ length: 20 }, (_, i) => i).map(() => new Random(seed).next())
    const run = (random: Random) => Array.from({ length: 20 }, () => random.next())
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (a, b) => {
        assert.deepEqual(run(new Random(a)), run(new Random(a)))
        if (a >>> 0 !== b >>> 0) assert.notDeepEqual(run(new Random(a)), run(new Random(b)))
        assert.equal(new Set(first(a)).size, 1)
      }),
    )
  })

  it('gives each purpose a stream that does not depend on other draws', () => {
    const quiet = new Random(5)
    const busy = new Random(5)
    for (let i = 0; i < 100; i++) busy.next()
    busy.stream('boots').next()
    assert.equal(quiet.stream('prices').next(), busy.stream('prices').next())
    assert.notEqual(quiet.stream('prices').next(), quiet.stream('boots').next())
  })

  it('gives streams that are not correlated with one another', () => {
    const [a, b] = [new Random(5).stream('a'), new Random(5).stream('b')]
    let product = 0
    for (let i = 0; i < draws; i++) product += (a.next() - 0.5) * (b.next() - 0.5)
    assert.ok(Math.abs(product / draws) < 5 / 12 / Math.sqrt(draws), `covariance ${product / draws}`)
  })

  it('draws evenly from 0 to 1', () => {
    const got = sample((random) => random.next())
    assertMean(got, 1 / 2, 1 / 12)
    assert.ok(got.values.every((value) => value >= 0 && value < 1))
    const tenths = Array.from({ length: 10 }, () => 0)
    for (const value of got.values) tenths[Math.floor(value * 10)] = (tenths[Math.floor(value * 10)] ?? 0) + 1
    const chiSquare = tenths.reduce((sum, count) => sum + (count - draws / 10) ** 2 / (draws / 10), 0)
    assert.ok(chiSquare < 33.7, `chi-square ${chiSquare} with 9 degrees of freedom: less likely than 1 in 10,000`)
  })

  it('draws whole numbers with both ends', () => {
    const got = sample((random) => random.int(3, 6))
    assert.deepEqual(
      [...new Set(got.values)].sort((a, b) => a - b),
      [3, 4, 5, 6],
    )
  })

  it('has the moments of the distributions', () => {
    assertMean(
      sample((random) => random.uniform(2, 6)),
      4,
      16 / 12,
    )
    assertMean(
      sample((random) => random.exponential(7)),
      7,
      49,
    )
    assertMean(
      sample((random) => random.normal()),
      0,
      1,
    )
    assertMean(
      sample((random) => random.gamma(10, 0.5)),
      5,
      2.5,
    )
    assertMean(
      sample((random) => random.gamma(0.4, 3)),
      1.2,
      3.6,
    )
    const logs = sample((random) => Math.log(random.logNormal(90, 1.4)))
    assertMean(logs, Math.log(90), Math.log(1.4) ** 2)
  })

  it('picks each choice, and refuses to pick from none', () => {
    const random = new Random(1)
    assert.equal(new Set(Array.from({ length: 200 }, () => random.pick(['a', 'b', 'c']))).size, 3)
    assert.throws(() => random.pick([]), RangeError)
  })
})
