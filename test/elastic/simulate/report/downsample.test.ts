import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { keptIndices } from '../../../../src/elastic/simulate/report/downsample.ts'

const anyCurves = fc
  .tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 1e6 }))
  .chain(([count, curves, seed]) => {
    const at = (i: number) => Math.abs(Math.sin((i + 1) * (seed + 1))) * 1000
    const x = Array.from({ length: count }, (_, i) => at(i)).sort((a, b) => a - b)
    const ys = Array.from({ length: curves }, (_, c) => x.map((_, i) => Math.floor(at(i * 7 + c))))
    return fc.record({ x: fc.constant(x), ys: fc.constant(ys), most: fc.integer({ min: 4 * curves, max: 1500 }) })
  })

describe('keptIndices', () => {
  it('keeps all of a few', () => {
    assert.deepEqual(keptIndices([1, 2, 3], [[5, 6, 7]], 3), [0, 1, 2])
    assert.deepEqual(keptIndices([], [[]], 3), [])
  })

  it('keeps a single peak and a single dip among thousands', () => {
    const y = Array.from({ length: 20_000 }, () => 5)
    y[7777] = 900
    y[12_345] = 0
    const x = y.map((_, i) => i)
    const kept = keptIndices(x, [y], 100)
    assert.ok(kept.includes(7777) && kept.includes(12_345))
    assert.ok(kept.length <= 100)
  })

  it('copes with times that are all the same', () => {
    const x = Array.from({ length: 50 }, () => 3)
    const y = x.map((_, i) => i)
    assert.deepEqual(keptIndices(x, [y], 10), [0, 49])
  })

  it('keeps ends and extremes of every curve, in order, and not too many', () => {
    fc.assert(
      fc.property(anyCurves, ({ x, ys, most }) => {
        const kept = keptIndices(x, ys, most)
        assert.ok(kept.length <= Math.max(most, 2), `${kept.length} of at most ${most}`)
        assert.ok(kept.every((index, i) => i === 0 || index > (kept[i - 1] ?? 0)))
        if (x.length === 0) return
        assert.equal(kept[0], 0)
        assert.equal(kept.at(-1), x.length - 1)
        for (const y of ys) {
          const values = kept.map((index) => y[index] ?? 0)
          assert.equal(Math.max(...values), Math.max(...y))
          assert.equal(Math.min(...values), Math.min(...y))
        }
      }),
    )
  })
})
