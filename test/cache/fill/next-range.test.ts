import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { blockBytes, nextRange, type Running, type Situation } from '../../../src/cache/fill/next-range.ts'
import { covers, type Extents, holes, withExtent } from '../../../src/cache/store/extents.ts'
import type { Extent } from '../../../src/cache/store/port.ts'

const MB = 1024 * 1024

function situation(change: Partial<Situation>): Situation {
  const length = change.length ?? 50 * MB
  return {
    length,
    present: [],
    running: [],
    wanted: [{ start: 0, end: length }],
    waiting: [],
    connections: 1,
    roundTripMs: 20,
    ...change,
  }
}

test('one connection asks for all that is missing, in one request', () => {
  assert.deepEqual(nextRange(situation({ present: [{ start: 0, end: 3 * MB }] })), { start: 3 * MB, end: 50 * MB })
  const running = [{ at: 3 * MB, end: 50 * MB, open: true, bytesPerMs: 1000 }]
  assert.equal(nextRange(situation({ present: [{ start: 0, end: 3 * MB }], running })), undefined)
})

test('a reader that waits elsewhere is served before what comes first in the file', () => {
  const wanted = [
    { start: 0, end: MB },
    { start: 40 * MB, end: 41 * MB },
  ]
  assert.equal(nextRange(situation({ wanted, waiting: [40 * MB + 5] }))?.start, 40 * MB)
})

test('a reader far ahead of the transfer gets one of its own; one that is near waits', () => {
  const running = [{ at: 2 * MB, end: 50 * MB, open: true, bytesPerMs: 1000 }]
  const present = [{ start: 0, end: 2 * MB }]
  assert.equal(nextRange(situation({ present, running, waiting: [40 * MB + 5] }))?.start, 40 * MB)
  assert.equal(nextRange(situation({ present, running, waiting: [2 * MB + 5] })), undefined)
})

test('more connections than one take what is behind a range for the one that runs', () => {
  const running = [{ at: 10 * MB, end: 50 * MB, open: true, bytesPerMs: 3000 }]
  const present = [{ start: 0, end: 10 * MB }]
  const piece = nextRange(situation({ present, running, connections: 2 }))
  assert.deepEqual(piece, { start: 20 * MB, end: 30 * MB })
})

test('one that has just been asked for is not divided', () => {
  const running = [{ at: 0, end: 50 * MB, open: false, bytesPerMs: 0 }]
  assert.equal(nextRange(situation({ running, connections: 2 })), undefined)
})

test('of several it is the one that would take longest that is divided, by what each brings', () => {
  const running = [
    { at: 10 * MB, end: 30 * MB, open: true, bytesPerMs: 20_000 },
    { at: 40 * MB, end: 50 * MB, open: true, bytesPerMs: 1_000 },
  ]
  const present = [
    { start: 0, end: 10 * MB },
    { start: 30 * MB, end: 40 * MB },
  ]
  const piece = nextRange(situation({ present, running, connections: 3 }))
  assert.ok(piece && piece.start > 40 * MB && piece.start < 43 * MB)
})

test('what is nearly over is not divided', () => {
  const running = [{ at: 49 * MB, end: 50 * MB, open: true, bytesPerMs: 3000 }]
  assert.equal(nextRange(situation({ present: [{ start: 0, end: 49 * MB }], running, connections: 4 })), undefined)
})

test('ranges come in the order of the file, and are shorter towards its end', () => {
  let present: Extents = []
  const asked: Extent[] = []
  for (let piece = nextRange(situation({ connections: 4 })); piece; ) {
    asked.push(piece)
    present = withExtent(present, piece)
    piece = nextRange(situation({ present, connections: 4 }))
  }
  assert.ok(covers(present, { start: 0, end: 50 * MB }))
  for (const [index, { start, end }] of asked.slice(1).entries()) {
    const before = asked[index] as Extent
    assert.equal(start, before.end)
    assert.ok(end - start <= before.end - before.start || end === 50 * MB)
  }
})

/** Random situations that can come about: transfers don't overlap with one another nor with what is there. */
const situations = fc
  .record({
    blocks: fc.integer({ min: 1, max: 300 }),
    rest: fc.nat(blockBytes - 1),
    cuts: fc.array(fc.record({ at: fc.nat(300), state: fc.constantFrom('present', 'running', 'free') }), {
      maxLength: 12,
    }),
    wantedCuts: fc.array(fc.nat(300), { maxLength: 4 }),
    rates: fc.array(fc.nat(60_000), { minLength: 12, maxLength: 12 }),
    waiting: fc.array(fc.nat(), { maxLength: 3 }),
    connections: fc.constantFrom(1, 2, 4, 8),
    roundTripMs: fc.nat(300),
  })
  .map(({ blocks, rest, cuts, wantedCuts, rates, waiting, connections, roundTripMs }): Situation => {
    const length = blocks * blockBytes + rest
    let present: Extents = []
    const running: Running[] = []
    const marks = cuts.toSorted((a, b) => a.at - b.at)
    for (const [index, { at, state }] of marks.entries()) {
      const start = Math.min(length, at * blockBytes)
      const end = Math.min(length, (marks[index + 1]?.at ?? blocks + 1) * blockBytes)
      if (end <= start) continue
      if (state === 'present') present = withExtent(present, { start, end })
      if (state === 'running' && running.length < 8) {
        running.push({ at: start, end, open: index % 2 === 0, bytesPerMs: rates[index] ?? 0 })
      }
    }
    const edges = [...wantedCuts.map((cut) => Math.min(length, cut * blockBytes)), length].toSorted((a, b) => a - b)
    let wanted: Extents = []
    for (let index = 0; index + 1 < edges.length; index += 2) {
      wanted = withExtent(wanted, { start: edges[index] ?? 0, end: edges[index + 1] ?? 0 })
    }
    if (edges.length === 1) wanted = [{ start: 0, end: length }]
    const places = waiting
      .map((at) => at % length)
      .filter((at) => wanted.some((each) => each.start <= at && at < each.end))
    const missing = places.filter((at) => !present.some((each) => each.start <= at && at < each.end))
    return { length, present, running, wanted, waiting: missing, connections, roundTripMs }
  })

test('what is asked for is wanted, missing, and asked for by no other transfer that can not be cut short', () => {
  fc.assert(
    fc.property(situations, (now) => {
      const piece = nextRange(now)
      if (!piece) return
      assert.ok(piece.start < piece.end && piece.end <= now.length)
      assert.deepEqual(holes(now.present, piece), [{ start: piece.start, end: piece.end }])
      assert.ok(covers(now.wanted, piece) || now.running.some(({ open }) => open))
      for (const { at, end, open } of now.running) {
        const overlap = piece.start < end && at < piece.end
        assert.ok(!overlap || (open && piece.start > at))
      }
      assert.ok(now.running.length < 8)
    }),
    { numRuns: 2000 },
  )
})

test('as long as something wanted is missing and nothing runs, something is asked for', () => {
  fc.assert(
    fc.property(situations, (now) => {
      const idle = { ...now, running: [] }
      const missing = now.wanted.some((extent) => !covers(now.present, extent))
      assert.equal(nextRange(idle) !== undefined, missing)
    }),
  )
})
