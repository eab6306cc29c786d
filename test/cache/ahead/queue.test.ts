import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { AheadQueue } from '../../../src/cache/ahead/queue.ts'
import { FakeBringing, wanted } from './fake-bringing.ts'

const names = (count: number, prefix = 'p') => Array.from({ length: count }, (_, index) => `${prefix}${index}`)
const files = (list: readonly string[]) => list.map((name) => wanted(name))

describe('queue of what is fetched ahead', () => {
  test('six at a time, in order, and the batch says how far it is', async () => {
    const fake = new FakeBringing()
    const queue = new AheadQueue(fake)
    const batch = queue.add(
      names(8).map((name) => wanted(name, 10)),
      'later',
    )
    assert.deepEqual(fake.asked, names(6))
    assert.deepEqual(batch.progress, { files: 0, ofFiles: 8, bytes: 0, fetchedBytes: 0, ofBytes: 80, failed: [] })
    fake.kept.add('p3')
    await fake.end('p3')
    assert.deepEqual(fake.asked, names(7))
    assert.deepEqual(batch.progress, { files: 1, ofFiles: 8, bytes: 10, fetchedBytes: 0, ofBytes: 80, failed: [] })
    await fake.endAll()
    const { files: ended, fetchedBytes } = await batch.done
    assert.deepEqual({ ended, fetchedBytes }, { ended: 8, fetchedBytes: 70 })
    assert.equal(queue.waiting, 0)
  })

  test('clients go first: fewer at a time while they fetch, but never none', () => {
    const fake = new FakeBringing()
    for (const name of names(3, 'c')) fake.clients.add(name)
    new AheadQueue(fake).add(files(names(8)), 'later')
    assert.equal(fake.open.length, 3)
    const busy = new FakeBringing()
    for (const name of names(40, 'c')) busy.clients.add(name)
    new AheadQueue(busy).add(files(names(8)), 'later')
    assert.equal(busy.open.length, 2)
  })

  test('what a client has on its way is passed over as long as there is something else', async () => {
    const fake = new FakeBringing()
    fake.clients.add('p0')
    const queue = new AheadQueue(fake)
    const batch = queue.add(files(names(3)), 'now')
    assert.deepEqual(fake.asked, ['p1', 'p2', 'p0'])
    await fake.endAll()
    assert.equal((await batch.done).files, 3)
  })

  test('what is installed now goes before what is for later, also when it waits there already', async () => {
    const fake = new FakeBringing()
    const queue = new AheadQueue(fake)
    const later = queue.add(files(names(10)), 'later')
    const now = queue.add(files(['p9', 'n0']), 'now')
    await fake.end('p0')
    await fake.end('p1')
    assert.deepEqual(fake.asked.slice(6), ['p9', 'n0'])
    await fake.endAll()
    assert.equal((await now.done).files, 2)
    assert.equal((await later.done).files, 10)
    assert.equal(fake.asked.length, 11)
  })

  test('one that fails is named, and the rest goes on', async () => {
    const fake = new FakeBringing()
    const batch = new AheadQueue(fake).add(files(names(3)), 'later')
    const told: number[] = []
    const unwatch = batch.watch((progress) => told.push(progress.files))
    await fake.end('p1', new Error('gone'))
    unwatch()
    await fake.endAll()
    const { failed, files: ended } = await batch.done
    assert.deepEqual(
      failed.map(({ key, error }) => `${key}: ${error.code} ${error.message}`),
      ['p1: Internal gone'],
    )
    assert.equal(ended, 3)
    assert.deepEqual(told, [1])
  })

  test('an empty batch is done at once; one with a file named twice counts it once', async () => {
    const fake = new FakeBringing()
    const queue = new AheadQueue(fake)
    assert.equal((await queue.add([], 'now').done).files, 0)
    const batch = queue.add(files(['a', 'a']), 'now')
    await fake.endAll()
    assert.equal((await batch.done).ofFiles, 1)
  })

  test('closing gives up what waits and waits for what is under way', async () => {
    const fake = new FakeBringing()
    const queue = new AheadQueue(fake)
    const batch = queue.add(files(names(9)), 'later')
    let closed = false
    const closing = queue.close().then(() => {
      closed = true
    })
    await fake.end('p0')
    assert.equal(closed, false)
    await fake.endAll()
    await closing
    assert.equal(fake.asked.length, 6)
    assert.equal((await batch.done).files, 6)
    assert.equal((await queue.add(files(['x']), 'now').done).files, 0)
  })

  test('any batches: each file is asked for once, and all batches end', async () => {
    const batches = fc.array(
      fc.record({ list: fc.array(fc.nat(30), { maxLength: 20 }), now: fc.boolean(), ends: fc.nat(10) }),
      { maxLength: 8 },
    )
    await fc.assert(
      fc.asyncProperty(batches, async (plan) => {
        const fake = new FakeBringing()
        const queue = new AheadQueue(fake)
        const made = []
        for (const { list, now, ends } of plan) {
          const wants = list.map((index) => `p${index}`)
          made.push({ wants, batch: queue.add(files(wants), now ? 'now' : 'later') })
          for (const key of fake.open.slice(0, ends)) await fake.end(key)
        }
        await fake.endAll()
        assert.ok(fake.most <= 6)
        for (const { wants, batch } of made) assert.equal((await batch.done).files, new Set(wants).size)
        assert.equal(queue.waiting, 0)
      }),
      { numRuns: 60 },
    )
  })
})
