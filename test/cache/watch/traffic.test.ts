import assert from 'node:assert/strict'
import { test } from 'node:test'
import { others, Traffic } from '../../../src/cache/watch/traffic.ts'

test('requests and bytes are added up by origin and by node', () => {
  const traffic = new Traffic()
  traffic.answered('deb.debian.org', '10.77.1.1', 'miss', 100)
  traffic.answered('deb.debian.org', '10.77.1.2', 'joined', 100)
  traffic.answered(undefined, '10.77.1.2', 'refused', 0)
  traffic.received('deb.debian.org', 100)
  const origin = traffic.origins.get('deb.debian.org')
  assert.deepEqual(
    [origin?.requests, origin?.outcomes.miss, origin?.servedBytes, origin?.upstreamBytes],
    [2, 1, 200, 100],
  )
  const node = traffic.nodes.get('10.77.1.2')
  assert.deepEqual([node?.requests, node?.outcomes.joined, node?.outcomes.refused, node?.servedBytes], [2, 1, 1, 100])
  assert.equal(traffic.origins.get(others)?.outcomes.refused, 1)
})

test('no number of clients fills the memory: those after the first thousands are one', () => {
  const traffic = new Traffic()
  for (let n = 0; n < 10_000; n += 1) traffic.answered('a', `client-${n}`, 'hit', 1)
  assert.ok(traffic.nodes.size < 5000)
  const sum = [...traffic.nodes.values()].reduce((total, { servedBytes }) => total + servedBytes, 0)
  assert.equal(sum, 10_000)
})
