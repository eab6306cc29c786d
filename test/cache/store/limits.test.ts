import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openDatabase } from '../../../src/cache/database.ts'
import { Layout } from '../../../src/cache/store/layout.ts'
import { Rows } from '../../../src/cache/store/rows.ts'
import { Statements } from '../../../src/cache/store/statements.ts'
import { storeTables } from '../../../src/cache/store/tables.ts'
import { sha256 } from '../origin.ts'
import { bodiesIn, scratchFolder, until } from '../start.ts'
import { bodyOf, bytesFor, found, headOf, keep, key } from './helpers.ts'
import { openStore } from './open-store.ts'

const run = promisify(execFile)

test('the quota holds whatever comes; what is pinned, being read or on its way stays', async (t) => {
  const folder = await scratchFolder(t)
  const { store } = await openStore(t, folder, { quota: 3_000_000 })
  await keep(store, bytesFor('pinned', 300_000), { key: 'pinned' })
  store.pin('one', ['pinned'])
  await keep(store, bytesFor('read', 300_000), { key: 'read' })
  const reading = await store.find('read')
  const coming = await store.begin(headOf({ key: 'coming', length: 400_000 }))
  await coming.write(bytesFor('coming', 400_000).subarray(0, 300_000), 0)
  for (let index = 0; index < 60; index += 1) {
    const length = 20_000 + ((index * 7919) % 500_000)
    await keep(store, bytesFor(`${index}`, length), {
      key: `k${index}`,
      ...(index % 5 === 0 ? { length: undefined } : {}),
    })
    assert.ok((await found(store, `k${index}`))?.equals(bytesFor(`${index}`, length)), 'the newest is there')
    const { bytes } = await store.usage()
    assert.ok(bytes + 400_000 <= 3_000_000 + 1_048_576, `${bytes}`)
  }
  assert.ok((await store.usage()).bytes <= 2_600_000)
  assert.ok((await store.usage()).evictedBytes > 5_000_000)
  assert.ok((await bodyOf(reading))?.equals(bytesFor('read', 300_000)))
  assert.ok((await found(store, 'pinned'))?.equals(bytesFor('pinned', 300_000)))
  await coming.write(bytesFor('coming', 400_000).subarray(300_000), 300_000)
  await coming.commit({ length: 400_000, validatedAtMs: 1, fetchMs: 1 })
  await coming.close()
  assert.ok((await found(store, 'coming'))?.equals(bytesFor('coming', 400_000)))
  assert.equal(await bodiesIn(folder), (await store.usage()).responses)
})

test('what is asked for often outlives what is not, and what was broken off long ago goes before both', async (t) => {
  let nowMs = 1_000_000
  const clock = { now: () => nowMs, sleep: () => Promise.resolve() }
  const { store } = await openStore(t, await scratchFolder(t), { quota: 2_000_000, clock })
  const old = await store.begin(headOf({ key: 'old', length: 1_000_000 }))
  await old.write(Buffer.alloc(600_000), 0)
  await old.suspend()
  await old.close()
  for (const each of ['often', 'seldom']) await keep(store, bytesFor(each, 600_000), { key: each })
  for (let times = 0; times < 5; times += 1) await (await store.find('often'))?.close()
  const keys = () => store.list({}).map(({ key }) => key)
  nowMs += 2 * 3_600_000
  await keep(store, bytesFor('new', 600_000), { key: 'new' })
  assert.deepEqual([keys(), (await store.usage()).partialBytes], [['new', 'often', 'seldom'], 0])
  await keep(store, bytesFor('newer', 600_000), { key: 'newer' })
  await keep(store, bytesFor('newest', 600_000), { key: 'newest' })
  assert.ok(keys().includes('often') && !keys().includes('seldom'), keys().join(' '))
})

