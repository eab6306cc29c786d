import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { blockBytes, blockCount, blockLength, extentsOf, isWhole, sumsOf } from '../../../src/cache/store/blocks.ts'
import { type Candidate, chooseVictims, isOld, oldPartialMs, valueOf } from '../../../src/cache/store/eviction.ts'
import { Lru } from '../../../src/cache/store/lru.ts'
import { mayResume, strongValidator } from '../../../src/cache/store/resumable.ts'
import { Room } from '../../../src/cache/store/room.ts'
import { Trouble } from '../../../src/cache/store/trouble.ts'
import { Turns } from '../../../src/cache/store/turns.ts'
import { bytesFor } from './helpers.ts'

test('the blocks of a body are all of it and no more', () => {
  fc.assert(
    fc.property(fc.nat(10 * blockBytes), (length) => {
      const lengths = Array.from({ length: blockCount(length) }, (_, index) => blockLength(index, length))
      assert.equal(
        lengths.reduce((sum, bytes) => sum + bytes, 0),
        length,
      )
      assert.ok(lengths.every((bytes) => bytes > 0 && bytes <= blockBytes))
      assert.equal(blockLength(blockCount(length), length), 0)
    }),
  )
})

test('a block with any bit flipped is not whole, nor is one that no checksum is known of', () => {
  const body = bytesFor('one', blockBytes + 1000)
  const sums = sumsOf(body)
  const block = (index: number) => body.subarray(index * blockBytes, (index + 1) * blockBytes)
  assert.deepEqual([isWhole(sums, 0, block(0)), isWhole(sums, 1, block(1))], [true, true])
  assert.deepEqual(
    [isWhole(sums, 1, block(0)), isWhole(sums, 2, block(1)), isWhole(sums, 2, Buffer.alloc(0))],
    [false, false, false],
  )
  fc.assert(
    fc.property(fc.nat(999), fc.nat(7), (at, bit) => {
      const flipped = Buffer.from(block(1))
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << bit), at)
      assert.equal(isWhole(sums, 1, flipped), false)
    }),
  )
})

test('the extents of blocks that are there', () => {
  assert.deepEqual(extentsOf([blockBytes, 5, 0, 7]), [
    { start: 0, end: blockBytes + 5 },
    { start: 3 * blockBytes, end: 3 * blockBytes + 7 },
  ])
})

test('a transfer may go on only where the rest can be told to belong to it', () => {
  const [date, before] = ['Mon, 23 Nov 2026 10:00:00 GMT', 'Mon, 23 Nov 2026 09:59:59 GMT']
  const expected = { algorithm: 'sha256', digest: 'f'.repeat(64), bytes: undefined } as const
  const cases: [Parameters<typeof mayResume>[0], string | undefined, boolean][] = [
    [{ status: 200, headers: { etag: '"a"' }, expected: undefined }, '"a"', true],
    [{ status: 200, headers: { etag: 'W/"a"' }, expected: undefined }, undefined, false],
    [{ status: 200, headers: { etag: 'a' }, expected: undefined }, undefined, false],
    [{ status: 200, headers: { etag: 'W/"a"', 'last-modified': before, date }, expected: undefined }, undefined, false],
    [{ status: 200, headers: { 'last-modified': before, date }, expected: undefined }, before, true],
    [{ status: 200, headers: { 'last-modified': date, date }, expected: undefined }, undefined, false],
    [{ status: 200, headers: { 'last-modified': before }, expected: undefined }, undefined, false],
    [{ status: 200, headers: {}, expected: undefined }, undefined, false],
    [{ status: 200, headers: {}, expected }, undefined, true],
    [{ status: 404, headers: { etag: '"a"' }, expected }, '"a"', false],
  ]
  for (const [head, validator, may] of cases) {
    assert.deepEqual([strongValidator(head.headers), mayResume(head)], [validator, may], JSON.stringify(head))
  }
})

test('a body is worth more the more it is used, the longer it took, the smaller it is, and the later it was used', () => {
  const base = { length: 1_000_000, uses: 3, fetchMs: 500 }
  assert.ok(valueOf({ ...base, uses: 4 }, 0) > valueOf(base, 0))
  assert.ok(valueOf({ ...base, fetchMs: 600 }, 0) > valueOf(base, 0))
  assert.ok(valueOf({ ...base, length: 900_000 }, 0) > valueOf(base, 0))
  assert.equal(valueOf(base, 7), valueOf(base, 0) + 7)
  assert.ok(Number.isFinite(valueOf({ length: 0, uses: 0, fetchMs: -5 }, 0)), 'a clock that was set back')
  assert.equal(valueOf({ ...base, fetchMs: 1e12 }, 0), valueOf({ ...base, fetchMs: 3_600_000 }, 0), 'or forward')
})

const candidate: fc.Arbitrary<Omit<Candidate, 'id'>> = fc.record({
  sha256: fc.constant(''),
  length: fc.nat(100),
  value: fc.double({ min: 0, max: 10, noNaN: true }),
  pinned: fc.boolean(),
})

test('what goes is neither pinned nor open, no more than it takes, and nothing that is worth more than what stays', () => {
  fc.assert(
    fc.property(fc.array(candidate), fc.nat(1000), fc.func(fc.boolean()), (made, need, isOpen) => {
      const candidates = made.map((each, id) => ({ ...each, id }))
      const victims = chooseVictims(candidates, need, isOpen)
      assert.ok(victims.every(({ id, pinned }) => !pinned && !isOpen(id)))
      const freed = victims.reduce((sum, { length }) => sum + length, 0)
      const may = candidates.filter((each) => !each.pinned && !isOpen(each.id))
      const stay = may.filter((each) => !victims.includes(each))
      if (stay.length > 0) assert.ok(freed >= need)
      assert.ok(freed - (victims.at(-1)?.length ?? 0) < need || victims.length === 0)
      const dearest = Math.max(...victims.map(({ value }) => value))
      assert.ok(stay.every(({ value }) => value >= dearest))
    }),
  )
})

