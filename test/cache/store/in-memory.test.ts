import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratchFolder } from '../start.ts'
import { bodyOf, bytesFor, found, headOf, keep, key } from './helpers.ts'
import { openStore } from './open-store.ts'

const block = 256 * 1024

test('a body of one block comes in memory, is at hand when complete, and is in its file by then', async (t) => {
  const { store, folder, close } = await openStore(t, await scratchFolder(t))
  const body = bytesFor('block', block)
  const incoming = await store.begin(headOf({ length: block }))
  await incoming.write(body.subarray(0, 1000), 0)
  assert.deepEqual(readdirSync(join(folder, 'partial')), [])
  await incoming.write(body.subarray(1000), 1000)
  await incoming.commit({ length: block, validatedAtMs: 1000, fetchMs: 1 })
  await incoming.close()
  assert.ok(store.peek(key)?.body?.equals(body))
  await close()
  const { store: later } = await openStore(t, folder)
  assert.ok((await found(later))?.equals(body))
})

test('a body that comes in one piece is held as it came, and not copied', async (t) => {
  const { store } = await openStore(t, await scratchFolder(t))
  const body = Buffer.allocUnsafeSlow(100_000).fill('x')
  await keep(store, body, { step: body.length })
  assert.equal(store.peek(key)?.body?.buffer, body.buffer)
})

test('a piece of something larger is copied, so that the rest can go', async (t) => {
  const { store } = await openStore(t, await scratchFolder(t))
  const slab = Buffer.allocUnsafeSlow(1_000_000).fill('x')
  await keep(store, slab.subarray(0, 100_000), { step: 100_000 })
  const held = store.peek(key)?.body
  assert.ok(held && held.buffer !== slab.buffer)
})

test('a body larger than a block goes to a file as it comes', async (t) => {
  const { store, folder } = await openStore(t, await scratchFolder(t))
  const incoming = await store.begin(headOf({ length: block + 1 }))
  assert.equal(readdirSync(join(folder, 'partial')).length, 1)
  await incoming.write(bytesFor('more', block + 1), 0)
  await incoming.commit({ length: block + 1, validatedAtMs: 1000, fetchMs: 1 })
  await incoming.close()
  const stored = await store.find(key)
  assert.equal(stored?.body, null)
  assert.ok((await bodyOf(stored))?.equals(bytesFor('more', block + 1)))
})
