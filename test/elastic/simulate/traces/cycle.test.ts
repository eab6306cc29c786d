import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Cycle } from '../../../../src/elastic/simulate/traces/cycle.ts'

describe('Cycle', () => {
  it('runs three times as fast where three times as much happens', () => {
    const cycle = new Cycle([1, 3], 100, 0)
    assert.deepEqual(
      [0, 25, 50, 125, 200, 250].map((advanced) => cycle.realMs(advanced)),
      [0, 50, 100, 150, 200, 300],
    )
  })

  it('begins where the trace begins', () => {
    const cycle = new Cycle([1, 3], 100, 150)
    assert.deepEqual(
      [0, 75, 125].map((advanced) => cycle.realMs(advanced)),
      [0, 50, 150],
    )
    assert.equal(new Cycle([1, 3], 100, -50).realMs(75), 50, 'also before the epoch')
  })

  it('grows, and keeps time over whole periods', () => {
    const weights = fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(
        weights,
        fc.integer({ min: 0, max: 1e9 }),
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        (w, start, at) => {
          const cycle = new Cycle(w, 1000, start)
          const period = w.length * 1000
          assert.ok(cycle.realMs(at + 10) >= cycle.realMs(at))
          assert.ok(Math.abs(cycle.realMs(at + 3 * period) - cycle.realMs(at) - 3 * period) < 1e-3)
          assert.ok(Math.abs(cycle.realMs(0)) < 1e-3)
        },
      ),
    )
  })
})
