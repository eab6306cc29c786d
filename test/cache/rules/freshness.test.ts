import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kindOf } from '../../../src/cache/formats/kinds.ts'
import { endToEnd } from '../../../src/cache/headers.ts'
import { ageSeconds, indexValidators, isFresh, mayKeep, validators } from '../../../src/cache/rules/freshness.ts'

test('packages, indexes and the rest are told apart by their names', () => {
  const digest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  const kinds = {
    package: [
      '/debian/pool/main/s/slurm/slurmd_22.05.8-4_amd64.deb',
      '/flat/munge_0.5.15-2_amd64.deb',
      '/debian/pool/main/g/g++_4%3a12_amd64.deb',
      '/debian/pool/main/s/slurm/slurm_22.05.8-4.dsc',
      '/debian/pool/main/s/slurm/slurm_22.05.8.orig.tar.xz',
      '/debian/pool/main/s/slurm/slurm_22.05.8-4.debian.tar.xz',
      `/debian/dists/bookworm/main/binary-amd64/by-hash/SHA256/${digest}`,
    ],
    index: [
      '/debian/dists/bookworm/InRelease',
      '/debian/dists/bookworm/main/binary-amd64/Packages.xz',
      '/debian/dists/bookworm/main/i18n/Translation-en.bz2',
      '/debian/dists/bookworm/anything',
      '/flat/Packages',
      '/./Release.gpg',
      '/debian/dists/bookworm/by-hash/SHA256/short',
    ],
    other: ['/', '/index.html', '/latest.deb', '/pool/README', '/x?/dists/Release'],
  }
  for (const [kind, paths] of Object.entries(kinds)) {
    for (const path of paths) assert.equal(kindOf({ immutable: [] }, path), kind, path)
  }
})

test('packages are always fresh, indexes never', () => {
  const headers = { 'cache-control': 'max-age=60' }
  assert.equal(isFresh('package', {}, 0, 1e12), true)
  assert.equal(isFresh('index', headers, 1000, 1000), false)
})

test('other files are fresh for as long as their origin said', () => {
  const at = (headers: Record<string, string>, seconds: number) => isFresh('other', headers, 0, seconds * 1000)
  assert.equal(at({}, 0), false)
  assert.equal(at({ 'cache-control': 'public, max-age=60' }, 59), true)
  assert.equal(at({ 'cache-control': 'public, max-age=60' }, 60), false)
  assert.equal(at({ 'cache-control': 'max-age=60', age: '50' }, 11), false)
  assert.equal(at({ 'cache-control': 'max-age=60, s-maxage=5' }, 6), false)
  assert.equal(at({ 'cache-control': 'no-cache, max-age=60' }, 1), false)
  assert.equal(at({ 'cache-control': 'max-age=soon' }, 0), false)
  const date = 'Mon, 01 Jan 2024 00:00:00 GMT'
  assert.equal(at({ date, expires: 'Mon, 01 Jan 2024 00:01:00 GMT' }, 59), true)
  assert.equal(at({ date, expires: 'Mon, 01 Jan 2024 00:01:00 GMT' }, 61), false)
  assert.equal(at({ date, expires: '0' }, 0), false)
})

test('age counts what the response had behind it, and never runs backwards', () => {
  assert.equal(ageSeconds({ age: '7' }, 1000, 4999), 10)
  assert.equal(ageSeconds({}, 5000, 1000), 0)
})

test('only a 200 that is meant for everyone is kept', () => {
  assert.equal(mayKeep(200, {}), true)
  assert.equal(mayKeep(200, { vary: 'Accept-Encoding' }), true)
  for (const status of [203, 301, 404, 500]) assert.equal(mayKeep(status, {}), false)
  assert.equal(mayKeep(200, { 'cache-control': 'No-Store' }), false)
  assert.equal(mayKeep(200, { 'cache-control': 'private="x", max-age=9' }), false)
  assert.equal(mayKeep(200, { vary: '*' }), false)
})

test('an origin is asked by the validators that it gave', () => {
  assert.deepEqual(validators({ etag: '"x"', 'last-modified': 'then', date: 'now' }), {
    'if-none-match': '"x"',
    'if-modified-since': 'then',
  })
  assert.deepEqual(validators({}), {})
})

test('an index that may have been changed again within its second is asked for as if nothing were kept', () => {
  const given = (seconds: number) => ({
    etag: '"x"',
    'last-modified': 'Tue, 01 Jan 2030 00:00:00 GMT',
    date: `Tue, 01 Jan 2030 00:00:0${seconds} GMT`,
  })
  for (const seconds of [0, 1]) assert.deepEqual(indexValidators(given(seconds)), {})
  assert.deepEqual(indexValidators(given(2)), validators(given(2)))
  const { date: _, ...undated } = given(0)
  assert.deepEqual(indexValidators(undated), validators(undated))
  assert.deepEqual(indexValidators({ etag: '"x"' }), { 'if-none-match': '"x"' })
})

test('headers for one connection stay on it', () => {
  assert.deepEqual(
    endToEnd({
      connection: 'X-Private, close',
      'x-private': '1',
      'keep-alive': 'timeout=5',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      'set-cookie': ['a=1', 'b=2'],
      'x-cache': 'HIT from elsewhere',
      'content-type': 'text/plain',
      link: ['<a>', '<b>'],
    }),
    { 'content-type': 'text/plain', link: '<a>, <b>' },
  )
})