test('a quota that was lowered holds with the next that comes; pins that exceed it leave room for nothing', async (t) => {
  const folder = await scratchFolder(t)
  const first = await openStore(t, folder)
  for (let index = 0; index < 10; index += 1)
    await keep(first.store, bytesFor(`${index}`, 300_000), { key: `k${index}` })
  await first.close()
  const { store } = await openStore(t, folder, { quota: 1_000_000 })
  assert.equal((await store.usage()).responses, 10)
  store.pin('one', ['k3', 'k4'])
  await keep(store, bytesFor('new', 100_000), { key: 'new' })
  const { bytes } = await store.usage()
  assert.ok(bytes <= 1_000_000 && bytes >= 700_000, `${bytes}`)
  for (const index of [3, 4]) {
    assert.ok((await found(store, `k${index}`))?.equals(bytesFor(`${index}`, 300_000)))
  }
  assert.equal(await bodiesIn(folder), (await store.usage()).responses)
  store.pin(
    'one',
    store.list({}).map(({ key }) => key),
  )
  await assert.rejects(keep(store, bytesFor('more', 400_000), { key: 'more' }), { code: 'StoreFull' })
  assert.ok(await found(store, 'new'))
})

test('what can not be given room is refused, and nothing is thrown away for it', async (t) => {
  const { store } = await openStore(t, await scratchFolder(t), { quota: 2_000_000 })
  await keep(store, bytesFor('one', 500_000))
  await assert.rejects(store.begin(headOf({ key: 'y', length: 2_000_001 })), { code: 'StoreFull' })
  assert.ok(await found(store))
  store.pin('one', [key])
  await assert.rejects(store.begin(headOf({ key: 'y', length: 1_600_000 })), { code: 'StoreFull' })
  const endless = await store.begin(headOf({ key: 'y' }))
  const drip = async () => {
    for (let at = 0; ; at += 100_000) await endless.write(Buffer.alloc(100_000), at)
  }
  await assert.rejects(drip(), { code: 'StoreFull' })
  await endless.close()
  assert.equal(store.troubled, false, 'the disk is well')
  await keep(store, bytesFor('fits', 1_400_000), { key: 'y' })
  store.pin('one', [key, 'y'])
  await assert.rejects(store.begin(headOf({ key: 'z' })), { code: 'StoreFull' }, 'what would soon break does not begin')
})

test('what was broken off is given up where there is no room for the rest', async (t) => {
  const { store } = await openStore(t, await scratchFolder(t), { quota: 1_000_000 })
  const incoming = await store.begin(headOf({ length: 600_000 }))
  await incoming.write(Buffer.alloc(300_000), 0)
  await incoming.suspend()
  await incoming.close()
  await keep(store, bytesFor('pinned', 650_000), { key: 'pinned' })
  store.pin('one', ['pinned'])
  assert.equal(await store.resume(key), undefined)
  assert.equal((await store.usage()).partialBytes, 0)
  await keep(store, bytesFor('fits', 350_000))
})

test('on a full disk nothing half is kept, all that is kept is served, and it goes on when there is room', async (t) => {
  const folder = await scratchFolder(t)
  const main = fileURLToPath(new URL('full-disk-main.ts', import.meta.url))
  const script = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" "$3" "$1"'
  const argv = ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', folder, process.execPath, main]
  const { stdout } = await run('unshare', argv)
  const { bytes, ...went } = JSON.parse(stdout) as Record<string, unknown>
  assert.deepEqual(went, {
    writing: 'ENOSPC',
    troubled: true,
    stillServed: true,
    refused: 'StoreFull',
    small: went['small'],
    roomMade: 'ok',
    whole: true,
    after: 'ok',
    over: false,
    events: ['DiskTrouble'],
  })
  assert.ok(['ENOSPC', 'StoreFull', 'SQLITE_FULL'].includes(went['small'] as string), went['small'] as string)
  assert.equal(bytes, 3_000_000)
})