test('a broken-off transfer is old after an hour, never by a clock that was set back', () => {
  assert.deepEqual(
    [isOld(1000, 1000 + oldPartialMs), isOld(1000, 999 + oldPartialMs), isOld(1e15, 0)],
    [true, false, false],
  )
})

test('what was used last stays within its weight; the one unused for longest goes first, and is told of', () => {
  const gone: string[] = []
  const lru = new Lru<string>(100, (value) => gone.push(value))
  lru.set('a', 'A', 40)
  lru.set('b', 'B', 40)
  lru.get('a')
  lru.set('c', 'C', 40)
  assert.deepEqual([lru.get('a'), lru.get('b'), lru.get('c'), gone], ['A', undefined, 'C', ['B']])
  lru.set('a', 'A2', 60)
  lru.delete('b')
  lru.set('d', 'D', 101)
  assert.deepEqual([lru.get('a'), lru.get('c'), lru.get('d')], [undefined, undefined, undefined])
  assert.deepEqual(gone, ['B', 'A', 'C', 'A2', 'D'])
  lru.set('e', 'E', 1)
  lru.clear()
  assert.deepEqual([lru.get('e'), gone.at(-1)], [undefined, 'E'])
})

test('what is done under one name happens in turns, failures or not; other names do not wait', async () => {
  const turns = new Turns()
  const said: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = turns.take('a', async () => {
    await gate.promise
    said.push('first')
    throw new Error('broken')
  })
  const second = turns.take('a', () => Promise.resolve(said.push('second')))
  await turns.take('b', () => Promise.resolve(said.push('other')))
  gate.resolve()
  await assert.rejects(first, /broken/)
  await second
  await turns.idle()
  assert.deepEqual(said, ['other', 'first', 'second'])
})

test('trouble is told of once a spell, which lasts 30 seconds after the last failure', () => {
  let nowMs = 1_000_000
  const told: string[] = []
  const report = (code: string) => void told.push(code)
  const clock = { now: () => nowMs, sleep: () => Promise.resolve() }
  const trouble = new Trouble('/nowhere', clock, { report })
  assert.equal(trouble.now, false)
  trouble.note(new Error('EIO'))
  nowMs += 20_000
  trouble.note(new Error('EIO'))
  nowMs += 29_999
  assert.deepEqual([trouble.now, told], [true, ['DiskTrouble']])
  nowMs += 1
  assert.equal(trouble.now, false)
  trouble.note(new Error('EIO'))
  assert.equal(told.length, 2)
  nowMs -= 3_600_000
  assert.equal(trouble.now, false, 'a clock that was set back does not prolong it')
})

/** A room before a disk with so many free bytes and bodies that may go. */
function roomOf({
  quota,
  keepFree = 0,
  free,
  bodies,
}: {
  quota?: number
  keepFree?: number
  free: number
  bodies: number[]
}) {
  const disk = { free, asked: 0 }
  const evict = async (need: number) => {
    await Promise.resolve()
    let freed = 0
    while (freed < need && bodies.length > 0) freed += bodies.shift() ?? 0
    room.freed(freed)
    disk.free += freed
    return freed
  }
  const look = () => {
    disk.asked += 1
    return Promise.resolve(disk.free)
  }
  const room = new Room({ quota, keepFree, free: look, evict, now: () => 0 })
  room.found(bodies.reduce((sum, bytes) => sum + bytes, 0))
  return { room, disk, bodies }
}

test('room is made within the quota and above the floor, no more than it takes; what can not be is refused', async () => {
  const tight = roomOf({ quota: 100, free: 1000, bodies: [30, 30, 30] })
  await tight.room.take(10)
  assert.deepEqual(tight.bodies, [30, 30, 30])
  await tight.room.take(20)
  assert.deepEqual(tight.bodies, [30, 30])
  await assert.rejects(tight.room.take(101), { code: 'StoreFull' })
  assert.deepEqual(tight.bodies, [30, 30], 'nothing goes for what can never fit')
  await assert.rejects(tight.room.take(75), { code: 'StoreFull' })
  assert.deepEqual(tight.bodies, [30, 30], 'nor beside what is promised already')
  tight.room.giveBack(30)
  await tight.room.take(75)
  assert.equal(tight.room.taken, 75)

  const low = roomOf({ keepFree: 50, free: 60, bodies: [20, 20] })
  await Promise.all([low.room.take(5), low.room.take(5)])
  assert.deepEqual([low.bodies, low.disk.asked], [[20, 20], 1])
  await low.room.take(25)
  assert.deepEqual(low.bodies, [])
  await assert.rejects(low.room.take(100), { code: 'StoreFull' })
})

test('room that many need at once is made once', async () => {
  const { room, bodies } = roomOf({ quota: 100, free: 1000, bodies: Array.from({ length: 10 }, () => 10) })
  await Promise.all([...Array.from({ length: 4 }, () => room.take(10)), room.relieve()])
  assert.equal(bodies.length, 6)
})

test('when others fill the disk, bodies go until the floor holds again', async () => {
  const { room, disk, bodies } = roomOf({ keepFree: 50, free: 100, bodies: [20, 20, 20] })
  await room.relieve()
  assert.equal(bodies.length, 3)
  disk.free = 25
  await room.relieve()
  assert.deepEqual([bodies, disk.free], [[20], 65])
})
