import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { FillReader, type ReadableFill } from '../../../src/cache/fill/fill-reader.ts'
import { OwnWay } from '../../../src/cache/fill/own-way.ts'
import type { UpstreamResponse } from '../../../src/cache/upstream/ask.ts'

const body = Buffer.alloc(1024 * 1024, 'x')

/** A body that is in memory from its beginning up to `there`. */
function inMemory(there: number): ReadableFill & { waits: number } {
  return {
    waits: 0,
    limit: () => Number.POSITIVE_INFINITY,
    view: (position, end) => (position < there ? body.subarray(position, Math.min(end, there)) : undefined),
    onDisk: () => false,
    readDisk: () => Promise.resolve(0),
    isOver: () => false,
    isEnd: () => false,
    wait() {
      this.waits += 1
      there = body.length
      return Promise.resolve()
    },
    ownWay: () => Promise.reject(new Error('there is none')),
    leave: () => {},
  }
}

test('A reader that catches up lets whatever else there is to do have a turn after each step', async () => {
  const reader = new FillReader(inMemory(body.length), 0, body.length)
  let turns = 0
  let immediate = setImmediate(function count() {
    turns += 1
    immediate = setImmediate(count)
  })
  try {
    assert.equal(reader.ready(0), undefined, 'the first bytes are to be had at once')
    for (let position = 0, steps = 0; position < body.length; steps += 1) {
      await reader.ready(position)
      assert.ok(turns >= steps, `${turns} turns in ${steps} steps`)
      position += reader.view(position, position + 256 * 1024)?.length ?? 0
    }
  } finally {
    clearImmediate(immediate)
    reader.close()
  }
})

test('A reader that has everything waits for more, and then gets it at once', async () => {
  const fill = inMemory(1024)
  const reader = new FillReader(fill, 0, body.length)
  assert.equal(reader.view(0, body.length)?.length, 1024)
  await reader.ready(1024)
  assert.equal(fill.waits, 1)
  assert.equal(reader.ready(1024), undefined)
  reader.close()
})

test('A reader that is closed while its own way begins leaves no connection open', async () => {
  const answer = Promise.withResolvers<UpstreamResponse>()
  const ask = () => answer.promise
  const same = { headers: { etag: '"1"' }, length: body.length, verified: false }
  const fill: ReadableFill = {
    ...inMemory(0),
    isOver: () => true,
    ownWay: (_, position) =>
      OwnWay.begin({ ask, received: () => {}, same, place: undefined, position, expected: undefined, stallMs: 10_000 }),
  }
  const reader = new FillReader(fill, 0, body.length)
  const reading = reader.read(Buffer.alloc(10), 0).catch(() => 0)
  await new Promise((resolve) => setImmediate(resolve))
  reader.close()
  const source = Readable.from([body]) as UpstreamResponse['body']
  const { length } = body
  answer.resolve({ status: 200, headers: { etag: '"1"' }, length, framed: true, body: source, place: 'http://one' })
  await reading
  assert.ok(source.destroyed)
})

test('A reader on its own way is not left waiting by an origin that has fallen silent', async () => {
  const source = new Readable({ read: () => {} }) as UpstreamResponse['body']
  const headers = { etag: '"1"' }
  const { length } = body
  const own = await OwnWay.begin({
    ask: () => Promise.resolve({ status: 200, headers, length, framed: true, body: source, place: 'http://one' }),
    received: () => {},
    same: { headers, length, verified: false },
    place: undefined,
    position: 0,
    expected: undefined,
    stallMs: 10,
  })
  await assert.rejects(own.take(0, 10), { code: 'TransferBroken' })
  assert.ok(source.destroyed)
})
