import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CacheMetrics } from '../../../src/cache/watch/metrics.ts'
import { someStatus } from '../../support/cache-status.ts'

test('Prometheus gets the figures as they are, also when it asks again', async () => {
  const metrics = new CacheMetrics(() => Promise.resolve(someStatus))
  metrics.answered('hit', 3)
  await metrics.text()
  const text = await metrics.text()
  for (const line of [
    'causeway_cache_origin_requests_total{origin="deb.debian.org",outcome="hit"} 6',
    'causeway_cache_origin_served_bytes_total{origin="deb.debian.org"} 80000000',
    'causeway_cache_upstream_bytes_total{origin="deb.debian.org"} 20000000',
    'causeway_cache_node_requests_total{node="10.77.1.1",outcome="joined"} 1',
    'causeway_cache_upstream_requests_total 3',
    'causeway_cache_stored_bytes 80000000',
    'causeway_cache_quota_bytes 50000000000',
    'causeway_cache_place_up{place="http://10.250.2.1:3128"} 0',
    'causeway_cache_place_up{place="http://deb.debian.org"} 1',
    'causeway_cache_request_duration_seconds_bucket{le="0.005",outcome="hit"} 1',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), `${line} is not in\n${text}`)
  }
})

test('a node that is gone is gone from the figures too', async () => {
  let status = someStatus
  const metrics = new CacheMetrics(() => Promise.resolve(status))
  await metrics.text()
  status = { ...someStatus, nodes: [], places: [] }
  const text = await metrics.text()
  assert.doesNotMatch(text, /node="|place="/)
})
