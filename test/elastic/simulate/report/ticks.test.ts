import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { durationText, numberText, shareText } from '../../../../src/elastic/simulate/report/numbers.ts'
import { timeTicks, valueTicks } from '../../../../src/elastic/simulate/report/ticks.ts'

const hourMs = 3_600_000

describe('valueTicks', () => {
  it('marks round numbers', () => {
    const texts = (max: number) => valueTicks(max, 5).map((tick) => tick.text)
    assert.deepEqual(texts(280), ['0', '100', '200', '300'])
    assert.deepEqual(texts(10), ['0', '2', '4', '6', '8', '10'])
    assert.deepEqual(texts(0.23), ['0.00', '0.05', '0.10', '0.15', '0.20', '0.25'])
    assert.deepEqual(texts(30_000), ['0', '10k', '20k', '30k'])
    assert.deepEqual(texts(0), ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0'])
  })

  it('reaches the largest value, evenly, and with texts that differ', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), fc.integer({ min: 2, max: 12 }), (max, wanted) => {
        const ticks = valueTicks(max, wanted)
        const step = (ticks[1]?.at ?? 0) - (ticks[0]?.at ?? 0)
        const last = ticks.at(-1)?.at ?? 0
        assert.equal(ticks[0]?.at, 0)
        assert.ok(last >= max * (1 - 1e-6) && last < max + step * (1 + 1e-6), `${last} for ${max}`)
        assert.ok(ticks.length >= 2 && ticks.length <= wanted + 2)
        assert.equal(new Set(ticks.map((tick) => tick.text)).size, ticks.length)
      }),
    )
  })
})

describe('timeTicks', () => {
  it('marks times people count in', () => {
    const texts = (ms: number, wanted: number) => timeTicks(ms, wanted).map((tick) => tick.text)
    assert.deepEqual(texts(4 * hourMs, 5), ['0 h', '1 h', '2 h', '3 h', '4 h'])
    assert.deepEqual(texts(50 * hourMs, 5), ['0 d', '0.5 d', '1 d', '1.5 d', '2 d'])
    assert.deepEqual(texts(30_000, 3), ['0 s', '10 s', '20 s', '30 s'])
    assert.deepEqual(texts(25 * 60_000, 3), ['0 min', '10 min', '20 min'])
    assert.deepEqual(texts(365 * 24 * hourMs, 4), ['0 d', '100 d', '200 d', '300 d'])
  })

  it('keeps within the time, with about as many marks as wanted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4000, max: 1e12 }), fc.integer({ min: 2, max: 12 }), (max, wanted) => {
        const ticks = timeTicks(max, wanted)
        assert.ok((ticks.at(-1)?.at ?? 0) <= max * (1 + 1e-6))
        assert.ok(ticks.length <= wanted + 1)
        assert.equal(new Set(ticks.map((tick) => tick.text)).size, ticks.length)
      }),
    )
  })
})

describe('numbers', () => {
  it('are written for people', () => {
    assert.deepEqual(
      [0, 400, 12_340, 59_960, 190_000, 3_599_600, 7_500_000, 86_400_000 * 4 + hourMs * 3].map(durationText),
      ['0 s', '0.4 s', '12.3 s', '1m 00s', '3m 10s', '1h 00m', '2h 05m', '4d 3h'],
    )
    assert.equal(numberText(1_234_567.891, 2), '1,234,567.89')
    assert.equal(shareText(0.1234), '12.3 %')
  })
})
