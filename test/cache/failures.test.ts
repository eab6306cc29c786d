import assert from 'node:assert/strict'
import { appendFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '../../src/base/log.ts'
import { startCache } from '../../src/cache/server.ts'
import type { CacheSettings } from '../../src/cache/settings.ts'
import { atEnd } from './cleanup.ts'
import { ask } from './client.ts'
import { bytesFor, sha256 } from './origin.ts'
import { settingsFor } from './settings-for.ts'
import { askAndRest, bodiesIn, setUp, until } from './start.ts'

const deb = '/debian/pool/main/b/big/big_1.0_amd64.deb'

test('a body that ends too early is never kept, and no client takes it for whole', async (t) => {
  const body = bytesFor('cut', 1_000_000)
  let cut: (() => void) | undefined
  let whole = false
  const { origin, cache, folder } = await setUp(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length })
    if (whole) res.end(body)
    else res.write(body.subarray(0, 600_000))
    cut = () => res.destroy()
  })
  let come = 0
  const asking = [ask(cache.port, deb, { onData: () => (come += 1) }), ask(cache.port, deb), ask(cache.port, deb)]
  await until('the transfer is under way', () => come > 0 && cut !== undefined)
  cut?.()
  for (const answer of await Promise.all(asking)) {
    assert.equal(answer.broken, true)
    assert.ok(answer.body.length < body.length)
  }
  assert.equal(await bodiesIn(join(folder, 'store')), 0)
  await until('the half file is gone', async () => (await readdir(join(folder, 'store', 'partial'))).length === 0)
  assert.equal(cache.counters.failed, 3)

  whole = true
  const again = await askAndRest(cache, deb)
  assert.equal(again.headers['x-cache'], 'miss')
  assert.equal(sha256(again.body), sha256(body))
  assert.equal(origin.requests.length, 2)
})

test('a chunked body that breaks off is broken for clients too', async (t) => {
  let cut: (() => void) | undefined
  const { cache, folder } = await setUp(t, (_req, res) => {
    res.write('the first half')
    cut = () => res.destroy()
  })
  let come = 0
  const asking = ask(cache.port, deb, { onData: (soFar) => (come = soFar) })
  await until('half has come', () => come > 0)
  cut?.()
  assert.equal((await asking).broken, true)
  assert.equal(await bodiesIn(join(folder, 'store')), 0)
})

test('a body whose end nobody can tell from a broken connection is passed on but not kept', async (t) => {
  const { origin, cache } = await setUp(t, (_req, res) => {
    res.removeHeader('transfer-encoding')
    res.useChunkedEncodingByDefault = false
    res.shouldKeepAlive = false
    res.write('all of it')
    res.end()
  })
  assert.equal((await askAndRest(cache, deb)).body.toString(), 'all of it')
  assert.equal((await askAndRest(cache, deb)).headers['x-cache'], 'miss')
  assert.equal(origin.requests.length, 2)
})

test('an origin that can not be reached, or answers nonsense, is said in plain words', async (t) => {
  const { origin, cache } = await setUp(t, (_req, res) => {
    res.socket?.end('HTTP/1.1 BANANA\r\n\r\n')
  })
  const nonsense = await askAndRest(cache, deb)
  assert.equal(nonsense.status, 504)
  await origin.close()
  const away = await askAndRest(cache, deb)
  assert.equal(away.status, 504)
  assert.match(
    away.body.toString(),
    /^causeway cache: mirror.lab can not be reached, and this file is not kept here: .*ECONNREFUSED/s,
  )
  assert.equal(cache.counters.failed, 2)
})

test('a kept connection that the origin has closed meanwhile is not a failure', async (t) => {
  const { origin, cache } = await setUp(t, (req, res) => {
    if (origin.requests.length === 2) req.socket.destroy()
    else res.end('x')
  })
  assert.equal((await askAndRest(cache, '/pool/a_1_all.deb')).status, 200)
  assert.equal((await askAndRest(cache, '/pool/b_1_all.deb')).status, 200)
  assert.equal(origin.requests.length, 3)
})

test('an error page of the origin is passed on and not kept', async (t) => {
  let status = 500
  const { origin, cache } = await setUp(t, (_req, res) => res.writeHead(status).end(`status ${status}`))
  for (const each of [500, 404, 302]) {
    status = each
    const answer = await askAndRest(cache, deb)
    assert.deepEqual([answer.status, answer.body.toString()], [each, `status ${each}`])
  }
  assert.equal(origin.requests.length, 3)
})

test('an answer that was not asked for is no answer', async (t) => {
  const { cache } = await setUp(t, (_req, res) => res.writeHead(206, { 'content-range': 'bytes 0-0/9' }).end('1'))
  assert.equal((await askAndRest(cache, deb)).status, 502)
})

