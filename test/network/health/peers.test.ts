import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peersInRound } from '../../../src/network/health/peers.ts'

const names = (count: number) => ['head', ...Array.from({ length: count - 1 }, (_, i) => `site-${i}`)]

test('all others, where they are few', () => {
  assert.deepEqual([...peersInRound(names(3), 'site-0', 'head', 7)], ['head', 'site-1'])
  assert.equal(peersInRound(names(65), 'site-0', 'head', 0).size, 64)
})

test('of very many the head in every round, and each of the others in one of a few', () => {
  const all = names(300)
  for (const self of ['site-5', 'head']) {
    const seen = new Set<string>()
    for (let round = 0; round < 5; round++) {
      const peers = peersInRound(all, self, 'head', round)
      assert.ok(peers.size <= 64 && !peers.has(self))
      assert.equal(peers.has('head'), self !== 'head')
      for (const peer of peers) seen.add(peer)
    }
    assert.equal(seen.size, 299)
  }
})
