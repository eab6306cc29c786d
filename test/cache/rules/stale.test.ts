import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { cacheControl, seconds } from '../../../src/cache/rules/cache-control.ts'
import { demandsOf } from '../../../src/cache/rules/demands.ts'
import { ageSeconds, isFresh, lifetimeSeconds, mayKeep, mayServeStale } from '../../../src/cache/rules/freshness.ts'
import { httpDate } from '../../../src/cache/rules/http-date.ts'

test('directives are read whatever their case, quotes and spaces; of two the first counts', () => {
  const read = (text: string) => [...cacheControl({ 'cache-control': text })]
  assert.deepEqual(read('Max-Age = "60" ,no-cache="set-cookie, x", FOO'), [
    ['max-age', '60'],
    ['no-cache', 'set-cookie, x'],
    ['foo', ''],
  ])
  assert.deepEqual(read('max-age=1, max-age=2'), [['max-age', '1']])
  assert.deepEqual(read(',,=,"'), [])
  assert.equal(seconds('99999999999'), 2 ** 31)
  assert.equal(seconds('-1'), undefined)
})

test('dates are read in the three forms that HTTP has, and in no other', () => {
  const same = Date.UTC(1994, 10, 6, 8, 49, 37)
  for (const text of ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])
    assert.equal(httpDate(text), same, text)
  for (const text of ['0', '-1', '', 'now', '1994-11-06T08:49:37Z', undefined]) assert.equal(httpDate(text), Number.NaN)
})

test('an index is fresh for as long as the admin said', () => {
  assert.equal(isFresh('index', {}, 10_000, 14_999, 5_000), true)
  assert.equal(isFresh('index', {}, 10_000, 15_000, 5_000), false)
  assert.equal(isFresh('index', { 'cache-control': 'max-age=600' }, 10_000, 15_000, 5_000), false)
})

test('a clock that was put back makes nothing fresh for longer', () => {
  const headers = { 'cache-control': 'max-age=60' }
  assert.equal(isFresh('other', headers, 1e12, 1e12 - 1), false)
  assert.equal(isFresh('index', {}, 1e12, 1e12 - 1, 60_000), false)
  assert.equal(isFresh('package', {}, 1e12, 0), true)
  assert.equal(ageSeconds({}, 1e12, 0), 0)
})

test('Expires counts from Date, or from when it came where there is none', () => {
  const expires = 'Mon, 01 Jan 2024 00:01:00 GMT'
  assert.equal(lifetimeSeconds({ expires, date: 'Mon, 01 Jan 2024 00:00:00 GMT' }, 0), 60)
  assert.equal(lifetimeSeconds({ expires }, Date.UTC(2024, 0, 1, 0, 0, 50)), 10)
  assert.equal(lifetimeSeconds({ expires, 'cache-control': 'max-age=5' }, 0), 5)
})

test('what is no longer fresh stands in for an origin that is away, where it is not forbidden', () => {
  const may = (said: string, ageMs = 1e9) => mayServeStale('other', { 'cache-control': said }, 0, ageMs)
  assert.equal(may('max-age=60'), true)
  for (const said of ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=9', 'max-age=1, Must-Revalidate'])
    assert.equal(may(said), false, said)
  assert.equal(may('max-age=60, stale-if-error=30', 90_000), true)
  assert.equal(may('max-age=60, stale-if-error=30', 91_000), false)
  for (const kind of ['index', 'package'] as const)
    assert.equal(mayServeStale(kind, { 'cache-control': 'no-cache, must-revalidate' }, 0, 1e12), true)
})

test('what differs by who asks is not kept', () => {
  for (const vary of ['Cookie', 'accept, AUTHORIZATION', ' *']) assert.equal(mayKeep(200, { vary }), false, vary)
  assert.equal(mayKeep(200, { vary: 'Accept, Accept-Encoding, User-Agent' }), true)
})

test('of what clients demand two things are heard', () => {
  assert.deepEqual(demandsOf({}), { askAgain: false, onlyKept: false })
  assert.deepEqual(demandsOf({ 'cache-control': 'max-age=0' }), { askAgain: false, onlyKept: false })
  assert.deepEqual(demandsOf({ pragma: 'no-cache' }), { askAgain: true, onlyKept: false })
  assert.deepEqual(demandsOf({ 'cache-control': 'No-Cache' }), { askAgain: true, onlyKept: false })
  assert.deepEqual(demandsOf({ 'cache-control': 'only-if-cached' }), { askAgain: false, onlyKept: true })
})

const headers = fc.record(
  {
    'cache-control': fc.oneof(
      fc.string(),
      fc
        .subarray(['no-cache', 'max-age=60', 's-maxage=30', 'must-revalidate', 'stale-if-error=9', 'private'])
        .map((parts) => parts.join(', ')),
    ),
    age: fc.oneof(fc.string(), fc.nat().map(String)),
    expires: fc.oneof(fc.string(), fc.constant('Mon, 01 Jan 2024 00:01:00 GMT')),
    date: fc.oneof(fc.string(), fc.constant('Mon, 01 Jan 2024 00:00:00 GMT')),
  },
  { requiredKeys: [] },
)

test('time only ever makes things older, and no header makes an age or a lifetime that is no number', () => {
  fc.assert(
    fc.property(headers, fc.nat(1e9), fc.nat(1e9), fc.nat(1e9), (said, validated, later, more) => {
      const now = validated + later
      const age = ageSeconds(said, validated, now)
      assert.ok(Number.isSafeInteger(age) && age >= 0)
      assert.ok(ageSeconds(said, validated, now + more) >= age)
      const lifetime = lifetimeSeconds(said, validated)
      assert.ok(Number.isFinite(lifetime) && lifetime >= 0)
      if (!isFresh('other', said, validated, now)) assert.equal(isFresh('other', said, validated, now + more), false)
      if (!mayServeStale('other', said, validated, now))
        assert.equal(mayServeStale('other', said, validated, now + more), false)
    }),
    { numRuns: 2000 },
  )
})
