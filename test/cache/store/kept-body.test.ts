import assert from 'node:assert/strict'
import { open, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { blockBytes, sumsOf } from '../../../src/cache/store/blocks.ts'
import { KeptBody } from '../../../src/cache/store/kept-body.ts'
import { atEnd } from '../cleanup.ts'
import { bytesFor, sha256 } from '../origin.ts'
import { scratchFolder } from '../start.ts'

/** A body of two blocks and a bit in a file, open; the clock is a minute ahead of the file's times. */
async function setUp(t: TestContext) {
  const content = bytesFor('kept', 2 * blockBytes + 1000)
  const file = join(await scratchFolder(t), 'body')
  await writeFile(file, content)
  const clock = { ms: Date.now() + 60_000 }
  const row = { id: 1, sha256: sha256(content), length: content.length, sums: sumsOf(content) }
  const body = await KeptBody.open(row, file, () => clock.ms)
  atEnd(t, () => body.letGo())
  const into = Buffer.alloc(blockBytes)
  const atHand = (index: number) => body.readAtHand(into, index * blockBytes)
  const read = (index: number) => body.read(into, index * blockBytes)
  return { content, file, clock, into, atHand, read, body, row }
}

test('a block is at hand for a while once it was read and checked, and no other is', async (t) => {
  const { content, clock, into, atHand, read, body } = await setUp(t)
  assert.deepEqual([atHand(0), atHand(1), atHand(2)], [undefined, undefined, undefined])
  assert.equal(await read(1), blockBytes)
  assert.equal(await read(2), 1000)
  clock.ms += 9999
  into.fill(0)
  assert.deepEqual([atHand(0), atHand(2)], [undefined, 1000])
  assert.ok(into.subarray(0, 1000).equals(content.subarray(2 * blockBytes)))
  assert.equal(atHand(1), blockBytes)
  assert.ok(into.equals(content.subarray(blockBytes, 2 * blockBytes)))
  assert.deepEqual(
    [atHand(3), body.readAtHand(into.subarray(1), blockBytes), body.readAtHand(into, 1)],
    [undefined, undefined, undefined],
    'past the end, more than there is room for, and what is no block',
  )
  clock.ms += 1
  assert.equal(atHand(1), undefined, 'too long ago')
  assert.equal(await read(1), blockBytes)
  clock.ms -= 1
  assert.equal(atHand(1), undefined, 'the clock was put back')
})

test('nothing of a file that was changed is at hand, and what is wrong with it is found', async (t) => {
  const { file, atHand, read } = await setUp(t)
  for (const index of [0, 1, 2]) await read(index)
  const handle = await open(file, 'r+')
  await handle.write(Buffer.from([1, 2, 3]), 0, 3, blockBytes + 5)
  await handle.close()
  assert.deepEqual([atHand(0), atHand(1)], [undefined, undefined])
  await read(0)
  await assert.rejects(read(1), { code: 'DamagedBody' })
  assert.deepEqual([atHand(0), atHand(1), atHand(2)], [blockBytes, undefined, undefined])
})

test('nothing is at hand of a file that was changed just now: another change could bear the same time', async (t) => {
  const { file, clock, row } = await setUp(t)
  clock.ms = (await stat(file)).ctimeMs + 100
  const body = await KeptBody.open(row, file, () => clock.ms)
  atEnd(t, () => body.letGo())
  const into = Buffer.alloc(blockBytes)
  assert.equal(await body.read(into, 0), blockBytes)
  assert.equal(body.readAtHand(into, 0), undefined)
  clock.ms += 1
  assert.equal(await body.read(into, 0), blockBytes)
  assert.equal(body.readAtHand(into, 0), blockBytes)
})
