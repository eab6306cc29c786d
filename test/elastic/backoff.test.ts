import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backoff, backoffMs } from '../../src/elastic/backoff.ts'

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
