import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { afterSample, mostConnections, startingWidth, type Way, type Width } from '../../../src/cache/fill/width.ts'

const near: Way = { proven: 1, roundTripMs: 10, bytes: 1e9 }

function sample(width: Width, bytesPerMs: number, bytesLeft = 1e9): Width {
  return afterSample(width, { bytesPerMs, bytesLeft })
}

/** After so many samples of a way that gives `rate(connections)` bytes per millisecond. */
function sampled(rate: (connections: number) => number, count = 20, width = startingWidth(near)): Width {
  for (let samples = 0; samples < count; samples += 1) width = sample(width, rate(width.connections))
  return width
}

test('on a way that one connection fills a second is tried, and no more', () => {
  const { connections, proven } = sampled(() => 12_500)
  assert.deepEqual([connections, proven], [2, 1])
})

test('a way where each connection has its own limit gets as many as there may be', () => {
  const { connections, proven } = sampled((each) => each * 3_300)
  assert.deepEqual([connections, proven], [8, 8])
})

test('a way that three connections fill has four proven, and keeps the eight that were tried', () => {
  const { connections, proven } = sampled((each) => Math.min(9_000, each * 3_000))
  assert.deepEqual([connections, proven], [8, 4])
})

test('what a connection brings while it comes to speed says nothing', () => {
  const slow = sample(startingWidth(near), 500)
  assert.equal(slow.connections, 1)
  const two = sample(slow, 12_500)
  assert.deepEqual([two.connections, two.half], [2, 12_500])
})

test('what comes to its end within 3 s is not worth another connection', () => {
  const slow = sample(startingWidth(near), 10_000)
  assert.equal(sample(slow, 10_000, 29_000_000).connections, 1)
  assert.equal(sample(slow, 10_000, 31_000_000).connections, 2)
})

test('more are tried again when the rate has fallen: the line was full until the first loss', () => {
  const full = sampled(() => 12_500)
  assert.equal(full.connections, 2)
  assert.equal(sampled((each) => each * 1_500, 20, full).connections, 8)
})

test('a rate that rises or falls a little is no reason to try more', () => {
  let width = sampled(() => 12_500)
  for (const rate of [12_000, 10_500, 13_000, 10_100, 14_000]) width = sample(width, rate)
  assert.equal(width.connections, 2)
})

test('a long way begins with many connections, if there is enough to bring', () => {
  const starts = (roundTripMs: number, bytes: number) => startingWidth({ proven: 1, roundTripMs, bytes }).connections
  assert.deepEqual(
    [100, 60, 25, 20, 1].map((ms) => starts(ms, 500e6)),
    [8, 4, 2, 1, 1],
  )
  assert.equal(starts(100, 20e6), 2)
  assert.equal(starts(100, 1e6), 1)
})

test('a machine next door is never asked over more than one', () => {
  const width = startingWidth({ proven: 1, roundTripMs: 0.5, bytes: 1e12 })
  assert.equal(sampled((each) => each * 1000, 20, width).connections, 1)
})

test('what has proven good lately is where it starts from', () => {
  assert.equal(startingWidth({ ...near, proven: 4 }).connections, 4)
  assert.equal(startingWidth({ ...near, proven: 2, roundTripMs: 100 }).connections, 8)
})

test('whatever the rates, it never has fewer than before, nor more than the most', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20_000), { maxLength: 60 }), (rates) => {
      let width = startingWidth(near)
      for (const rate of rates) {
        const next = sample(width, rate)
        assert.ok(next.connections >= width.connections && next.connections <= mostConnections)
        assert.ok(next.proven <= next.connections)
        width = next
      }
    }),
  )
})

test('on a steady way, twice as many as it ends with would bring no quarter more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 20_000 }), fc.integer({ min: 100, max: 20_000 }), (line, each) => {
      const rate = (connections: number) => Math.min(line, each * connections)
      const { connections, proven } = sampled(rate)
      assert.ok(rate(connections) * 1.25 >= rate(Math.min(mostConnections, connections * 2)))
      assert.ok(rate(proven) * 1.25 >= rate(connections))
    }),
  )
})
