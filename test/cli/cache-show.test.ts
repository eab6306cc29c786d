import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Listed } from '../../src/cache/store/port.ts'
import { showCacheStatus } from '../../src/cli/cache-status.ts'
import { showInspection, showList, showPurged, showVerified } from '../../src/cli/cache-store.ts'
import { bytes, share } from '../../src/cli/sizes.ts'
import { someStatus } from '../support/cache-status.ts'

const kept: Listed = {
  key: 'http://deb.debian.org/pool/a_1_all.deb',
  status: 200,
  headers: { etag: '"1"' },
  length: 20_000,
  sha256: 'ab'.repeat(32),
  validatedAtMs: 0,
  storedAtMs: Date.parse('2026-01-01T00:00:00Z'),
  usedAtMs: Date.parse('2026-01-01T01:00:00Z'),
  uses: 3,
  fetchMs: 40,
  pins: ['lab'],
}

test('the status: trouble first, then sums, then what is under way, origins, nodes, places and events', () => {
  assert.equal(
    showCacheStatus(someStatus),
    `! http://10.250.2.1:3128 is away: no connection in 3 s
up 2h05m, 12 requests, 1 being answered
6 hits, 1 joined, 1 revalidated, 0 stale, 2 misses (80 % without asking for the body), 1 refused, 0 failed
80 MB to nodes, 20 MB from upstream: 60 MB saved
120 responses kept, 80 MB of 50 GB, 9.5 GB free on the disk

ON ITS WAY                                                                 BYTES   OF      READERS  FOR
http://deb.debian.org/debian/pool/main/s/slurm/slurmd_22.05.8-4_amd64.deb  1.2 MB  2.4 MB  8        clients

ORIGIN          REQUESTS  MISSES  FAILED  SERVED  UPSTREAM
deb.debian.org  11        2       0       80 MB   20 MB

NODE       REQUESTS  MISSES  FAILED  SERVED  UPSTREAM
10.77.1.1  11        2       0       80 MB   20 MB

PLACE                   STATE  ANSWERS IN
http://deb.debian.org   well   21 ms
http://10.250.2.1:3128  away

AGO    CODE       SUBJECT                 MESSAGE
1m00s  PlaceAway  http://10.250.2.1:3128  no connection in 3 s`,
  )
})

test('an idle cache has no empty tables, and trouble with the disk is said', () => {
  const idle = { ...someStatus, origins: [], nodes: [], flights: [], places: [], events: [], troubled: true }
  const text = showCacheStatus(idle)
  assert.match(text, /^! the store can not be written/)
  assert.doesNotMatch(text, /NODE|PLACE|WAY/)
})

test('of very many nodes the busiest are shown and the others counted', () => {
  const [node] = someStatus.nodes
  const nodes = Array.from({ length: 100 }, () => node as (typeof someStatus.nodes)[number])
  assert.match(showCacheStatus({ ...someStatus, nodes }), /\n\.\.\. and 88 more \(--json\)\n/)
})

test('what is kept, as a list and one by one', () => {
  assert.equal(
    showList([kept], 2),
    `BYTES  USES  PINNED BY  URL
20 kB  3     lab        http://deb.debian.org/pool/a_1_all.deb`,
  )
  assert.match(showList([kept], 1), /_all\.deb\n\.\.\. these are the first 1; --limit shows more$/)
  assert.equal(showList([], 1), 'nothing of that is kept')
  assert.equal(
    showInspection({ kept: [kept] }),
    `http://deb.debian.org/pool/a_1_all.deb
  sha256     ${'ab'.repeat(32)}
  bytes      20000
  status     200
  stored     2026-01-01T00:00:00.000Z, fetched in 0.0s
  validated  never
  used       3 times, last 2026-01-01T01:00:00.000Z
  pinned by  lab
  etag: "1"`,
  )
})

test('damage is named', () => {
  assert.equal(showVerified({ responses: 0, bytes: 0, damaged: [] }), 'nothing of that is kept')
  assert.equal(
    showVerified({ responses: 2, bytes: 1500, damaged: [] }),
    '2 responses verified, 1.5 kB: all as they were written',
  )
  assert.equal(
    showVerified({ responses: 2, bytes: 1500, damaged: ['http://a/b'] }),
    '2 responses verified, 1.5 kB: 1 damaged and removed:\n  http://a/b',
  )
})

test('a purge says what stays, and why', () => {
  assert.equal(showPurged({ removed: 3, pinned: 0 }), '3 removed')
  assert.match(showPurged({ removed: 0, pinned: 1 }), /^0 removed; 1 stays: indexes in use, which are replaced when /)
  assert.match(showPurged({ removed: 1, pinned: 2 }), /^1 removed; 2 stay: /)
})

test('bytes and shares for people', () => {
  assert.deepEqual([0, 999, 1000, 9_940, 9_950, 999_499, 999_500, 2e15].map(bytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '9.9 kB',
    '10 kB',
    '999 kB',
    '1.0 MB',
    '2000 TB',
  ])
  assert.deepEqual([share(1, 3), share(0, 0)], ['33 %', '-'])
})
