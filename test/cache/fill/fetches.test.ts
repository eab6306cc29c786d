import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesFor } from '../origin.ts'
import { until } from '../start.ts'
import { FakeUpstream } from './fake-upstream.ts'
import { get, readAll, rigOf, wantedOf } from './rig.ts'

const MB = 1024 * 1024

/** Lets the event loop turn: what is under way goes on as far as it can by itself. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

function oneFile(name: string, length: number, etag = '"1"') {
  const body = bytesFor(name, length)
  return { body, upstream: new FakeUpstream(() => ({ body, headers: { etag } })) }
}

test('the whole comes in one request, for any number of readers, and is kept', async (t) => {
  const { body, upstream } = oneFile('a', 3 * MB + 7)
  const rig = rigOf(t, upstream)
  const got = await Promise.all(Array.from({ length: 10 }, () => get(rig, wantedOf('a'))))
  for (const each of got) assert.ok(each.equals(body))
  await rig.fetches.idle()
  assert.equal(upstream.asked.length, 1)
  assert.equal(upstream.bytes, body.length)
  assert.ok((await get(rig, wantedOf('a'))).equals(body))
  assert.equal(upstream.asked.length, 1)
  assert.deepEqual(rig.counters.fetching, 0)
})

test('a range of an unknown file is all that is fetched', async (t) => {
  const { body, upstream } = oneFile('a', 50 * MB)
  const rig = rigOf(t, upstream)
  const part = await get(rig, wantedOf('a'), { range: { start: 41_943_040, end: 41_944_064 } })
  assert.ok(part.equals(body.subarray(41_943_040, 41_944_064)))
  await rig.fetches.idle()
  assert.equal(upstream.asked[0]?.range, 'bytes=41943040-42205183')
  assert.equal(upstream.bytes, 256 * 1024)
  const last = await get(rig, wantedOf('a'), { range: { last: 1000 } })
  assert.ok(last.equals(body.subarray(-1000)))
  const open = await get(rig, wantedOf('a'), { range: { start: 50 * MB - 300_000, end: undefined } })
  assert.ok(open.equals(body.subarray(50 * MB - 300_000)))
  assert.equal(upstream.bytes, 256 * 1024 + 512 * 1024)
})

test('what is there of an earlier life is not asked for again', async (t) => {
  const { body, upstream } = oneFile('a', 5 * MB)
  const rig = rigOf(t, upstream)
  await get(rig, wantedOf('a'), { range: { start: MB, end: 2 * MB } })
  await rig.fetches.idle()
  assert.equal(upstream.bytes, MB)
  assert.ok(
    (await get(rig, wantedOf('a'), { range: { start: MB + 5, end: MB + 9 } })).equals(body.subarray(MB + 5, MB + 9)),
  )
  assert.equal(upstream.asked.length, 1, 'it is a package, and what is wanted is there')
  assert.ok((await get(rig, wantedOf('a'))).equals(body))
  await rig.fetches.idle()
  assert.equal(upstream.bytes, 5 * MB)
  assert.deepEqual(
    upstream.asked.slice(1).map(({ range, ifRange }) => [range, ifRange]),
    [
      ['bytes=0-1048575', '"1"'],
      ['bytes=2097152-5242879', '"1"'],
    ],
  )
})

test('what is there of an earlier life is gone on with at a place that names the same file otherwise', async (t) => {
  const body = bytesFor('a', 5 * MB)
  const upstream = new FakeUpstream(() => ({ body, headers: { etag: '"1"' } }))
  const rig = rigOf(t, upstream)
  const wanted = wantedOf('a', body)
  await get(rig, wanted, { range: { start: MB, end: 2 * MB } })
  await rig.fetches.idle()
  upstream.file = () => ({ body, headers: { etag: '"2"' } })
  // What is missing before that part and after it, of which each is asked for by itself.
  assert.ok((await get(rig, wanted)).equals(body))
  assert.equal(upstream.bytes, body.length)
})

test('ranges that overlap are fetched once', async (t) => {
  const { body, upstream } = oneFile('a', 8 * MB)
  const rig = rigOf(t, upstream)
  const ranges = [
    { start: 0, end: 3 * MB },
    { start: MB, end: 4 * MB },
    { start: 2 * MB + 17, end: 5 * MB - 3 },
  ]
  const got = await Promise.all(ranges.map((range) => get(rig, wantedOf('a'), { range })))
  for (const [index, { start, end }] of ranges.entries()) assert.ok(got[index]?.equals(body.subarray(start, end)))
  await rig.fetches.idle()
  assert.equal(upstream.bytes, 5 * MB)
})

test('a connection that breaks again and again is taken up where it broke', async (t) => {
  const { body, upstream } = oneFile('a', 6 * MB + 1)
  upstream.behave = (count) => (count < 20 ? { breakAfter: 300_000 } : {})
  const rig = rigOf(t, upstream)
  assert.ok((await get(rig, wantedOf('a'))).equals(body))
  await rig.fetches.idle()
  assert.equal(upstream.bytes, body.length)
  assert.equal(upstream.asked[1]?.range, `bytes=300000-${body.length - 1}`)
  assert.equal(upstream.asked[1]?.ifRange, '"1"')
})

test('an origin that brings nothing any more is given up, and what came is there for the next time', async (t) => {
  const { body, upstream } = oneFile('a', 2 * MB)
  upstream.behave = (count) => (count === 0 ? { breakAfter: MB } : { away: true })
  const rig = rigOf(t, upstream)
  await assert.rejects(get(rig, wantedOf('a')), { code: 'TransferBroken' })
  await rig.fetches.idle()
  upstream.behave = () => ({})
  assert.ok((await get(rig, wantedOf('a'))).equals(body))
  assert.equal(upstream.bytes, body.length)
})

test('a file that changes while it comes is never mixed', async (t) => {
  const old = bytesFor('old', 2 * MB)
  const fresh = bytesFor('new', 2 * MB)
  let changed = false
  const upstream = new FakeUpstream(() =>
    changed ? { body: fresh, headers: { etag: '"2"' } } : { body: old, headers: { etag: '"1"' } },
  )
  upstream.behave = (count) => {
    changed = count > 0
    return count === 0 ? { breakAfter: MB } : {}
  }
  const rig = rigOf(t, upstream)
  await assert.rejects(get(rig, wantedOf('a')), { code: 'TransferBroken' })
  assert.ok((await get(rig, wantedOf('a'))).equals(fresh))
  await rig.fetches.idle()
  assert.ok((await get(rig, wantedOf('a'))).equals(fresh))
})

test('a body that is not what its index says is not given out whole, and another place is tried', async (t) => {
  const right = bytesFor('right', MB)
  const wrong = bytesFor('wrong', MB)
  const upstream = new FakeUpstream(
    (_, place) => ({ body: place === 'http://bad' ? wrong : right, headers: { etag: '"1"' } }),
    ['http://bad', 'http://good'],
  )
  const rig = rigOf(t, upstream)
  const wanted = wantedOf('a', right)
  const given = await rig.fetches.join(wanted).answer
  assert.equal(given.kind, 'arriving')
  if (given.kind !== 'arriving') return
  let furthest = 0
  const checked = Promise.withResolvers<void>()
  rig.store.trouble.committing = checked.promise
  const reader = given.fill.read()
  const reading = (async () => {
    const into = Buffer.alloc(100_000)
    for (;;) furthest += await reader.read(into, furthest)
  })()
  reading.catch(() => {})
  await until('all but the end was read', () => furthest >= MB - 64 * 1024)
  await turns(20)
  assert.equal(furthest, MB - 64 * 1024)
  checked.resolve()
  await assert.rejects(reading, { code: 'DigestMismatch' })
  reader.close()
  assert.ok(furthest < MB)
  assert.ok((await get(rig, wanted)).equals(right))
  await rig.fetches.idle()
  assert.deepEqual(
    upstream.asked.map(({ place }) => place),
    ['http://bad', 'http://good'],
  )
})

test('a part of a file that only its digest identifies comes from one place', async (t) => {
  const right = bytesFor('right', 8 * MB)
  const upstream = new FakeUpstream(
    (_, place) => ({ body: place === 'http://bad' ? bytesFor('wrong', 8 * MB) : right, headers: {} }),
    ['http://bad', 'http://good'],
  )
  upstream.behave = (_count, _ask, place) => (place === 'http://bad' ? { breakAfter: MB } : {})
  const rig = rigOf(t, upstream)
  await assert.rejects(get(rig, wantedOf('a', right), { range: { start: 0, end: 4 * MB } }), { code: 'TransferBroken' })
})

test('a part of such a file that goes on at another place waits for the digest of all', async (t) => {
  const right = bytesFor('right', 8 * MB)
  const upstream = new FakeUpstream(
    (_, place) => ({ body: place === 'http://bad' ? bytesFor('wrong', 8 * MB) : right, headers: {} }),
    ['http://bad', 'http://good'],
  )
  upstream.behave = (_count, _ask, place) => (place === 'http://bad' ? { breakAfter: MB } : {})
  const rig = rigOf(t, upstream)
  const wanted = wantedOf('a', right)
  const whole = get(rig, wanted)
  const part = get(rig, wanted, { range: { start: MB / 2, end: 2 * MB } })
  await Promise.all([assert.rejects(whole, { code: 'DigestMismatch' }), assert.rejects(part)])
  assert.ok((await get(rig, wanted)).equals(right))
})

for (const how of ['given up', 'killed'] as const) {
  test(`what came from two places, and was ${how} before its digest was known, is not shown in parts afterwards`, async (t) => {
    const bodies = { 'http://one': bytesFor('right', 8 * MB), 'http://two': bytesFor('other', 8 * MB) }
    const right = bodies['http://one']
    const places = Object.keys(bodies) as (keyof typeof bodies)[]
    const upstream = new FakeUpstream((_, place) => {
      const body = bodies[place as keyof typeof bodies]
      return { body, headers: { etag: `"${place}"` } }
    }, places)
    const stopped = Promise.withResolvers<void>()
    let fromTwo = 0
    upstream.behave = (_count, _ask, place) => {
      if (place === 'http://one') return { breakAfter: upstream.asked.length === 1 ? 2 * MB : 0 }
      fromTwo += 1
      if (fromTwo === 2 && how === 'killed') stopped.resolve()
      return fromTwo === 1 ? { breakAfter: 2 * MB } : { away: true }
    }
    const wanted = wantedOf('a', right)
    const rig = rigOf(t, upstream)
    const broken = assert.rejects(get(rig, wanted))
    if (how === 'killed') await stopped.promise.then(() => rig.store.crash())
    await broken
    await rig.fetches.stop()
    assert.ok(fromTwo > 0)

    upstream.behave = () => ({})
    const heir = rigOf(t, upstream, undefined, rig.store)
    const range = { start: MB, end: 3 * MB }
    const part = await get(heir, wanted, { range }).catch(() => undefined)
    assert.ok(part === undefined || part.equals(right.subarray(MB, 3 * MB)), 'a part of the right body, or none')
    await until('nothing is on its way', () => heir.counters.fetching === 0)
    assert.ok((await get(heir, wanted)).equals(right))
  })
}

test('what came from two places, and all of it, is not shown in parts before its digest was looked at', async (t) => {
  const [right, other] = [bytesFor('right', 2 * MB), bytesFor('other', 2 * MB)]
  const upstream = new FakeUpstream(() => ({ body: right, headers: { etag: '"1"' } }))
  const rig = rigOf(t, upstream)
  const wanted = wantedOf('a', right)
  const headers = { etag: '"1"' }
  const { key, expected } = wanted
  const left = await rig.store.begin({ key, status: 200, headers, length: right.length, expected })
  await left.write(right.subarray(0, MB), 0)
  await left.mix()
  await left.write(other.subarray(MB), MB)
  await left.suspend()
  await left.close()
  const looked = Promise.withResolvers<void>()
  rig.store.trouble.committing = looked.promise
  const shown = assert.rejects(get(rig, wanted, { range: { start: MB, end: MB + 10 } }), { code: 'DigestMismatch' })
  await turns(50)
  looked.resolve()
  await shown
  await rig.fetches.idle()
  assert.ok((await get(rig, wanted)).equals(right))
})

test('a length that the index contradicts is not even begun', async (t) => {
  const right = bytesFor('right', MB)
  const upstream = new FakeUpstream(
    (_, place) => ({ body: place === 'http://bad' ? right.subarray(5) : right, headers: {} }),
    ['http://bad', 'http://good'],
  )
  const rig = rigOf(t, upstream)
  assert.ok((await get(rig, wantedOf('a', right))).equals(right))
})

test('a packed body, and a part that was not asked for, count as no answer', async (t) => {
  const body = bytesFor('a', 1000)
  for (const wrong of [{ headers: { 'content-encoding': 'gzip' } }, { status: 206 }]) {
    const upstream = new FakeUpstream(() => ({ body, headers: {} }), ['http://bad', 'http://good'])
    upstream.behave = (_, __, place) => (place === 'http://bad' ? wrong : {})
    const rig = rigOf(t, upstream)
    assert.ok((await get(rig, wantedOf('a'))).equals(body))
    const alone = new FakeUpstream(() => ({ body, headers: {} }))
    alone.behave = () => wrong
    await assert.rejects(get(rigOf(t, alone), wantedOf('a')), { code: 'TransferBroken' })
  }
})

test('other content under a name that never changes is told', async (t) => {
  let body = bytesFor('one', 1000)
  const upstream = new FakeUpstream(() => ({ body, headers: {} }))
  const rig = rigOf(t, upstream)
  const wanted = wantedOf('a')
  await get(rig, wanted)
  await rig.fetches.idle()
  await rig.store.remove(wanted.key)
  await get(rig, wanted)
  await rig.fetches.idle()
  assert.deepEqual(rig.events, [])
  await rig.store.remove(wanted.key)
  body = bytesFor('two', 1000)
  assert.ok((await get(rig, wanted)).equals(body))
  await rig.fetches.idle()
  assert.deepEqual(rig.events, [`ContentChanged ${wanted.key}`])
})

for (const verified of [false, true]) {
  for (const [operation, after] of [
    ['begin', 0],
    ['write', 0],
    ['write', 9],
    ['commit', 0],
  ] as const) {
    test(`a disk that fails at ${operation} ${after} (${verified ? 'digest known' : 'no digest'}): readers get it all the same`, async (t) => {
      const { body, upstream } = oneFile('a', 5 * MB + 3)
      const rig = rigOf(t, upstream)
      let count = 0
      rig.store.trouble.before = (now) => {
        if (now === operation && (count += 1) > after) throw new Error('ENOSPC')
      }
      const wanted = wantedOf('a', verified ? body : undefined)
      const given = await Promise.all(Array.from({ length: 4 }, () => rig.fetches.join(wanted).answer))
      const got = await Promise.all(
        given.map((answer) => (answer.kind === 'arriving' ? readAll(answer.fill) : Promise.resolve(undefined))),
      )
      for (const each of got) assert.ok(each?.equals(body))
      await rig.fetches.idle()
      assert.equal(await rig.store.find(wanted.key), undefined)
    })
  }
}

test('while the store is in trouble nothing is asked of it', async (t) => {
  const { body, upstream } = oneFile('a', 5 * MB)
  const rig = rigOf(t, upstream)
  rig.store.troubled = true
  rig.store.trouble.before = () => assert.fail('the store was asked')
  const got = await Promise.all([get(rig, wantedOf('a')), get(rig, wantedOf('a', body))])
  for (const each of got) assert.ok(each.equals(body))
})

test('a body passed through waits for its readers, and ends when they have left', async (t) => {
  const { upstream } = oneFile('a', 50 * MB)
  const rig = rigOf(t, upstream)
  rig.store.troubled = true
  const given = await rig.fetches.join(wantedOf('a')).answer
  assert.equal(given.kind, 'arriving')
  if (given.kind !== 'arriving') return
  const reader = given.fill.read()
  await reader.read(Buffer.alloc(1000), 0)
  await turns(1_500)
  assert.ok(upstream.bytes < 4 * MB, `${upstream.bytes}`)
  reader.close()
  await given.fill.finished
  assert.ok(upstream.bytes < 4 * MB, `${upstream.bytes}`)
})

test('an endless body is broken off', async (t) => {
  const { upstream } = oneFile('a', 10 * MB)
  upstream.behave = () => ({ chunked: true })
  const rig = rigOf(t, upstream, { ...(await import('./rig.ts')).quick, unannouncedBytes: MB })
  await assert.rejects(get(rig, wantedOf('a')), { code: 'TransferBroken' })
  assert.ok(upstream.bytes < 2 * MB)
})

test('a reader that waits far ahead of the transfer gets its part first', async (t) => {
  const { body, upstream } = oneFile('a', 20 * MB)
  upstream.behave = () => ({ step: 20_000 })
  const rig = rigOf(t, upstream)
  const whole = get(rig, wantedOf('a'))
  const given = await rig.fetches.join(wantedOf('a')).answer
  assert.ok(given.kind === 'arriving')
  const part = await get(rig, wantedOf('a'), { range: { start: 19 * MB, end: 19 * MB + 10 } })
  assert.ok(part.equals(body.subarray(19 * MB, 19 * MB + 10)))
  assert.ok((await whole).equals(body))
})

test('a long way: several connections from the beginning, and each byte comes once but for what is cut off', async (t) => {
  const { body, upstream } = oneFile('a', 40 * MB)
  upstream.behave = () => ({ headMs: 100 })
  const rig = rigOf(t, upstream)
  assert.ok((await get(rig, wantedOf('a', body))).equals(body))
  await rig.fetches.idle()
  const [first, ...ranges] = upstream.asked
  assert.equal(first?.range, undefined)
  assert.ok(ranges.length >= 4, `${ranges.length} ranges`)
  assert.ok(upstream.bytes < body.length + ranges.length * 200_000, `${upstream.bytes} bytes`)
})
