import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Fetches } from '../../../src/cache/fill/fetches.ts'
import type { Wanted } from '../../../src/cache/fill/wanted.ts'
import { newCounters } from '../../../src/cache/watch/counters.ts'
import { Traffic } from '../../../src/cache/watch/traffic.ts'
import { atEnd } from '../cleanup.ts'
import { readAll, wantedOf } from '../fill/rig.ts'
import { MemoryStore } from '../memory-store.ts'
import { bytesFor } from '../origin.ts'
import { until } from '../start.ts'
import { type Rig, serve, startRig } from './rig.ts'

function fetchesOver(t: TestContext, { upstream, events }: Rig) {
  const store = new MemoryStore()
  const counters = newCounters()
  const traffic = new Traffic()
  const fetches = new Fetches({ store, upstream, counters, traffic, events, clock: systemClock, log: silentLog })
  atEnd(t, () => fetches.stop())
  return { store, fetches }
}

async function get({ store, fetches }: ReturnType<typeof fetchesOver>, wanted: Wanted): Promise<Buffer> {
  const given = await fetches.join(wanted).answer
  if (given.kind === 'arriving') return readAll(given.fill)
  const stored = await store.find(wanted.key)
  assert.ok(stored)
  const body = Buffer.alloc(stored.length)
  await stored.read(body, 0)
  await stored.close()
  return body
}

/** Gives a body, or the part of it that is asked for. */
function give(body: Buffer, req: IncomingMessage, res: ServerResponse): void {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '') ?? []
  if (first === undefined) return void res.writeHead(200, { 'content-length': body.length }).end(body)
  const end = last ? Number(last) + 1 : body.length
  res.writeHead(206, { 'content-range': `bytes ${first}-${end - 1}/${body.length}` })
  res.end(body.subarray(Number(first), end))
}

test('a sibling whose file is not what the index says: nobody gets it whole, the origin gives the right one', async (t) => {
  const right = bytesFor('right', 900_000)
  const wrong = bytesFor('wrong', 900_000)
  const origin = await serve(t, (req, res) => give(right, req, res))
  const sibling = await serve(t, (req, res) => give(wrong, req, res))
  const rig = startRig(
    t,
    { 'mirror.lab': { address: '127.0.0.1', port: origin.port } },
    { siblings: [`http://127.0.0.1:${sibling.port}`] },
  )
  const mirror = rig.origins.get('mirror.lab')
  assert.ok(mirror)
  const here = fetchesOver(t, rig)
  const wanted = { ...wantedOf('a', right), origin: mirror }
  await assert.rejects(get(here, wanted), { code: 'DigestMismatch' })
  await until('the right one is there', async () => {
    const stored = await here.store.find(wanted.key)
    await stored?.close()
    return stored !== undefined
  })
  assert.ok((await get(here, wanted)).equals(right))
  assert.ok(sibling.requests.length > 0 && origin.requests.length > 0)
})

test('a mirror that dies in the middle: another goes on where it ended, and the reader sees nothing of it', async (t) => {
  const body = bytesFor('long', 3_000_000)
  const origin = await serve(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length, 'accept-ranges': 'bytes' })
    res.write(body.subarray(0, 2_000_000), () => res.destroy())
  })
  const mirror = await serve(t, (req, res) => give(body, req, res))
  const rig = startRig(t, {
    'mirror.lab': { address: '127.0.0.1', port: origin.port, mirrors: [`http://127.0.0.1:${mirror.port}`] },
  })
  const known = rig.origins.get('mirror.lab')
  assert.ok(known)
  const wanted = { ...wantedOf('a', body), origin: known }
  assert.ok((await get(fetchesOver(t, rig), wanted)).equals(body))
  const ranges = mirror.requests.map(({ headers }) => headers.range)
  assert.ok(ranges.length > 0 && ranges.every((range) => /^bytes=[1-9]/.test(range ?? '')), String(ranges))
})