test('a clock that jumps breaks nothing', async (t) => {
  let nowMs = Date.parse('2026-11-23T10:00:00Z')
  const clock = { now: () => nowMs, sleep: () => Promise.resolve() }
  const { store, events } = await openStore(t, await scratchFolder(t), { quota: 2_000_000, clock })
  for (const [index, jump] of [0, -1e12, 5e11, -4e12, 1e13, -1e13].entries()) {
    nowMs += jump
    await keep(store, bytesFor(`${index}`, 500_000), { key: `k${index}`, validatedAtMs: nowMs, fetchMs: jump })
    for (let times = 0; times < 3; times += 1) await (await store.find(`k${index}`))?.close()
    assert.ok((await found(store, `k${index}`))?.equals(bytesFor(`${index}`, 500_000)))
    const half = await store.begin(headOf({ key: `h${index}`, length: 400_000 }))
    await half.write(Buffer.alloc(300_000), 0)
    await half.suspend()
    await half.close()
    const { bytes, partialBytes } = await store.usage()
    assert.ok(bytes + partialBytes <= 2_000_000, `${bytes} ${partialBytes}`)
  }
  assert.deepEqual([events, store.troubled], [[], false])
})

test('a store with 10,000 responses begins with all of them, without files or rows that have lost each other', async (t) => {
  const folder = await scratchFolder(t)
  await new Layout(folder).prepare()
  const database = openDatabase(folder, [storeTables])
  const rows = new Rows(new Statements(database, () => {}))
  const layout = new Layout(folder)
  database.transaction(() => {
    for (let index = 0; index < 10_000; index += 1) {
      const body = Buffer.from(`body ${index}`)
      const whole = { sha256: sha256(body), length: body.length, sums: Buffer.alloc(4) }
      rows.keep(headOf({ key: `k${index}` }), { ...whole, fetchMs: 1, validatedAtMs: 1, storedAtMs: 1 }, 0, undefined)
      if (index % 100 !== 0) writeFileSync(layout.body(whole.sha256), body)
    }
  })()
  database.close()
  const strays = [layout.body('ab'.repeat(32)), layout.partial(randomUUID()), layout.partial('small-7')]
  const others = [layout.partial('thesis.odt'), join(layout.bodies('ab'), 'README')]
  for (const file of [...strays, ...others]) writeFileSync(file, 'some')
  mkdirSync(layout.partial('folder'))
  const { store } = await openStore(t, folder)
  assert.equal((await store.usage()).responses, 9900)
  assert.deepEqual(
    strays.filter((file) => existsSync(file)),
    [],
  )
  assert.deepEqual(
    others.filter((file) => !existsSync(file)),
    [],
    "what is someone else's stays",
  )
  assert.equal(store.list({ prefix: 'k99', limit: 3 }).length, 3)
})

test('what an earlier version left is removed, and nothing else; nobody else may write', async (t) => {
  const folder = await scratchFolder(t)
  for (const each of ['kept', 'incoming']) await mkdir(join(folder, each))
  writeFileSync(join(folder, 'kept', 'a'.repeat(64)), 'old')
  writeFileSync(join(folder, 'incoming', 'b'.repeat(36)), 'old')
  writeFileSync(join(folder, 'incoming', 'mine.txt'), 'mine')
  mkdirSync(join(folder, 'else'))
  const { store } = await openStore(t, folder)
  await keep(store, bytesFor('one', 500_000))
  assert.deepEqual(
    ['kept', 'incoming', 'incoming/mine.txt', 'else'].map((name) => existsSync(join(folder, name))),
    [false, true, true, true],
  )
  const body = new Layout(folder).body(sha256(bytesFor('one', 500_000)))
  for (const path of [join(folder, 'cache.db'), join(folder, 'bodies'), body]) {
    assert.equal(statSync(path).mode & 0o022, 0, path)
  }
})

test('uses are written now and then, without being asked for', async (t) => {
  const { store } = await openStore(t, await scratchFolder(t))
  await keep(store, Buffer.from('small'))
  for (let times = 0; times < 7; times += 1) store.peek(key)
  await until('the uses are written', () => store.list({})[0]?.uses === 7)
})
