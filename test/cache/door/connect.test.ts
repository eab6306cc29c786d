import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Duplex, duplexPair } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '../../../src/base/clock.ts'
import { type OpenTunnel, Tunnels } from '../../../src/cache/door/connect.ts'
import type { AccessRecord } from '../../../src/cache/watch/access-log.ts'
import { newCounters } from '../../../src/cache/watch/counters.ts'

function connectTo(url: string): IncomingMessage {
  return { url, socket: { remoteAddress: '10.0.0.1' } } as unknown as IncomingMessage
}

test('a tunnel that is still being opened when all are closed does not stay', async () => {
  const opening = Promise.withResolvers<Awaited<ReturnType<OpenTunnel>>>()
  const records: AccessRecord[] = []
  const counters = newCounters()
  const ledger = { answered: (record: AccessRecord) => void records.push(record) }
  const allowed = ['mirror.lab:443']
  const tunnels = new Tunnels({ allowed, open: () => opening.promise, counters, ledger, clock: systemClock })
  const [client] = duplexPair()
  const [there] = duplexPair()
  const served = tunnels.serve(connectTo('mirror.lab:443'), client, Buffer.alloc(0))
  tunnels.close()
  opening.resolve(Object.assign(there, { setTimeout: () => {} }))
  await served
  assert.deepEqual([client.destroyed, there.destroyed, counters.inFlight], [true, true, 0])
  assert.deepEqual(
    records.map(({ url, bytes }) => [url, bytes]),
    [['mirror.lab:443', 0]],
  )
})

test('what the origin said before it closed gets to a client that is slow to take it', async () => {
  const there = new Duplex({ allowHalfOpen: false, read() {}, write: (_chunk, _encoding, done) => done() })
  const [got, waiting]: [string[], (() => void)[]] = [[], []]
  const client = new Duplex({
    read() {},
    write: (chunk, _encoding, done) => {
      got.push(String(chunk))
      waiting.push(done)
    },
  })
  const tunnels = new Tunnels({
    allowed: ['mirror.lab:443'],
    open: () => Promise.resolve(Object.assign(there, { setTimeout: () => {} })),
    counters: newCounters(),
    ledger: { answered: () => {} },
    clock: systemClock,
  })
  const served = tunnels.serve(connectTo('mirror.lab:443'), client, Buffer.alloc(0))
  there.push('all of it')
  there.push(null)
  await once(there, 'close')
  for (let turns = 0; turns < 5; turns += 1) await turn()
  while (!client.writableFinished && !client.destroyed) {
    waiting.shift()?.()
    await turn()
  }
  await served
  assert.deepEqual(got, ['HTTP/1.1 200 Connection Established\r\n\r\n', 'all of it'])
})