test('a kept file that was damaged is fetched anew', async (t) => {
  const large = bytesFor('large', 300_000)
  const { origin, cache, folder, settings } = await setUp(t, (req, res) => {
    res.end(req.url?.includes('large') ? large : 'small')
  })
  await askAndRest(cache, '/large_1_all.deb')
  await askAndRest(cache, '/small_1_all.deb')
  await cache.stop(0)
  const bodies = join(folder, 'store', 'bodies')
  for (const name of await readdir(bodies, { recursive: true })) {
    if (!/[0-9a-f]{64}$/.test(name)) continue
    const file = join(bodies, name)
    await truncate(file, (await readFile(file)).length - 3)
  }
  const again = await startCache(settings, { log: silentLog })
  atEnd(t, () => again.stop(0))
  assert.equal((await askAndRest(again, '/small_1_all.deb')).headers['x-cache'], 'miss')
  const healed = await askAndRest(again, '/large_1_all.deb')
  assert.equal(sha256(healed.body), sha256(large))
  assert.equal(origin.requests.length, 4)
})

test('stopping lets transfers end', async (t) => {
  const body = bytesFor('stop', 400_000)
  let release: (() => void) | undefined
  const { cache, folder } = await setUp(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length })
    res.write(body.subarray(0, 1000))
    release = () => res.end(body.subarray(1000))
  })
  let come = 0
  const asking = ask(cache.port, deb, { onData: (soFar) => (come = soFar) })
  await until('the transfer is under way', () => come > 0)
  const stopped = cache.stop(60_000)
  await assert.rejects(ask(cache.port, deb), { code: 'ECONNREFUSED' })
  release?.()
  assert.equal(sha256((await asking).body), sha256(body))
  await stopped
  assert.equal(await bodiesIn(join(folder, 'store')), 1)
})

/** Starts a cache and stops it: one that should not have started is not left behind. */
async function started(settings: CacheSettings): Promise<void> {
  await (await startCache(settings, { log: silentLog })).stop(0)
}

test('a store or an address that can not be used says so', async (t) => {
  const { cache, folder, settings } = await setUp(t, () => {})
  const start = (change: object) => started({ ...settings, ...change })
  await assert.rejects(start({}), { code: 'InvalidConfig', message: /another process uses/ })
  const taken = { listen: `127.0.0.1:${cache.port}`, store: join(folder, 'other') }
  await assert.rejects(start(taken), { code: 'InvalidConfig', message: /EADDRINUSE/ })
  const file = join(folder, 'file')
  await appendFile(file, '')
  await assert.rejects(start({ store: file }), { code: 'InvalidConfig', message: /^store .*file: / })
  await assert.rejects(start({ store: join(folder, 'other'), accessLog: join(file, 'log') }), {
    code: 'InvalidConfig',
    message: /^access log .*log: /,
  })
})

test('a start that fails leaves nothing open: the next one finds the store free', async (t) => {
  const { folder, settings } = await setUp(t, () => {})
  const other = { ...settings, store: join(folder, 'other') }
  const failing: [object, RegExp][] = [
    [{ admin: join(settings.store, 'admin.sock') }, /^admin: somebody already answers at /],
    [{ admin: `/${'long/'.repeat(30)}admin.sock` }, /too long for a unix socket/],
    [{ accessLog: folder }, /^access log .*EISDIR/],
    [{ listen: '203.0.113.1:3128' }, /^listen 203.*EADDRNOTAVAIL.*; this machine has no such address$/],
    [{ roles: { x: { repository: 'http://nowhere.lab/debian' } } }, /roles\.x\.repository: nowhere\.lab is none/],
  ]
  for (const [change, message] of failing) {
    await assert.rejects(started({ ...other, ...change }), {
      code: 'InvalidConfig',
      message,
    })
  }
  await started(other)
})

test('a keyring that can not be used is told at the start, not to the first node', async (t) => {
  const { origin, folder } = await setUp(t, () => {})
  const start = (keyring: string) =>
    started(
      settingsFor({
        listen: '127.0.0.1:0',
        store: join(folder, 'other'),
        origins: { 'mirror.lab': { address: '127.0.0.1', port: origin.port, keyring } },
      }),
    )
  const keyring = join(folder, 'keyring.gpg')
  await assert.rejects(start(keyring), { code: 'InvalidConfig', message: /^keyring: it can't be read: .*keyring\.gpg/ })
  await writeFile(keyring, '-----BEGIN PGP PUBLIC KEY BLOCK-----\n')
  await assert.rejects(start(keyring), { code: 'InvalidConfig', message: /keyring\.gpg is armoured.*--dearmor/ })
})
