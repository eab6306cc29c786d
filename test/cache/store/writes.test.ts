import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratchFolder } from '../start.ts'
import { watchDisk } from './disk-calls.ts'
import { bytesFor, found, headOf, keep, key } from './helpers.ts'
import { openStore } from './open-store.ts'

test('what is given up while a write waits for room is given up whole: no byte is written after it, no room is lost', async (t) => {
  const gate = Promise.withResolvers<void>()
  let nowMs = 1_000_000
  let [begun, asked] = [false, 0]
  watchDisk(t, {
    before: (name) => {
      if (name !== 'statfs' || !begun) return undefined
      asked += 1
      return gate.promise
    },
  })
  const folder = await scratchFolder(t)
  const clock = { now: () => nowMs, sleep: () => Promise.resolve() }
  const { store, events } = await openStore(t, folder, { quota: 4_000_000, clock })
  const incoming = await store.begin(headOf())
  begun = true
  // What the disk said before is too old by now to be believed.
  nowMs += 1000
  const writing = incoming.write(bytesFor('one', 1_100_000), 0)
  assert.equal(asked, 1)
  const ending = incoming.discard().then(() => incoming.close())
  gate.resolve()
  await Promise.all([writing, ending])
  assert.deepEqual([readdirSync(join(folder, 'partial')), events], [[], []])
  // All of the quota can be promised again.
  await (await store.begin(headOf({ length: 4_000_000 }))).close()
})

test('what comes at several places at once can all be gone on with, whichever is on the disk first', async (t) => {
  const opening = Promise.withResolvers<void>()
  const folder = await scratchFolder(t)
  const { store } = await openStore(t, folder)
  const body = bytesFor('one', 1_200_000)
  const incoming = await store.begin(headOf({ length: body.length }))
  // The side file takes its time; the blocks don't.
  watchDisk(t, { before: (name, path) => (name === 'open' && path.endsWith('.sums') ? opening.promise : undefined) })
  const writes = [0, 262_144, 524_288, 786_432].map((at) => incoming.write(body.subarray(at, at + 262_144), at))
  await Promise.all(Array.from({ length: 20 }, () => store.usage()))
  opening.resolve()
  await Promise.all(writes)
  await incoming.suspend()
  await incoming.close()
  const rest = await store.resume(key)
  assert.deepEqual(rest?.present, [{ start: 0, end: 1_048_576 }])
  await rest?.write(body.subarray(1_048_576), 1_048_576)
  await rest?.commit({ length: body.length, validatedAtMs: 1, fetchMs: 1 })
  await rest?.close()
  assert.ok((await found(store))?.equals(body))
})

test('a small body that can not be written leaves nothing on the disk', async (t) => {
  const folder = await scratchFolder(t)
  const { store } = await openStore(t, folder)
  let broken: 'write' | 'rename' | undefined
  watchDisk(t, {
    before: (name) => {
      if (name === broken) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
      return undefined
    },
  })
  for (broken of ['write', 'rename'] as const) {
    await assert.rejects(keep(store, Buffer.from('small')), { code: 'ENOSPC' })
    assert.deepEqual(readdirSync(join(folder, 'partial')), [])
  }
  broken = undefined
  await keep(store, Buffer.from('small'))
  assert.equal((await found(store))?.toString(), 'small')
})
