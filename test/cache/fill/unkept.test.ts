import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesFor } from '../origin.ts'
import { FakeUpstream } from './fake-upstream.ts'
import { get, rigOf, wantedOf } from './rig.ts'

const kB = 1024
const right = bytesFor('right', 768 * kB)
const wrong = bytesFor('wrong', 768 * kB)

test('a body that may not be kept is not read to its end either when its digest is wrong', async (t) => {
  let body = wrong
  const upstream = new FakeUpstream(() => ({ body, headers: { etag: '"1"', 'cache-control': 'no-store' } }))
  const rig = rigOf(t, upstream)
  await assert.rejects(get(rig, wantedOf('a', right)), { code: 'DigestMismatch' })
  await rig.fetches.idle()
  body = right
  assert.ok((await get(rig, wantedOf('b', right))).equals(right))
})

for (const body of [right, wrong]) {
  test(`a body that comes past the disk, its end first (${body === right ? 'right' : 'wrong'}): who reads all of it gets what the index says`, async (t) => {
    const upstream = new FakeUpstream(() => ({ body, headers: { etag: '"1"' } }))
    const rig = rigOf(t, upstream)
    rig.store.troubled = true
    const wanted = wantedOf('a', right)
    const end = get(rig, wanted, { range: { start: 512 * kB, end: undefined } }).catch(() => undefined)
    const whole = get(rig, wanted)
    if (body === right) assert.ok((await whole).equals(right))
    else await assert.rejects(whole, { code: 'DigestMismatch' })
    await end
    await rig.fetches.idle()
  })
}

test('a body that comes past the disk goes on over one connection, in order, when that broke', async (t) => {
  const body = bytesFor('long', 40 * kB * kB)
  const upstream = new FakeUpstream(() => ({ body, headers: { etag: '"1"' } }))
  upstream.behave = (count) => ({ headMs: 100, ...(count === 0 ? { breakAfter: kB * kB } : {}) })
  const rig = rigOf(t, upstream)
  rig.store.troubled = true
  assert.ok((await get(rig, wantedOf('a', body))).equals(body))
  assert.deepEqual(
    upstream.asked.map(({ range }) => range),
    [undefined, `bytes=${kB * kB}-${body.length - 1}`],
  )
})
