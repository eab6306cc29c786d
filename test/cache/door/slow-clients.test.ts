import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { atEnd } from '../cleanup.ts'
import { ask } from '../client.ts'
import { bytesFor, sha256 } from '../origin.ts'
import { askAndRest, setUp, until } from '../start.ts'

test('clients that take nothing hold up nobody for long, however many they are', async (t) => {
  const body = bytesFor('large', 20_000_000)
  const { cache } = await setUp(t, (_req, res) => res.end(body))
  await askAndRest(cache, '/large_1_all.deb')
  const idle = Array.from({ length: 140 }, () => connect(cache.port, '127.0.0.1').pause())
  atEnd(t, () => idle.map((socket) => socket.destroy()))
  for (const socket of idle) {
    socket.on('error', () => {})
    socket.write('GET /large_1_all.deb HTTP/1.1\r\nHost: mirror.lab\r\n\r\n')
  }
  await until('all of them are being served', () => cache.counters.inFlight === idle.length)
  const answer = await ask(cache.port, '/large_1_all.deb')
  assert.equal(sha256(answer.body), sha256(body))
})

test('clients that leave in the middle of a body leave no buffer behind', async (t) => {
  const body = bytesFor('large', 20_000_000)
  const { cache } = await setUp(t, (_req, res) => res.end(body))
  await askAndRest(cache, '/large_1_all.deb')
  for (let batch = 0; batch < 5; batch += 1) {
    const leaving = Array.from({ length: 40 }, () =>
      ask(cache.port, '/large_1_all.deb', { onData: (_, response) => response.destroy() }),
    )
    for (const { broken } of await Promise.all(leaving)) assert.equal(broken, true)
  }
  await until('all of them have been given up', () => cache.counters.inFlight === 0)
  assert.equal(sha256((await ask(cache.port, '/large_1_all.deb')).body), sha256(body))
  assert.equal(cache.counters.failed, 0, 'a client that leaves is no failure')
})
