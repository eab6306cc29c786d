import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentBlocks } from '../../../src/cache/fill/recent-blocks.ts'

function keeper(limit: number) {
  const dropped: number[] = []
  const recent = new RecentBlocks(limit)
  return { dropped, keep: (bytes: number, name: number) => recent.keep(bytes, () => dropped.push(name)) }
}

test('the block that came first goes first', () => {
  const { keep, dropped } = keeper(1_000_000)
  for (let name = 0; name < 5; name += 1) keep(300_000, name)
  assert.deepEqual(dropped, [0, 1])
})

test('small blocks are counted with the bodies that they keep in memory', () => {
  const { keep, dropped } = keeper(1_000_000)
  for (let name = 0; name < 1000; name += 1) keep(1000, name)
  assert.ok(dropped.length > 900, `${dropped.length} of 1000 went`)
})
