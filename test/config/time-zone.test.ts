import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isTimeZone, TimeZone } from '../../src/config/time-zone.ts'

const dayMs = 86_400_000
const hour = 3_600_000
const day = (text: string) => Date.parse(`${text}T00:00Z`) / dayMs
const iso = (ms: number) => new Date(ms).toISOString()

test('days begin at local midnight and last 23 or 25 hours when clocks change', () => {
  const berlin = new TimeZone('Europe/Berlin')
  assert.equal(iso(berlin.startOfDay(day('2026-03-29'))), '2026-03-28T23:00:00.000Z')
  for (const [text, hours] of [
    ['2026-03-28', 24],
    ['2026-03-29', 23],
    ['2026-10-25', 25],
  ] as const) {
    assert.equal(berlin.startOfDay(day(text) + 1) - berlin.startOfDay(day(text)), hours * hour, text)
  }
})

test('a day whose midnight is left out begins when it begins; a day that is left out altogether is the next one', () => {
  const santiago = new TimeZone('America/Santiago')
  assert.equal(iso(santiago.startOfDay(day('2026-09-06'))), '2026-09-06T04:00:00.000Z')
  assert.equal(santiago.offsetMs(santiago.startOfDay(day('2026-09-06'))), -3 * hour)
  const apia = new TimeZone('Pacific/Apia')
  assert.deepEqual(apia.pieces(day('2011-12-30')), [])
  assert.equal(apia.startOfDay(day('2011-12-30')), apia.startOfDay(day('2011-12-31')))
})

test('every instant belongs to exactly one day: the one whose stretches have it, in order and without gaps', () => {
  const zones = ['UTC', 'Europe/Berlin', 'America/Santiago', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Pacific/Apia']
  const times = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2040, 0, 1) })
  fc.assert(
    fc.property(fc.constantFrom(...zones), times, (name, at) => {
      const zone = new TimeZone(name)
      const today = zone.dayOf(at)
      const has = (d: number) => zone.pieces(d).some(({ startMs, endMs }) => at >= startMs && at < endMs)
      assert.deepEqual(
        [-1, 0, 1].filter((offset) => has(today + offset)),
        [0],
      )
      const pieces = zone.pieces(today)
      assert.equal(pieces.at(-1)?.endMs, zone.startOfDay(today + 1))
      for (const [index, piece] of pieces.entries()) {
        assert.equal(piece.offsetMs, zone.offsetMs(piece.startMs))
        assert.equal(piece.offsetMs, zone.offsetMs(piece.endMs - 1))
        if (index > 0) assert.equal(piece.startMs, pieces[index - 1]?.endMs)
      }
      assert.equal(zone.dayOf(at), today)
    }),
    { numRuns: 300 },
  )
})

test('zones are known by the tz database', () => {
  assert.ok(isTimeZone('UTC') && isTimeZone('Europe/Berlin'))
  assert.ok(!isTimeZone('Europe/Bonn-Beuel') && !isTimeZone(''))
})
