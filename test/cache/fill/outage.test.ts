import assert from 'node:assert/strict'
import { test } from 'node:test'
import { usualLimits } from '../../../src/cache/fill/limits.ts'
import type { UpstreamResponse } from '../../../src/cache/upstream/ask.ts'
import { bytesFor } from '../origin.ts'
import { FakeUpstream } from './fake-upstream.ts'
import { get, quick, rigOf, wantedOf } from './rig.ts'

const MB = 1024 * 1024

test('a server that restarts breaks all connections of a body at once: that is one failure, not one for each', async (t) => {
  const body = bytesFor('a', 80 * MB)
  const upstream = new FakeUpstream(() => ({ body, headers: { etag: '"1"' } }))
  upstream.behave = () => ({ headMs: 100 })
  const ask = upstream.ask.bind(upstream)
  const open: UpstreamResponse[] = []
  upstream.ask = async (asked) => {
    const response = await ask(asked)
    open.push(response)
    if (open.length === 8) for (const each of open) each.body.destroy(new Error('the server restarts'))
    return response
  }
  const rig = rigOf(t, upstream)
  assert.ok((await get(rig, wantedOf('a'))).equals(body))
  assert.ok(open.length > 8)
})

test('the only place of a body is asked as often as the limit says, though it fails again and again', async (t) => {
  const body = bytesFor('a', 2 * MB)
  const upstream = new FakeUpstream(() => ({ body, headers: { etag: '"1"' } }))
  // The first answer, and then one failure less in a row than a fill gives up at.
  upstream.behave = (count) =>
    count === 0 ? { breakAfter: MB } : count < usualLimits.failures - 1 ? { away: true } : {}
  const rig = rigOf(t, upstream, quick)
  assert.ok((await get(rig, wantedOf('a'))).equals(body))
  assert.equal(upstream.asked.length, usualLimits.failures)
})

test('places that send the whole for a part, while more parts are asked for, bring no byte twice', async (t) => {
  const body = bytesFor('a', 80 * MB)
  const upstream = new FakeUpstream(() => ({ body, headers: { etag: '"1"' } }))
  upstream.behave = (count) => ({ headMs: 100, ignoresRanges: count % 3 === 2 })
  const rig = rigOf(t, upstream)
  assert.ok((await get(rig, wantedOf('a', body))).equals(body))
  await rig.fetches.idle()
  assert.ok(await rig.store.find(wantedOf('a').key), 'the store was given each byte once')
})
