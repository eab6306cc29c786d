import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Events } from '../../../src/cache/events.ts'
import { Fetches } from '../../../src/cache/fill/fetches.ts'
import type { Limits } from '../../../src/cache/fill/limits.ts'
import type { Wanted } from '../../../src/cache/fill/wanted.ts'
import { type Origin, originsOf } from '../../../src/cache/origins.ts'
import { ManyPlaces } from '../../../src/cache/upstream/many-places.ts'
import { newCounters } from '../../../src/cache/watch/counters.ts'
import { Traffic } from '../../../src/cache/watch/traffic.ts'
import { atEnd } from '../cleanup.ts'
import { MemoryStore } from '../memory-store.ts'
import { bytesFor, startOrigin } from '../origin.ts'
import { settingsFor } from '../settings-for.ts'
import { get, quick, type Rig, wantedOf } from './rig.ts'

const body = bytesFor('body', 3_000_000)

type Lied = Pick<Rig, 'store' | 'fetches' | 'counters'> & { readonly origin: Origin }

/** Fetches from a real server over sockets, with a second one as its mirror if there is a listener for it. */
async function overSockets(
  t: TestContext,
  answer: RequestListener,
  { mirror, limits = quick }: { mirror?: RequestListener; limits?: Limits } = {},
): Promise<Lied> {
  const origin = await startOrigin(answer)
  const other = mirror && (await startOrigin(mirror))
  atEnd(t, () => Promise.all([origin.close(), other?.close()]))
  const mirrors = other ? [`http://127.0.0.1:${other.port}`] : []
  const settings = settingsFor({
    listen: '127.0.0.1:0',
    store: '/nowhere',
    origins: { 'mirror.lab': { address: '127.0.0.1', port: origin.port, private: true, mirrors } },
  })
  const origins = originsOf(settings)
  const events = new Events({ clock: systemClock, log: silentLog })
  const upstream = new ManyPlaces({ origins, siblings: [], parent: undefined, via: 'test', events })
  const counters = newCounters()
  const store = new MemoryStore()
  const parts = {
    store,
    upstream,
    counters,
    traffic: new Traffic(),
    events,
    clock: systemClock,
    log: silentLog,
    limits,
  }
  const fetches = new Fetches(parts)
  atEnd(t, async () => {
    await fetches.stop()
    await upstream.close()
    assert.equal(store.open, 0, 'bodies left open')
  })
  return { store, fetches, counters, origin: origins.get('mirror.lab') as Origin }
}

const right: RequestListener = (_req, res) => res.writeHead(200, { 'content-length': body.length }).end(body)

function wantedHere({ origin }: Lied, verified: boolean): Wanted {
  return { ...wantedOf('lie', verified ? body : undefined), origin }
}

/** What an origin does wrong, for which nobody may ever get a complete body. */
const lies: Record<string, RequestListener> = {
  'it cuts the body': (_req, res) => {
    res.writeHead(200, { 'content-length': body.length })
    res.write(body.subarray(0, 1_000_000), () => res.destroy())
  },
  'it sends less than it promised, and ends cleanly': (req) => {
    req.socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\nshort`)
  },
  'a part for a plain GET': (_req, res) => {
    res.writeHead(206, { 'content-range': `bytes 0-99/${body.length}`, 'content-length': 100 })
    res.end(body.subarray(0, 100))
  },
  'it packs the body': (_req, res) => {
    res.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 20 })
    res.end(body.subarray(0, 20))
  },
  'its body drips': (_req, res) => {
    res.writeHead(200, { 'content-length': body.length })
    const drip = setInterval(() => res.write('x'), 10)
    res.on('close', () => clearInterval(drip))
  },
  'it stops sending': (_req, res) => {
    res.writeHead(200, { 'content-length': body.length })
    res.write(body.subarray(0, 1_000_000))
  },
  'its body never ends': (_req, res) => {
    const more = () => {
      while (!res.destroyed && res.write(body.subarray(0, 100_000)));
    }
    res.on('drain', more)
    more()
  },
}

for (const [lie, answer] of Object.entries(lies)) {
  const limits = { ...quick, stallMs: 300, stallBytes: 4096, unannouncedBytes: 10_000_000 }

  test(`${lie}: nobody gets it whole, and nothing is kept`, { timeout: 240_000 }, async (t) => {
    const rig = await overSockets(t, answer, { limits })
    const wanted = wantedHere(rig, false)
    await assert.rejects(get(rig, wanted), { code: 'TransferBroken' })
    assert.equal(await rig.store.find(wanted.key), undefined)
  })

  test(`${lie}: where the digest is known, a mirror has it right`, { timeout: 240_000 }, async (t) => {
    const rig = await overSockets(t, answer, { limits, mirror: right })
    const wanted = wantedHere(rig, true)
    // Who was already reading may be broken off; who comes again gets it.
    const first = await get(rig, wanted).catch((error: unknown) => error)
    if (Buffer.isBuffer(first)) assert.ok(first.equals(body))
    const second = Buffer.isBuffer(first) ? first : await get(rig, wanted)
    assert.ok(second.equals(body))
  })
}

test('other bytes of the right length: the digest finds it out, and the mirror has it right', async (t) => {
  const wrong: RequestListener = (_req, res) =>
    res.writeHead(200, { 'content-length': body.length }).end(bytesFor('x', body.length))
  const rig = await overSockets(t, wrong, { mirror: right })
  await assert.rejects(get(rig, wantedHere(rig, true)), { code: 'DigestMismatch' })
  assert.ok((await get(rig, wantedHere(rig, true))).equals(body))
})

test('a connection that breaks at each megabyte: ranges bring the rest, each byte once', async (t) => {
  const ranges: (string | undefined)[] = []
  const rig = await overSockets(t, (req, res) => {
    ranges.push(req.headers.range)
    const start = Number(/^bytes=(\d+)-/.exec(req.headers.range ?? '')?.[1] ?? 0)
    const headers = { etag: '"1"', 'content-length': body.length - start }
    const range = { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` }
    res.writeHead(start > 0 ? 206 : 200, start > 0 ? { ...headers, ...range } : headers)
    if (start + 1_000_000 >= body.length) res.end(body.subarray(start))
    else res.write(body.subarray(start, start + 1_000_000), () => setTimeout(() => res.destroy(), 20))
  })
  assert.ok((await get(rig, wantedHere(rig, false))).equals(body))
  assert.ok(ranges.length >= 3)
  assert.equal(rig.counters.upstreamBytes, body.length)
})
