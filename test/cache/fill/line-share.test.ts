import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetchOver, type VirtualLine } from './virtual-line.ts'

/** 1 Gbit/s and 100 Mbit/s of TCP's payload, 1448 of every 1538 bytes; bytes per millisecond. */
const gigabit = 117_700
const fast = 11_770

const fat: VirtualLine = { rate: gigabit, roundTripMs: 100 }

/**
 * The share of a line that can be had at best: the first head is there after two round trips, all other connections
 * bring something after two more, and they come to speed from 10 segments, twice as many each round trip (RFC 6928, 5681).
 */
function atBest({ rate, roundTripMs }: VirtualLine, bytes: number, connections: number): number {
  const full = rate * roundTripMs
  let [ms, brought] = [4 * roundTripMs, 0]
  for (let step = connections * 14_480; step < full; step *= 2) {
    brought += step
    ms += roundTripMs
  }
  return bytes / (rate * ms + bytes - brought)
}

test('a long fat line: what slow start leaves of it is used, whatever a connection brings at most', () => {
  const best = atBest(fat, 500e6, 8)
  assert.ok(best > 0.8 && best < 0.85, `${best}`)
  const lines = [fat, { ...fat, connectionRate: 30_000 }, { ...fat, connectionRate: 15_000 }]
  for (const line of lines) {
    const came = fetchOver(line, 500e6)
    assert.ok(came.share > 0.9 * best, JSON.stringify({ line, came }))
    assert.ok(came.steadyShare > 0.9, JSON.stringify({ line, came }))
    assert.ok(came.wasted < 0.03 * 500e6)
  }
})

test('a long fat line: 0.9 of it and more from 2 GB on', () => {
  assert.ok(fetchOver({ ...fat, connectionRate: 30_000 }, 2e9).share > 0.93)
})

test('what was found out on another file takes nothing away', () => {
  const line = { ...fat, connectionRate: 30_000 }
  assert.equal(fetchOver(line, 500e6, 8).ms, fetchOver(line, 500e6, 1).ms)
})

test('a clean line of 100 Mbit/s, 20 ms: one connection fills it; a second is tried, and no more', () => {
  for (const bytes of [50e6, 500e6]) {
    const came = fetchOver({ rate: fast, roundTripMs: 20 }, bytes)
    assert.ok(came.share > 0.97, JSON.stringify(came))
    assert.equal(came.atOnce, 2)
    assert.ok(came.wasted < 300_000)
  }
})

test('0.1 % of the packets lost: many connections bring three times what one does', () => {
  const line = { rate: fast, roundTripMs: 20, loss: 0.001 }
  const one = fetchOver(line, 80e6, 1, 1)
  const many = fetchOver(line, 80e6)
  assert.equal(many.atOnce, 8)
  assert.ok(one.share < 0.4, JSON.stringify(one))
  assert.ok(many.share > 0.85, JSON.stringify(many))
  assert.ok(fetchOver(line, 80e6, 8).share >= many.share, 'what was found out is of use to the next file')
})

test('a mirror in the same house is asked once', () => {
  const came = fetchOver({ rate: 1e6, roundTripMs: 0.3 }, 2e9)
  assert.deepEqual([came.requests, came.atOnce], [1, 1])
  assert.ok(came.share > 0.99)
})
