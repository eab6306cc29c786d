import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { type OpenTunnel, Tunnels } from '../../../src/cache/door/connect.ts'
import type { AccessRecord } from '../../../src/cache/watch/access-log.ts'
import { newCounters } from '../../../src/cache/watch/counters.ts'

test('a tunnel that is still being opened when all are closed does not stay', async () => {
  const opening = Promise.withResolvers<Awaited<ReturnType<OpenTunnel>>>()
  const records: AccessRecord[] = []
  const counters = newCounters()
  const ledger = { answered: (record: AccessRecord) => void records.push(record) }
  const allowed = ['mirror.lab:443']
  const tunnels = new Tunnels({ allowed, open: () => opening.promise, counters, ledger, clock: systemClock })
  const [client] = duplexPair()
  const [there] = duplexPair()
  const request = { url: 'mirror.lab:443', socket: { remoteAddress: '10.0.0.1' } } as unknown as IncomingMessage
  const served = tunnels.serve(request, client, Buffer.alloc(0))
  tunnels.close()
  opening.resolve(Object.assign(there, { setTimeout: () => {} }))
  await served
  assert.deepEqual([client.destroyed, there.destroyed, counters.inFlight], [true, true, 0])
  assert.deepEqual(
    records.map(({ url, bytes }) => [url, bytes]),
    [['mirror.lab:443', 0]],
  )
})
