import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { afterRound, loss, type PathRecord, roundTrips, unmeasured } from '../../../src/network/health/path-record.ts'

const good = { sent: 5, rttsMs: [1, 2, 3, 4, 5] }
const poor = { sent: 5, rttsMs: [9] }
const silent = { sent: 5, rttsMs: [] }
type Round = typeof silent | typeof good

function after(...rounds: Round[]): PathRecord {
  return rounds.reduce<PathRecord>((record, round, i) => afterRound(record, round, i), unmeasured)
}

test('a path is good with the first answer, broken after three silent rounds, good again after two answered ones', () => {
  assert.equal(unmeasured.state, 'unknown')
  assert.equal(after(good).state, 'good')
  assert.equal(after(good, silent, silent).state, 'good')
  assert.equal(after(good, silent, silent, silent).state, 'broken')
  assert.equal(after(good, silent, silent, silent, poor).state, 'broken')
  assert.equal(after(good, silent, silent, silent, poor, poor).state, 'good')
  assert.equal(after(good, silent, silent, silent, poor, silent, poor).state, 'broken')
})

test('a path that never answered is unknown until it is known to be broken', () => {
  assert.equal(after(silent, silent).state, 'unknown')
  assert.equal(after(silent, silent, silent).state, 'broken')
})

test('lost packets alone never break a path', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(good, poor, silent), { maxLength: 40 }), (rounds) => {
      const record = after(...rounds)
      const last = rounds.slice(-3)
      if (record.state === 'broken' && last.length === 3) assert.ok(last.some((round) => round.rttsMs.length === 0))
      if (last.length === 3 && last.every((round) => round.rttsMs.length === 0)) assert.equal(record.state, 'broken')
      if (last.length === 3 && last.every((round) => round.rttsMs.length > 0)) assert.equal(record.state, 'good')
    }),
  )
})

test('loss is told once enough packets were sent, of the last twelve rounds', () => {
  assert.equal(loss(after(good, good, poor)), null)
  assert.equal(loss(after(good, good, good, poor)), 0.2)
  assert.equal(loss(after(...Array.from({ length: 8 }, () => silent), ...Array.from({ length: 12 }, () => good))), 0)
})

test('what was lost while a path was broken is forgotten when it is good again', () => {
  const record = after(good, good, good, good, silent, silent, silent, good, good, good, good)
  assert.deepEqual([record.state, loss(record)], ['good', 0])
})

test('what was lost before the first answer counts for nothing: the overlay was only being made', () => {
  const record = after(silent, good, good, good, good)
  assert.deepEqual([record.state, loss(record)], ['good', 0])
})

test('round trips are of what was answered', () => {
  assert.equal(roundTrips(unmeasured), null)
  assert.equal(roundTrips(after(silent)), null)
  assert.deepEqual(roundTrips(after(good, poor)), { meanMs: 4, leastMs: 1 })
})
