import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { endCall, nextCall, type PacedCall, type PaceLimits, type PaceState, restedPace } from '../../src/sites/pace.ts'

const limits: PaceLimits = { inFlight: 2, perSecond: 4, burst: 3 }
const rested = restedPace(limits, 1000)

function begun(state: PaceState, waiting: readonly PacedCall[], now: number): PaceState {
  const pacing = nextCall(state, limits, waiting, now)
  assert.ok(pacing.kind === 'begin')
  return pacing.state
}

describe('which call of a site begins', () => {
  test('no more run at a time than allowed, and then one that has ended makes room', () => {
    const two = begun(begun(rested, ['create'], 1000), ['create'], 1000)
    assert.deepEqual(nextCall(two, limits, ['create'], 1000), { kind: 'wait', untilMs: null })
    begun(endCall(two, 'create', 1000, null), ['create'], 1000)
  })

  test('after a burst they are spaced out', () => {
    const spent: PaceState = { ...rested, tokens: 0.5 }
    assert.deepEqual(nextCall(spent, limits, ['delete'], 1000), { kind: 'wait', untilMs: 1125 })
    begun(spent, ['delete'], 1125)
  })

  test('`list` comes first, the others as they came', () => {
    const pick = (waiting: PacedCall[]) => {
      const pacing = nextCall(rested, limits, waiting, 1000)
      return pacing.kind === 'begin' ? waiting[pacing.index] : null
    }
    assert.equal(pick(['create', 'delete', 'list']), 'list')
    assert.equal(pick(['delete', 'create']), 'delete')
  })

  test('calls that the site does not want are passed by until it does', () => {
    const held = endCall({ ...rested, inFlight: 1 }, 'create', 1000, 5000)
    assert.deepEqual(nextCall(held, limits, ['create', 'create'], 5999), { kind: 'wait', untilMs: 6000 })
    const pacing = nextCall(held, limits, ['create', 'delete'], 5999)
    assert.ok(pacing.kind === 'begin' && pacing.index === 1)
    begun(held, ['create'], 6000)
  })

  test('never more begin in any time than the rate and one burst allow, and whoever waits is served', () => {
    fc.assert(
      fc.property(
        fc.record({
          inFlight: fc.integer({ min: 1, max: 5 }),
          perSecond: fc.integer({ min: 1, max: 50 }),
          burst: fc.integer({ min: 1, max: 10 }),
        }),
        fc.integer({ min: 1, max: 60 }),
        (some, calls) => {
          let state = restedPace(some, 0)
          const waiting = Array.from({ length: calls }, (): PacedCall => 'create')
          const starts: number[] = []
          for (let now = 0; waiting.length > 0; ) {
            const pacing = nextCall(state, some, waiting, now)
            if (pacing.kind === 'begin') {
              state = endCall(pacing.state, 'create', now, null)
              waiting.splice(pacing.index, 1)
              starts.push(now)
            } else {
              assert.ok(pacing.untilMs !== null && pacing.untilMs > now)
              now = pacing.untilMs
            }
          }
          for (const [first, from] of starts.entries()) {
            for (const [last, to] of starts.entries()) {
              if (last < first) continue
              const most = some.burst + ((to - from) * some.perSecond) / 1000
              assert.ok(last - first + 1 <= most + 1e-6, `${last - first + 1} calls in ${to - from} ms`)
            }
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})
