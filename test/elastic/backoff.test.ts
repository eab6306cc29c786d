import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { Backoff, backoffMs, retryAfterMs } from '../../src/elastic/backoff.ts'

test('pauses double from half a second up to half a minute', () => {
  assert.deepEqual(
    [0, 1, 2, 5, 6, 7, 100].map((n) => backoffMs(n)),
    [500, 1000, 2000, 16_000, 30_000, 30_000, 30_000],
  )
})

test('a key is tried with growing pauses, by itself, and afresh when it was not needed for a while', () => {
  let now = 0
  const backoff = new Backoff({ now: () => now, sleep: async () => undefined })
  const tries: number[] = []
  for (; now <= 8000; now += 100) if (backoff.mayTry('close east-1')) tries.push(now)
  assert.deepEqual(tries, [0, 500, 1500, 3500, 7500])
  assert.ok(backoff.mayTry('close east-2'))
  now += 100_000
  assert.ok(backoff.mayTry('close east-1'))
  now += 500
  assert.ok(backoff.mayTry('close east-1'))
})

test('a key that is held off is tried after that, and one that rests for longer rests on', () => {
  let now = 0
  const backoff = new Backoff({ now: () => now, sleep: async () => undefined })
  backoff.holdOff('collect a', 5000)
  now = 4999
  assert.ok(!backoff.mayTry('collect a'))
  now = 5000
  assert.ok(backoff.mayTry('collect a'))
  backoff.holdOff('collect a', 10)
  assert.equal(backoff.untilMs('collect a'), 5500)
})

test('how long to wait is believed of who is asked too often, for an hour at most, and of no other refusal', () => {
  const said = (code: 'RateLimited' | 'CommandFailed', retryAfter: unknown) =>
    retryAfterMs(new CausewayError(code, 'no', { facts: { retryAfterMs: retryAfter } }))
  assert.deepEqual(
    [said('RateLimited', 7000), said('RateLimited', 1e12), said('CommandFailed', 7000)],
    [7000, 3_600_000, 0],
  )
  assert.deepEqual([said('RateLimited', 'soon'), said('RateLimited', -1), said('RateLimited', undefined)], [0, 0, 0])
})
