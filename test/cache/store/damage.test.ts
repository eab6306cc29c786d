import assert from 'node:assert/strict'
import { readdirSync, readFileSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { sha256 } from '../origin.ts'
import { bodiesIn, scratchFolder } from '../start.ts'
import { watchDisk } from './disk-calls.ts'
import { bodyOf, bytesFor, found, headOf, keep, key } from './helpers.ts'
import { openStore } from './open-store.ts'

function fileOf(folder: string, body: Buffer): string {
  const digest = sha256(body)
  return join(folder, 'bodies', digest.slice(0, 2), digest)
}

/** Flips one bit of a file where it is, so that who has it open sees it too. */
async function flip(file: string, at: number, bit: number): Promise<void> {
  const handle = await open(file, 'r+')
  const byte = Buffer.alloc(1)
  await handle.read(byte, 0, 1, at)
  byte.writeUInt8(byte.readUInt8(0) ^ (1 << bit))
  await handle.write(byte, 0, 1, at)
  await handle.close()
}

test('a bit that is flipped on disk, anywhere and at any time, is never handed out', async (t) => {
  const folder = await scratchFolder(t)
  const length = 900_000
  const place = fc.record({ at: fc.nat(length - 1), bit: fc.nat(7), step: fc.integer({ min: 1000, max: 700_000 }) })
  const { store, events } = await openStore(t, folder)
  await fc.assert(
    fc.asyncProperty(place, fc.boolean(), fc.nat(), async ({ at, bit, step }, whileOpen, seed) => {
      const body = bytesFor(`${seed}`, length)
      await keep(store, body)
      if (whileOpen) await (await store.find(key))?.close()
      await flip(fileOf(folder, body), at, bit)
      events.length = 0
      const stored = await store.find(key)
      assert.ok(stored)
      let served = 0
      const into = Buffer.alloc(step)
      await assert.rejects(
        async () => {
          for (let position = 0; position < length; ) {
            const bytes = await stored.read(into, position)
            assert.ok(into.subarray(0, bytes).equals(body.subarray(position, position + bytes)))
            position += bytes
            served = position
          }
        },
        { code: 'DamagedBody' },
      )
      await stored.close()
      assert.ok(served <= at)
      assert.deepEqual(
        events.map(({ code, subject }) => [code, subject]),
        [['DamagedBody', key]],
      )
      assert.deepEqual([store.peek(key), await store.find(key), (await store.usage()).bytes], [undefined, undefined, 0])
    }),
    { numRuns: 30 },
  )
})

test('a small body that was damaged is not found, and told of with all keys that had it', async (t) => {
  const folder = await scratchFolder(t)
  const body = bytesFor('one', 5000)
  const first = await openStore(t, folder)
  const { sha256 } = await keep(first.store, body)
  await first.store.link(sha256, { key: 'http://mirror.lab/y', status: 200, headers: {}, validatedAtMs: 1 })
  await first.close()
  await flip(fileOf(folder, body), 4999, 0)
  const { store, events } = await openStore(t, folder)
  assert.deepEqual([await store.find(key), await store.find('http://mirror.lab/y')], [undefined, undefined])
  assert.deepEqual(
    [events.length, events[0]?.code, events[0]?.subject],
    [1, 'DamagedBody', `${key} http://mirror.lab/y`],
  )
  assert.equal(store.lastDigest(key), sha256)
  await keep(store, body)
  assert.deepEqual(await found(store), body)
})

test('a body that became shorter or longer, or whose file went, is not found and can be had anew', async (t) => {
  const folder = await scratchFolder(t)
  for (const length of [5000, 500_000]) {
    const body = bytesFor('one', length)
    const file = fileOf(folder, body)
    for (const harm of [
      () => truncateSync(file, length - 1),
      () => truncateSync(file, 0),
      () => writeFileSync(file, Buffer.concat([body, Buffer.from('x')])),
      () => unlinkSync(file),
    ]) {
      const before = await openStore(t, folder)
      await keep(before.store, body)
      await before.close()
      const { store, close } = await openStore(t, folder)
      harm()
      assert.equal(await store.find(key), undefined)
      assert.equal(await bodiesIn(folder), 0)
      await keep(store, body)
      assert.deepEqual(await found(store), body)
      await close()
    }
  }
})

test('a body that the disk can not give out is damaged; the store is not in trouble for it', async (t) => {
  const { store, events } = await openStore(t, await scratchFolder(t))
  for (const length of [5000, 500_000]) {
    await keep(store, bytesFor('one', length))
    // What is at hand is not read.
    await store.link(sha256(bytesFor('one', length)), { key: 'other', status: 200, headers: {}, validatedAtMs: 1 })
    let broken = true
    watchDisk(
      t,
      {
        before: () => {
          if (broken) throw Object.assign(new Error('input/output error'), { code: 'EIO' })
          return undefined
        },
      },
      ['read'],
    )
    const stored = await store.find('other')
    if (length > 100_000) await assert.rejects(bodyOf(stored), { code: 'EIO' })
    else assert.equal(stored, undefined)
    assert.deepEqual([store.list({}), events.map(({ code }) => code), store.troubled], [[], ['DamagedBody'], false])
    events.length = 0
    broken = false
  }
})

test('bodies whose folders are away, as when a disk is unmounted, are not taken for gone', async (t) => {
  const { store, events, folder } = await openStore(t, await scratchFolder(t))
  for (const length of [5000, 500_000]) await keep(store, bytesFor('one', length), { key: `k${length}` })
  await store.link(sha256(bytesFor('one', 5000)), { key: 'small', status: 200, headers: {}, validatedAtMs: 1 })
  renameSync(join(folder, 'bodies'), join(folder, 'away'))
  assert.deepEqual([await store.find('small'), await store.find('k500000')], [undefined, undefined])
  await assert.rejects(store.verify({}), { code: 'ENOENT' })
  assert.deepEqual([events.map(({ code }) => code), store.troubled], [['DiskTrouble'], true])
  renameSync(join(folder, 'away'), join(folder, 'bodies'))
  assert.ok((await found(store, 'small'))?.equals(bytesFor('one', 5000)))
  assert.ok((await found(store, 'k500000'))?.equals(bytesFor('one', 500_000)))
})

test('verifying finds what was damaged, tells of it, and removes it', async (t) => {
  const folder = await scratchFolder(t)
  const { store, events } = await openStore(t, folder)
  const lengths = [0, 5000, 500_000, 3_000_000]
  for (const length of lengths) await keep(store, bytesFor('one', length), { key: `k${length}` })
  await keep(store, bytesFor('one', 5000), { key: 'twin' })
  await flip(fileOf(folder, bytesFor('one', 5000)), 17, 3)
  await flip(fileOf(folder, bytesFor('one', 3_000_000)), 2_999_999, 7)
  const { damaged, responses } = await store.verify({})
  assert.deepEqual([damaged.toSorted(), responses], [['k3000000', 'k5000', 'twin'], 4])
  assert.equal(events.filter(({ code }) => code === 'DamagedBody').length, 2)
  assert.deepEqual(
    store.list({}).map(({ key }) => key),
    ['k0', 'k500000'],
  )
  assert.deepEqual((await store.verify({})).damaged, [])
})

test('a partial body goes on with the blocks that are still what came', async (t) => {
  const folder = await scratchFolder(t)
  const body = bytesFor('one', 2_000_000)
  const first = await openStore(t, folder)
  const incoming = await first.store.begin(headOf({ length: body.length }))
  await incoming.write(body.subarray(0, 1_500_000), 0)
  await incoming.suspend()
  await incoming.close()
  await first.close()
  const [name = ''] = readdirSync(join(folder, 'partial')).filter((each) => !each.includes('.'))
  await flip(join(folder, 'partial', name), 300_000, 1)
  const { store } = await openStore(t, folder)
  const rest = await store.resume(key)
  assert.deepEqual(rest?.present, [
    { start: 0, end: 262_144 },
    { start: 524_288, end: 1_500_000 },
  ])
  await rest?.write(body.subarray(262_144, 524_288), 262_144)
  await rest?.write(body.subarray(1_500_000), 1_500_000)
  await rest?.commit({ length: body.length, validatedAtMs: 1, fetchMs: 1 })
  await rest?.close()
  assert.ok((await found(store))?.equals(body))
})

test('a database that is damaged is put aside: the store begins anew, and says so', async (t) => {
  const folder = await scratchFolder(t)
  const file = join(folder, 'cache.db')
  const harms: Readonly<Record<string, () => void>> = {
    'no database': () => writeFileSync(file, 'something else entirely, long enough to be looked at'.repeat(100)),
    'pages overwritten': () => {
      const bytes = readFileSync(file)
      bytes.fill(0xa5, 4096, bytes.length)
      writeFileSync(file, bytes)
      writeFileSync(`${file}-wal`, '')
    },
    'found damaged in use': () => writeFileSync(`${file}.damaged`, ''),
  }
  for (const [what, harm] of Object.entries(harms)) {
    const before = await openStore(t, folder)
    await keep(before.store, bytesFor('one', 500_000))
    await before.close()
    harm()
    const { store, events, close } = await openStore(t, folder)
    assert.deepEqual([events.map(({ code }) => code), await bodiesIn(folder)], [['StoreReset'], 0], what)
    assert.equal(await store.find(key), undefined)
    await keep(store, bytesFor('two', 500_000))
    await close()
    const again = await openStore(t, folder)
    assert.deepEqual(again.events, [])
    assert.deepEqual(await found(again.store), bytesFor('two', 500_000))
    await again.close()
  }
})

test('two processes can not have one store', async (t) => {
  const folder = await scratchFolder(t)
  const { store, close } = await openStore(t, folder)
  await assert.rejects(openStore(t, folder), { code: 'Conflict', message: /another process/ })
  await keep(store, Buffer.from('still works'))
  await close()
  const heir = await openStore(t, folder)
  assert.deepEqual(await bodyOf(await heir.store.find(key)), Buffer.from('still works'))
})
