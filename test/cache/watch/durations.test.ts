import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram, Registry } from 'prom-client'
import { Durations } from '../../../src/cache/watch/durations.ts'

test('a sum never falls, also when the clock is set back', () => {
  const durations = new Durations()
  durations.took('hit', 2000)
  durations.took('hit', -3_600_000)
  assert.match(durations.text('x', 'y'), /\nx_sum\{outcome="hit"\} 2\n/)
})

test('the histogram says what that of a library says', async () => {
  const durations = new Durations()
  const registry = new Registry()
  const buckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300]
  const theirs = new Histogram({ name: 'x', help: 'y', labelNames: ['outcome'], buckets, registers: [registry] })
  for (const ms of [0, 1, 2, 5, 20, 100, 101, 2000, 299_999, 300_000, 300_001, 1e9]) {
    for (const outcome of ['hit', 'miss'] as const) {
      durations.took(outcome, ms)
      theirs.observe({ outcome }, ms / 1000)
    }
  }
  const sorted = (text: string) => text.trim().split('\n').toSorted()
  assert.deepEqual(sorted(durations.text('x', 'y')), sorted(await registry.metrics()))
})
