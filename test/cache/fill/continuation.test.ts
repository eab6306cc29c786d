import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPlain, judge, rangeHeaders, readContentRange, sameVersion } from '../../../src/cache/fill/continuation.ts'

const date = 'Tue, 02 Jan 2024 00:00:00 GMT'
const modified = 'Mon, 01 Jan 2024 00:00:00 GMT'
const asked = { start: 100, end: 200 }
const same = { headers: { etag: '"1"' }, length: 1000, verified: false }

test('two responses are of one version when the same strong validator says so', () => {
  assert.ok(sameVersion({ etag: '"1"' }, { etag: '"1"' }))
  assert.ok(sameVersion({ 'last-modified': modified, date }, { 'last-modified': modified, date }))
  assert.ok(!sameVersion({ etag: '"1"' }, { etag: '"2"' }))
  assert.ok(!sameVersion({ etag: 'W/"1"' }, { etag: 'W/"1"' }))
  // A date is no validator where there is a tag, even a weak one: RFC 9110, section 13.1.5.
  const weak = { etag: 'W/"1"', 'last-modified': modified, date }
  assert.ok(!sameVersion(weak, weak))
  assert.deepEqual(rangeHeaders(asked, { ...same, headers: weak }), { range: 'bytes=100-199' })
  assert.ok(!sameVersion({}, {}))
})

test('a range is asked for under the condition that the file is still the same', () => {
  assert.deepEqual(rangeHeaders(asked, same), { range: 'bytes=100-199', 'if-range': '"1"' })
  assert.deepEqual(rangeHeaders({ start: 5, end: Number.POSITIVE_INFINITY }, undefined), { range: 'bytes=5-' })
  assert.deepEqual(rangeHeaders(asked, { ...same, verified: true }), { range: 'bytes=100-199' })
})

test('Content-Range is read strictly', () => {
  assert.deepEqual(readContentRange('bytes 0-99/1234'), { start: 0, end: 100, length: 1234 })
  assert.deepEqual(readContentRange('bytes 0-99/*'), { start: 0, end: 100, length: undefined })
  for (const wrong of [undefined, '', 'bytes */1234', 'bytes 9-8/10', 'bytes 0-10/10', 'lines 0-1/3', 'bytes 0-1/3,4'])
    assert.equal(readContentRange(wrong), undefined, wrong)
})

const part = (range: string, headers = {}, length: number | undefined = 100) =>
  judge(asked, same, { status: 206, headers: { 'content-range': range, ...headers }, length }).is

test('a part goes on with the body only when nothing speaks against it', () => {
  assert.equal(part('bytes 100-199/1000'), 'part')
  assert.equal(part('bytes 100-199/1000', { etag: '"1"' }), 'part')
  assert.equal(part('bytes 100-199/1000', { etag: '"2"' }), 'changed')
  assert.equal(part('bytes 100-199/1001'), 'changed')
  assert.equal(part('bytes 0-99/1000'), 'failed')
  assert.equal(part('bytes 101-200/1000'), 'failed')
  assert.equal(part('bytes 100-199/1000', {}, 99), 'failed')
  assert.equal(part('nonsense'), 'failed')
  assert.deepEqual(
    judge(asked, same, { status: 206, headers: { 'content-range': 'bytes 100-149/1000' }, length: 50 }),
    {
      is: 'part',
      extent: { start: 100, end: 150 },
      length: 1000,
    },
  )
})

test('the whole instead of a part is the same file or another one', () => {
  const whole = (headers: Record<string, string>, length = 1000) =>
    judge(asked, same, { status: 200, headers, length }).is
  assert.equal(whole({ etag: '"1"' }), 'whole')
  assert.equal(whole({ etag: '"2"' }), 'changed')
  assert.equal(whole({}), 'changed')
  assert.equal(whole({ etag: '"1"' }, 999), 'changed')
  assert.equal(judge(asked, { ...same, verified: true }, { status: 200, headers: {}, length: 1000 }).is, 'whole')
  assert.equal(judge(asked, same, { status: 404, headers: {}, length: 0 }).is, 'changed')
  assert.equal(judge(asked, same, { status: 503, headers: {}, length: 0 }).is, 'failed')
})

test('a packed body is the file only where its name says so', () => {
  assert.ok(isPlain('/a.deb', {}))
  assert.ok(isPlain('/Packages.gz', { 'content-encoding': 'x-gzip' }))
  assert.ok(isPlain('/a.tgz?x=1', { 'content-encoding': 'gzip' }))
  assert.ok(!isPlain('/a.deb', { 'content-encoding': 'gzip' }))
  assert.ok(!isPlain('/Packages.gz', { 'content-encoding': 'br' }))
})
