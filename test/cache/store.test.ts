import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { systemClock } from '../../src/base/clock.ts'
import { decodeHead, HeadWriter } from '../../src/cache/store/file-head.ts'
import { SmallBodies } from '../../src/cache/store/small-bodies.ts'
import { Store } from '../../src/cache/store/store.ts'
import type { Stored } from '../../src/cache/store/stored.ts'
import { bytesFor } from './origin.ts'
import { scratchFolder } from './start.ts'

const url = 'http://mirror.lab/x'

async function keep(store: Store, body: Buffer, headers: Record<string, string> = {}): Promise<void> {
  const incoming = await store.begin(url, 200, headers)
  await incoming.write(body, 0)
  await incoming.commit(body.length, 1000)
  await incoming.close()
}

async function bodyOf(stored: Stored | undefined): Promise<Buffer | undefined> {
  if (!stored) return undefined
  const body = Buffer.alloc(stored.length)
  for (let position = 0; position < body.length; ) {
    const bytes = await stored.read(body.subarray(position), position)
    if (bytes === 0) break
    position += bytes
  }
  await stored.close()
  return body
}

for (const [size, length] of [
  ['small', 1000],
  ['large', 500_000],
] as const) {
  test(`a ${size} body is found once it is committed, with what was known of it`, async (t) => {
    const store = await Store.open(await scratchFolder(t), systemClock)
    const body = bytesFor('one', length)
    const incoming = await store.begin(url, 200, { etag: '"ü"' })
    await incoming.write(body, 0)
    assert.equal(await store.find(url), undefined)
    await incoming.commit(body.length, 1000)
    await incoming.close()
    const stored = await store.find(url)
    assert.deepEqual(
      [stored?.url, stored?.status, stored?.headers, stored?.length, stored?.validatedAtMs],
      [url, 200, { etag: '"ü"' }, length, 1000],
    )
    assert.deepEqual(await bodyOf(stored), body)
    assert.equal(await store.find(`${url}?`), undefined)
  })

  test(`a ${size} body that is replaced stays whole for those who read it`, async (t) => {
    const store = await Store.open(await scratchFolder(t), systemClock)
    await keep(store, bytesFor('old', length))
    const old = await store.find(url)
    await keep(store, bytesFor('new', length + 1))
    assert.deepEqual(await bodyOf(await store.find(url)), bytesFor('new', length + 1))
    assert.deepEqual(await bodyOf(old), bytesFor('old', length))
  })

  test(`a ${size} body can be confirmed, and removed`, async (t) => {
    const store = await Store.open(await scratchFolder(t), systemClock)
    await keep(store, bytesFor('one', length))
    await (await store.find(url))?.close()
    await store.touch(url, 2000)
    const stored = await store.find(url)
    assert.equal(stored?.validatedAtMs, 2000)
    assert.deepEqual(await bodyOf(stored), bytesFor('one', length))
    await store.remove(url)
    assert.equal(await store.find(url), undefined)
    await store.touch(url, 3000)
    await store.remove(url)
  })
}

test('what was being read while it was replaced is not remembered', async (t) => {
  const store = await Store.open(await scratchFolder(t), systemClock)
  for (let round = 0; round < 30; round += 1) {
    const body = bytesFor(`${round}`, 100)
    const reading = [store.find(url), store.find(url)]
    await keep(store, body)
    await Promise.all(reading)
    assert.deepEqual((await store.find(url))?.body, body)
  }
})

test('what does not come to its end is not found and leaves nothing', async (t) => {
  const folder = await scratchFolder(t)
  const store = await Store.open(folder, systemClock)
  const incoming = await store.begin(url, 200, {})
  await incoming.write(Buffer.from('half'), 0)
  await incoming.discard()
  await incoming.close()
  assert.equal(await (await Store.open(folder, systemClock)).find(url), undefined)
})

test('a head is read back as written, and nothing else is taken for one', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string()), fc.nat(), fc.nat(), (headers, length, validatedAtMs) => {
      const writer = new HeadWriter(url, 200, headers)
      const bytes = writer.encode(length, validatedAtMs)
      const decoded = decodeHead(Buffer.concat([bytes, Buffer.from('body')]))
      assert.equal(decoded?.bodyOffset, writer.bodyOffset)
      assert.equal(JSON.stringify(decoded?.head.headers), JSON.stringify(headers))
      assert.deepEqual([decoded?.head.length, decoded?.head.validatedAtMs], [length, validatedAtMs])
      assert.equal(decodeHead(bytes.subarray(0, -1)), undefined)
    }),
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => decodeHead(Buffer.from(bytes)) === undefined))
})

test('small bodies in memory stay within their bytes; the one unused for longest goes first', () => {
  const small = new SmallBodies(100)
  const entry = (length: number) => ({ length }) as Stored
  small.set('a', entry(40))
  small.set('b', entry(40))
  small.get('a')
  small.set('c', entry(40))
  assert.deepEqual([small.get('a')?.length, small.get('b'), small.get('c')?.length], [40, undefined, 40])
  small.set('a', entry(60))
  assert.deepEqual([small.get('a')?.length, small.get('c')?.length], [60, 40])
  small.delete('a')
  small.set('d', entry(60))
  assert.deepEqual([small.get('c')?.length, small.get('d')?.length], [40, 60])
  small.set('e', entry(101))
  assert.equal(small.get('e'), undefined)
})
