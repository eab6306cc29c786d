import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { readRange, replyTo } from '../../../src/cache/door/reply.ts'

const headers = { etag: '"v1"', 'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT', 'content-type': 'x/y' }
const whole = { status: 200, headers, length: 1000, age: 3, outcome: 'hit' } as const

/** A reply with its headers as an object. */
function reply(asked: Record<string, string>, available = whole as Parameters<typeof replyTo>[2], method = 'GET') {
  const { headers: flat, ...rest } = replyTo(method as 'GET', asked, available)
  const pairs = flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]]] : []))
  return { ...rest, headers: Object.fromEntries(pairs) as Record<string, string> }
}

test('a plain request gets the whole body, with its age and where it came from', () => {
  assert.deepEqual(reply({}), {
    status: 200,
    start: 0,
    end: 1000,
    headers: { ...headers, age: '3', 'x-cache': 'hit', 'accept-ranges': 'bytes', 'content-length': '1000' },
  })
})

test('HEAD gets the same head and no body', () => {
  const { status, headers: said, start, end } = reply({ range: 'bytes=0-9' }, whole, 'HEAD')
  assert.deepEqual(
    { status, start, end, length: said['content-length'] },
    { status: 200, start: 0, end: 0, length: '1000' },
  )
})

test('a range of a known length is cut out; of an unknown one it is not', () => {
  const cut = reply({ range: 'bytes=10-19' })
  assert.deepEqual([cut.status, cut.start, cut.end, cut.headers['content-length']], [206, 10, 20, '10'])
  assert.equal(cut.headers['content-range'], 'bytes 10-19/1000')
  const whileUnknown = reply({ range: 'bytes=10-19' }, { ...whole, length: undefined })
  assert.deepEqual([whileUnknown.status, whileUnknown.start, whileUnknown.end], [200, 0, undefined])
  assert.equal(whileUnknown.headers['content-length'], undefined)
})

test('a range past the end is told how long the body is', () => {
  const past = reply({ range: 'bytes=1000-' })
  assert.deepEqual([past.status, past.headers['content-range'], past.end], [416, 'bytes */1000', 0])
})

test('If-Range gives a range only of the same version', () => {
  const range = 'bytes=10-'
  assert.equal(reply({ range, 'if-range': '"v1"' }).status, 206)
  assert.equal(reply({ range, 'if-range': headers['last-modified'] }).status, 206)
  assert.equal(reply({ range, 'if-range': '"v2"' }).status, 200)
  assert.equal(reply({ range, 'if-range': 'W/"v1"' }).status, 200)
  assert.equal(reply({ range, 'if-range': 'Tue, 02 Jan 2024 00:00:00 GMT' }).status, 200)
})

test('a client that has it already is told so', () => {
  const status = (asked: Record<string, string>) => reply(asked).status
  assert.equal(status({ 'if-none-match': '"v0", W/"v1"' }), 304)
  assert.equal(status({ 'if-none-match': '*' }), 304)
  assert.equal(status({ 'if-none-match': '"v0"', 'if-modified-since': headers['last-modified'] }), 200)
  assert.equal(status({ 'if-modified-since': headers['last-modified'] }), 304)
  assert.equal(status({ 'if-modified-since': 'Sun, 31 Dec 2023 00:00:00 GMT' }), 200)
  assert.equal(status({ 'if-modified-since': 'yesterday' }), 200)
  const reply304 = reply({ 'if-none-match': '*' })
  assert.deepEqual([reply304.end, reply304.headers['content-length']], [0, undefined])
})

test('errors are passed on as they are', () => {
  const missing = reply({ range: 'bytes=0-1', 'if-none-match': '*' }, { ...whole, status: 404 })
  assert.deepEqual([missing.status, missing.start, missing.end], [404, 0, 1000])
})

test('what is no single byte range is no range at all', () => {
  for (const text of [
    'bytes=',
    'bytes=-',
    'bytes=5-3',
    'bytes=0-1,3-4',
    'lines=1-2',
    'bytes=a-b',
    'bytes 0-1',
    'bytes=1-2x',
  ]) {
    assert.equal(readRange(text, 10), undefined, text)
  }
  assert.deepEqual(readRange('bytes=-3', 10), { start: 7, end: 10 })
  assert.deepEqual(readRange('bytes=-30', 10), { start: 0, end: 10 })
  assert.deepEqual(readRange('bytes=3-99', 10), { start: 3, end: 10 })
  assert.equal(readRange('bytes=-0', 10), 'unsatisfiable')
  assert.equal(readRange('bytes=0-', 0), 'unsatisfiable')
})

test('every range that is given lies inside the body and is not empty', () => {
  const text = fc.oneof(fc.stringMatching(/^bytes=\d{0,6}-\d{0,6}$/), fc.string())
  fc.assert(
    fc.property(text, fc.nat(200_000), (range, length) => {
      const cut = readRange(range, length)
      if (cut === undefined || cut === 'unsatisfiable') return
      assert.ok(cut.start >= 0 && cut.start < cut.end && cut.end <= length)
    }),
  )
})
