import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import * as fc from 'fast-check'
import { Fill } from '../../src/cache/fill/fill.ts'
import { DiskStore } from '../../src/cache/store/disk-store.ts'
import { bytesFor } from './origin.ts'
import { scratchFolder } from './start.ts'
import { openStore } from './store/open-store.ts'

const url = 'http://mirror.lab/x'

async function* pieces(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield await Promise.resolve(chunk)
}

/** A fill of some chunks, and what it did. */
async function fillOf(t: TestContext | DiskStore, length: number | undefined, body: AsyncIterable<Buffer>) {
  const store = t instanceof DiskStore ? t : (await openStore(t, await scratchFolder(t))).store
  const incoming = await store.begin({ key: url, status: 200, headers: {}, length: undefined, expected: undefined })
  const kept: number[] = []
  const broken: unknown[] = []
  const keep = async (bytes: number) => {
    await incoming.commit({ length: bytes, validatedAtMs: 1, fetchMs: 1 })
    kept.push(bytes)
  }
  const fill = new Fill({ status: 200, headers: {}, length }, incoming, body, keep, (error) => broken.push(error))
  return { store, fill, kept, broken }
}

/** All that a reader gets, read in steps of `step` bytes. */
async function readAll(fill: Fill, step: number): Promise<Buffer> {
  const reader = fill.read()
  const parts: Buffer[] = []
  try {
    for (let position = 0; ; ) {
      const into = Buffer.alloc(step)
      const bytes = await reader.read(into, position)
      if (bytes === 0) return Buffer.concat(parts)
      parts.push(into.subarray(0, bytes))
      position += bytes
    }
  } finally {
    reader.close()
  }
}

test('a body of the announced length is kept; a shorter and a longer one are not', async (t) => {
  const four = Buffer.from('four')
  const right = await fillOf(t, 4, pieces(four))
  assert.equal((await readAll(right.fill, 3)).toString(), 'four')
  await right.fill.finished
  assert.deepEqual([right.kept, right.broken.length], [[4], 0])

  for (const length of [3, 5]) {
    const wrong = await fillOf(t, length, pieces(four))
    await assert.rejects(readAll(wrong.fill, 3), { name: 'BrokenFill' })
    await wrong.fill.finished
    assert.deepEqual([wrong.kept, wrong.broken.length], [[], 1])
    assert.equal(await wrong.store.find(url), undefined)
  }
})

test('a body that can not be kept is still complete for those who read it', async (t) => {
  const { store } = await openStore(t, await scratchFolder(t))
  const incoming = await store.begin({ key: url, status: 200, headers: {}, length: undefined, expected: undefined })
  const head = { status: 200, headers: {}, length: 4 }
  const broken: unknown[] = []
  const fill = new Fill(
    head,
    incoming,
    pieces(Buffer.from('four')),
    () => Promise.reject(new Error('full')),
    (error) => broken.push(error),
  )
  assert.equal((await readAll(fill, 10)).toString(), 'four')
  await fill.finished
  assert.equal(broken.length, 1)
})

test('whatever the pieces and the steps, every reader gets the bytes of the body', async (t) => {
  const { store } = await openStore(t, await scratchFolder(t))
  const sizes = fc.array(fc.nat(50_000), { maxLength: 8 })
  const steps = fc.array(fc.integer({ min: 100, max: 60_000 }), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(sizes, steps, async (lengths, readers) => {
      const chunks = lengths.map((length, index) => bytesFor(`${index}`, length))
      const body = Buffer.concat(chunks)
      const { fill } = await fillOf(store, body.length, pieces(...chunks))
      for (const read of await Promise.all(readers.map((step) => readAll(fill, step)))) assert.ok(read.equals(body))
      await fill.finished
    }),
    { numRuns: 40 },
  )
})
