import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  answered,
  asked,
  failed,
  type Health,
  isHeld,
  reachable,
  retryAfterMs,
  shareAt,
  transferred,
  unknownHealth,
} from '../../../src/cache/upstream/health.ts'

type Step = (health: Health, nowMs: number) => Health

const step: fc.Arbitrary<{ afterMs: number; step: Step }> = fc.record({
  afterMs: fc.nat({ max: 100_000 }),
  step: fc.oneof(
    fc.nat({ max: 5000 }).map(
      (ms): Step =>
        (health, nowMs) =>
          answered(health, ms, nowMs),
    ),
    fc.constant<Step>((health, nowMs) => reachable(health, nowMs)),
    fc.boolean().map(
      (had): Step =>
        (health, nowMs) =>
          asked(health, had, nowMs),
    ),
    fc.record({ bytes: fc.nat({ max: 10_000_000 }), ms: fc.nat({ max: 10_000 }) }).map(
      ({ bytes, ms }): Step =>
        (health) =>
          transferred(health, bytes, ms),
    ),
    fc
      .record({
        state: fc.constantFrom('poor' as const, 'away' as const),
        random: fc.double({ min: 0, max: 1, noNaN: true }),
        retryAfterMs: fc.nat({ max: 10_000_000 }),
      })
      .map(({ state, random, retryAfterMs }): Step => {
        const failure = { state, why: 'it is so', verdictMs: 3, retryAfterMs }
        return (health, nowMs) => failed(health, failure, nowMs, random)
      }),
  ),
})

test('whatever happens: no hold is longer than 30 s, only good answers make failures forgotten, shares are shares', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let health = unknownHealth
      let nowMs = 1_000_000
      for (const each of steps) {
        nowMs += each.afterMs
        const before = health
        health = each.step(health, nowMs)
        assert.ok(health.untilMs <= nowMs + 30_000)
        assert.ok(health.failures === 0 || health.failures >= before.failures)
        assert.ok(health.had >= 0 && health.had <= 1)
        assert.ok(shareAt(health, nowMs + 5000) >= 0 && shareAt(health, nowMs + 5000) <= 1)
        assert.ok(health.headMs === undefined || (health.headMs >= 0 && health.headMs <= 5000))
        assert.ok(health.rate === undefined || health.rate > 0)
        assert.equal(health.state === 'well', health.why === '')
        if (health.state === before.state) assert.equal(health.sinceMs, before.sinceMs)
        else assert.equal(health.sinceMs, nowMs)
      }
    }),
  )
})

test('holds double from about a second to half a minute', () => {
  let health = unknownHealth
  const holds: number[] = []
  for (let round = 0; round < 8; round += 1) {
    health = failed(health, { state: 'away', why: 'x', verdictMs: 1 }, 0, 1)
    holds.push(health.untilMs)
  }
  assert.deepEqual(holds, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  assert.equal(failed(unknownHealth, { state: 'away', why: 'x', verdictMs: 1 }, 0, 0).untilMs, 750)
  assert.equal(answered(health, 5, 0).failures, 0)
  assert.equal(reachable(health, 0).failures, 8)
})

test('what is poor is passed over until its hold ends, what is away until it is reached', () => {
  const poor = failed(unknownHealth, { state: 'poor', why: 'it answered 503', verdictMs: 1, retryAfterMs: 9000 }, 0, 1)
  assert.deepEqual([isHeld(poor, 8999), isHeld(poor, 9000)], [true, false])
  const away = failed(unknownHealth, { state: 'away', why: 'x', verdictMs: 1 }, 0, 1)
  assert.deepEqual([isHeld(away, 1e9), isHeld(reachable(away, 1), 1)], [true, false])
})

test('what was known of a sibling fades', () => {
  let health = unknownHealth
  for (let round = 0; round < 20; round += 1) health = asked(health, false, 0)
  assert.ok(shareAt(health, 0) < 0.01)
  assert.ok(shareAt(health, 30_000) > 0.24)
  assert.ok(shareAt(health, 600_000) > 0.49)
})

test("a wish to be left alone is in seconds, or a date that counts from the answer's own", () => {
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT'
  const wish = (text: string) => retryAfterMs(text, date)
  assert.deepEqual([wish('7'), wish('0'), wish('Sun, 06 Nov 1994 08:50:07 GMT')], [7000, 0, 30_000])
  assert.deepEqual([wish('Sun, 06 Nov 1994 08:00:00 GMT'), wish('soon'), wish('-5'), wish('1e9')], [0, 0, 0, 0])
  assert.deepEqual([retryAfterMs(), retryAfterMs(date)], [0, 0])
})
