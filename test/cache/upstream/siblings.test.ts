import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLog } from '../../../src/base/log.ts'
import { type RunningCache, startCache } from '../../../src/cache/server.ts'
import { atEnd } from '../cleanup.ts'
import { ask } from '../client.ts'
import { bytesFor, sha256 } from '../origin.ts'
import { settingsFor } from '../settings-for.ts'
import { askAndRest, scratchFolder, until } from '../start.ts'
import { serve, startRig, textOf } from './rig.ts'

/** A site's cache. The more it is told comes last, and wins. */
async function startSite(
  t: TestContext,
  originPort: number,
  more: Record<string, unknown> = {},
): Promise<RunningCache> {
  const settings = settingsFor({
    listen: '127.0.0.1:0',
    store: join(await scratchFolder(t), 'store'),
    origins: { 'mirror.lab': { address: '127.0.0.1', port: originPort } },
    ...more,
  })
  const cache = await startCache(settings, { log: silentLog })
  atEnd(t, () => cache.stop(0))
  return cache
}

const base = ({ port }: RunningCache) => `http://127.0.0.1:${port}`

/** A port that refuses connections, most likely. */
async function closedPort(t: TestContext): Promise<number> {
  const server = await serve(t, () => {})
  await server.close()
  return server.port
}

test('a second site gets its files from the first: the origin gives each once', async (t) => {
  const files = Array.from({ length: 40 }, (_, n) => `/pool/p${n}_1_all.deb`)
  const origin = await serve(t, (req, res) => res.end(bytesFor(req.url ?? '', 30_000)))
  const east = await startSite(t, origin.port)
  const west = await startSite(t, origin.port, { siblings: [base(east)] })
  for (const site of [east, west]) {
    // One after the other: all at once, on a machine that has other things to do, the sibling could be too slow to be asked.
    for (const file of files) assert.equal(sha256((await ask(site.port, file)).body), sha256(bytesFor(file, 30_000)))
    await until('all is kept', () => site.counters.fetching === 0)
  }
  assert.equal(origin.requests.length, files.length)
  assert.equal(east.counters.hits, files.length)
  assert.ok(origin.requests.every(({ headers }) => headers['cache-control'] === undefined))
})

test('siblings that ask each other ask in no circle', async (t) => {
  const origin = await serve(t, (req, res) => res.end(`from the origin: ${req.url}`))
  const first = await startSite(t, origin.port)
  const second = await startSite(t, origin.port, { siblings: [base(first)] })
  const { port } = first
  await first.stop(0)
  const again = await startSite(t, origin.port, { siblings: [base(second)], listen: `127.0.0.1:${port}` })
  const file = '/pool/a_1_all.deb'
  const [one, other] = await Promise.all([ask(again.port, file), ask(second.port, file)])
  assert.deepEqual([one.status, other.status], [200, 200])
  assert.equal(origin.requests.length, 2)
})

test('a sibling that has not got it says so at once, and keeps its connection', async (t) => {
  const origin = await serve(t, (_req, res) => res.end('never'))
  const east = await startSite(t, origin.port)
  const only = { headers: { 'cache-control': 'only-if-cached', connection: 'keep-alive' } }
  const answer = await ask(east.port, '/pool/a_1_all.deb', only)
  assert.equal(answer.status, 504)
  assert.equal(origin.requests.length, 0)
  assert.equal((await ask(east.port, '/pool/a_1_all.deb', { ...only, method: 'HEAD' })).status, 504)
  assert.equal(answer.headers.connection, 'keep-alive', 'there will be more to ask')
  const { upstream, ask: direct } = startRig(
    t,
    { 'mirror.lab': { address: '127.0.0.1', port: origin.port } },
    { siblings: [base(east)] },
  )
  for (let n = 0; n < 3; n += 1) assert.equal(await textOf(await direct(`/pool/${n}_1_all.deb`)), 'never')
  const sibling = upstream.states().find(({ place }) => place === base(east))
  assert.equal(sibling?.health.state, 'well', 'that is no failure')
  assert.ok((sibling?.health.had ?? 1) < 0.5)
})

test('an index is asked for at its origin, with credentials or without', async (t) => {
  const origin = await serve(t, (_req, res) => res.end('new'))
  const sibling = await serve(t, (_req, res) => res.end('old'))
  const { ask: direct } = startRig(
    t,
    { 'mirror.lab': { address: '127.0.0.1', port: origin.port } },
    { siblings: [`http://127.0.0.1:${sibling.port}`] },
  )
  assert.equal(await textOf(await direct('/dists/x/InRelease', { kind: 'index' })), 'new')
  assert.equal(await textOf(await direct('/pool/a_1_all.deb', { headers: { cookie: 'a=b' } })), 'new')
  assert.equal(sibling.requests.length, 0)
  const old = await direct('/pool/a_1_all.deb')
  assert.equal(await textOf(old), 'old')
  assert.equal(sibling.requests[0]?.url, 'http://mirror.lab/pool/a_1_all.deb')
  assert.equal(sibling.requests[0]?.headers.host, 'mirror.lab')
  assert.equal(sibling.requests[0]?.headers.via, '1.1 causeway-test')
  assert.equal(
    await textOf(await direct('/pool/a_1_all.deb', { avoid: [old.place] })),
    'new',
    'what was wrong is avoided',
  )
})

test('a parent is asked instead of the origin; the origin when the parent is gone', async (t) => {
  const origin = await serve(t, (_req, res) => res.end('x'))
  const parent = await startSite(t, origin.port)
  const child = await startSite(t, await closedPort(t), { parent: base(parent) })
  assert.equal((await askAndRest(child, '/pool/a_1_all.deb')).body.toString(), 'x')
  assert.equal(parent.counters.requests, 1)

  const second = await startSite(t, origin.port, { parent: `http://127.0.0.1:${await closedPort(t)}` })
  assert.equal((await askAndRest(second, '/pool/a_1_all.deb')).body.toString(), 'x')
  const stranger = await startSite(t, origin.port, {
    parent: base(await startSite(t, origin.port, { origins: { 'else.lab': { address: '127.0.0.1', port: 1 } } })),
  })
  assert.equal((await askAndRest(stranger, '/pool/a_1_all.deb')).body.toString(), 'x', 'a parent that serves others')
})
