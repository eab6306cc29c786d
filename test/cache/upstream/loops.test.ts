import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Logger, silentLog } from '../../../src/base/log.ts'
import type { Kind } from '../../../src/cache/formats/kinds.ts'
import { type RunningCache, startCache } from '../../../src/cache/server.ts'
import { freePort } from '../../support/free-port.ts'
import { atEnd } from '../cleanup.ts'
import { ask } from '../client.ts'
import type { TestOrigin } from '../origin.ts'
import { settingsFor } from '../settings-for.ts'
import { scratchFolder, until } from '../start.ts'
import { serve, startRig, textOf } from './rig.ts'

/** A way to a port that holds back what comes over it until the way is open. */
async function gate(t: TestContext, to: number, arrived: () => void, open: Promise<void>): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    sockets.add(near.on('error', () => {}))
    arrived()
    void open.then(() => {
      const far = connect(to, '127.0.0.1').on('error', () => near.destroy())
      sockets.add(far)
      near.pipe(far).pipe(near)
      near.on('close', () => far.destroy())
      far.on('close', () => near.destroy())
    })
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  atEnd(t, () => server.close())
  atEnd(t, () => sockets.forEach((socket) => socket.destroy()))
  return port
}

interface Ring {
  readonly caches: readonly RunningCache[]
  readonly origin: TestOrigin
  /** What went wrong with places. */
  readonly reported: readonly string[]
}

/**
 * Caches in a ring, each the parent of the one before it, before one origin.
 * @param together Nothing gets from one to the next until each has asked.
 */
async function ring(t: TestContext, count: number, together: boolean): Promise<Ring> {
  const folder = await scratchFolder(t)
  const origin = await serve(t, (_req, res) => res.end(`${'0'.repeat(64)}  disk.img\n`))
  const ports = await Promise.all(Array.from({ length: count }, freePort))
  const { promise: open, resolve } = Promise.withResolvers<void>()
  if (!together) resolve()
  const asking = new Set<number>()
  const arrived = (from: number) => {
    asking.add(from)
    if (asking.size === count) resolve()
  }
  const reported: string[] = []
  const log = { ...silentLog, warn: (facts: object) => void reported.push(JSON.stringify(facts)) } as Logger
  const caches: RunningCache[] = []
  for (const [index, port] of ports.entries()) {
    const parent = await gate(t, ports[(index + 1) % count] as number, () => arrived(index), open)
    const settings = settingsFor({
      listen: `127.0.0.1:${port}`,
      store: join(folder, String(index)),
      origins: { 'mirror.lab': { address: '127.0.0.1', port: origin.port } },
      parent: `http://127.0.0.1:${parent}`,
    })
    const cache = await startCache(settings, { log })
    atEnd(t, () => cache.stop(0))
    caches.push(cache)
  }
  return { caches, origin, reported }
}

const file = '/pool/a_1_all.deb'
const index = '/images/SHA256SUMS'

for (const [what, path, headers] of [
  ['a file', file, {}],
  ['a file for one client alone', file, { authorization: 'Basic YTpi' }],
] as const) {
  test(`caches that are each other's parent: ${what} is refused where it comes back to, and the origin asked`, async (t) => {
    const { caches, origin } = await ring(t, 2, false)
    const [east, west] = caches as [RunningCache, RunningCache]
    const answer = await ask(east.port, path, { headers })
    assert.equal(answer.status, 200)
    assert.match(answer.body.toString(), /disk/)
    assert.equal(east.counters.refused, 1, 'its own request, when it came back')
    assert.equal(west.counters.refused, 0)
    assert.equal(origin.requests.length, 1)
  })
}

for (const [count, what, path] of [
  [2, 'a file', file],
  [3, 'a file', file],
  [2, 'an index', index],
  [3, 'an index', index],
] as const) {
  test(`${count} caches in a ring that are asked for ${what} at once don't wait for each other`, async (t) => {
    const { caches, origin, reported } = await ring(t, count, true)
    const answers = await Promise.all(caches.map(({ port }) => ask(port, path)))
    for (const { status, body } of answers) assert.deepEqual([status, /disk/.test(String(body))], [200, true])
    const refused = caches.reduce((sum, { counters }) => sum + counters.refused, 0)
    assert.ok(refused > 0, 'nobody was told that it would wait for itself')
    assert.ok(origin.requests.length <= count)
    assert.deepEqual(reported, [], 'a cache that is waited for is taken for one that is away')
  })
}

test('an index that comes back to where it was asked for is refused there too', async (t) => {
  const { caches, origin } = await ring(t, 2, false)
  const answer = await ask((caches[0] as RunningCache).port, index)
  assert.deepEqual([answer.status, /disk/.test(String(answer.body))], [200, true])
  assert.equal(origin.requests.length, 1)
  assert.ok(caches.some(({ counters }) => counters.refused > 0))
})

test('whoever waits for an index waits for all of its origin that the parent is asked for, and for no other file', async (t) => {
  let answer = () => {}
  const parent = await serve(t, (req, res) => {
    if (req.method === 'HEAD') res.writeHead(508).end()
    else answer = () => res.end('text')
  })
  const { upstream, origins } = startRig(
    t,
    { 'mirror.lab': { address: '127.0.0.1', port: 1 } },
    { parent: `http://127.0.0.1:${parent.port}` },
  )
  const origin = origins.get('mirror.lab')
  assert.ok(origin)
  const via = '1.1 causeway-other'
  const comesRound = (path: string, kind: Kind) => upstream.comesRound({ origin, path, kind, via })
  assert.equal(await comesRound('/dists/x/InRelease', 'index'), false, 'the parent is asked for nothing')
  const asking = upstream.ask({ origin, method: 'GET', path: '/dists/x/InRelease', kind: 'index', headers: {} })
  await until('it is asked', () => parent.requests.length === 1)
  assert.equal(await comesRound('/dists/x/main/binary-amd64/Packages', 'index'), true)
  assert.equal(await comesRound(file, 'package'), false)
  const [, probe, ...more] = parent.requests
  assert.deepEqual(more, [])
  assert.equal(probe?.headers.via, '1.1 causeway-other, 1.1 causeway-test')
  assert.equal(probe?.headers['cache-control'], 'only-if-cached')
  answer()
  assert.equal(await textOf(await asking), 'text')
  assert.equal(await comesRound('/dists/x/InRelease', 'index'), false, 'the parent is asked for nothing any more')
})
