import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { afterSample, mostConnections, startingWidth, type Width } from '../../../src/cache/fill/width.ts'

/** Where the rule ends on a way that gives `rate(connections)` bytes per millisecond, and after how many samples. */
function settle(
  rate: (connections: number) => number,
  width: Width = startingWidth(),
): { at: number; samples: number } {
  let samples = 0
  for (; !width.settled; samples += 1) {
    assert.ok(samples < 40, 'it comes to an end')
    width = afterSample(width, rate(width.connections))
  }
  return { at: width.connections, samples }
}

test('a way that one connection fills stays with one', () => {
  assert.deepEqual(
    settle(() => 12_500),
    { at: 1, samples: 4 },
  )
})

test('a way where each connection has its own limit gets as many as there may be', () => {
  assert.equal(settle((connections) => connections * 3_300).at, 8)
})

test('a way that three connections fill gets four', () => {
  assert.equal(settle((connections) => Math.min(9_000, connections * 3_000)).at, 4)
})

test('a connection that is still coming to speed is not judged', () => {
  let speed = 500
  const rate = () => {
    speed = Math.min(12_500, speed * 2)
    return speed
  }
  assert.equal(settle(rate).at, 1)
})

test('a known width is where it starts from', () => {
  assert.deepEqual(startingWidth(8).settled, true)
  assert.equal(settle((connections) => connections * 100, startingWidth(4)).at, 8)
})

test('whatever the rates, it settles, and between 1 and the most', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(20_000)), (rates) => {
      const { at } = settle(() => rates.next().value as number)
      assert.ok(at >= 1 && at <= mostConnections && Number.isInteger(at))
    }),
  )
})

test('where it settles, twice as many connections would bring no quarter more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 20_000 }), fc.integer({ min: 100, max: 20_000 }), (line, each) => {
      const rate = (connections: number) => Math.min(line, each * connections)
      const { at } = settle(rate)
      assert.ok(rate(at) * 1.25 >= rate(Math.min(mostConnections, at * 2)))
    }),
  )
})
