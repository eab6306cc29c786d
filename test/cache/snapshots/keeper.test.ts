import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CausewayError } from '../../../src/base/errors.ts'
import { debian } from '../../../src/cache/formats/debian.ts'
import { releaseOf, sha256 } from './fake-mirror.ts'
import { type Rig, startRig } from './rig.ts'

const suite = '/debian/dists/lab/'
const top = `${suite}InRelease`
const packages = `${suite}main/binary-amd64/Packages`
const sources = `${suite}main/source/Sources`

/** Indexes of a version, by their name below the suite. */
function indexes(version: number): Record<string, string> {
  return { 'main/binary-amd64/Packages': `packages ${version}`, 'main/source/Sources': `sources ${version}` }
}

/** Puts a version on the mirror: the indexes, then the top index. */
function publish({ mirror }: Rig, version: number, options?: { byHash?: boolean }): void {
  for (const [name, body] of Object.entries(indexes(version))) {
    mirror.put(suite + name, body)
    if (options?.byHash) mirror.put(suite + name.replace(/[^/]+$/, `by-hash/SHA256/${sha256(body)}`), body)
  }
  mirror.put(top, release(version, options))
}

function release(version: number, options?: { byHash?: boolean }): string {
  return releaseOf(indexes(version), Date.UTC(2029, 0, version), options)
}

function code(expected: string) {
  return (error: unknown) => error instanceof CausewayError && error.code === expected
}

const mirrorIsAway = (rig: Rig) => {
  rig.mirror.away = 'refuses'
}

test('the top index is asked about each time, and its siblings only when it has changed', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  rig.advance(60_000)
  assert.deepEqual(await rig.get(top), { body: release(1), outcome: 'miss' })
  assert.deepEqual(await rig.get(packages), { body: 'packages 1', outcome: 'miss' })
  assert.deepEqual(await rig.get(top, 'b'), { body: release(1), outcome: 'revalidated' })
  assert.deepEqual(await rig.get(packages, 'b'), { body: 'packages 1', outcome: 'hit' })
  assert.deepEqual(rig.mirror.asked, [top, packages, `304 ${top}`])
  // The other index is brought as any file is, and counted there.
  assert.equal(rig.traffic.origins.get('mirror.lab')?.upstreamBytes, release(1).length)
})

test('a client goes on with the version that it began with, another begins with the next', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  await rig.get(top, 'early')
  await rig.get(packages, 'early')
  rig.advance(60_000)
  publish(rig, 2)
  assert.deepEqual(await rig.get(top, 'late'), { body: release(2), outcome: 'miss' })
  assert.deepEqual(await rig.get(packages, 'early'), { body: 'packages 1', outcome: 'hit' })
  assert.deepEqual(await rig.get(packages, 'late'), { body: 'packages 2', outcome: 'hit' })
  // One that comes without a top index gets what is in use.
  assert.deepEqual((await rig.get(packages, 'other')).body, 'packages 2')
  rig.advance(16 * 60_000)
  assert.deepEqual((await rig.get(packages, 'early')).body, 'packages 2')
})

test('the next version is used only when all that clients asked for of this one is there', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  await rig.get(top)
  await rig.get(packages)
  await rig.get(sources)
  rig.advance(60_000)
  rig.mirror.put(top, release(2))
  assert.deepEqual(await rig.get(top), { body: release(1), outcome: 'stale' })
  assert.equal(rig.events.counts.get('IndexIncomplete'), 1)
  rig.mirror.put(packages, 'packages 2')
  rig.mirror.put(sources, 'sources 2')
  // It is not tried again at once, which each client would have to wait for.
  assert.equal((await rig.get(top)).outcome, 'stale')
  rig.advance(6_000)
  assert.deepEqual(await rig.get(top), { body: release(2), outcome: 'miss' })
  assert.equal((await rig.get(sources)).body, 'sources 2')
})

test('a sibling that never fits is refused with words, and the client may begin anew', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  await rig.get(top)
  publish(rig, 2)
  await assert.rejects(rig.get(packages), (error: CausewayError) => /ask for .*InRelease again/.test(error.message))
  assert.equal((await rig.get(top)).body, release(2))
  assert.equal((await rig.get(packages)).body, 'packages 2')
})

test('a mirror that is being changed is waited for', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  rig.mirror.put(packages, 'packages 0')
  await rig.get(top)
  let times = 0
  rig.mirror.before = (path) => {
    if (path !== packages) return
    times += 1
    if (times === 2) rig.mirror.put(packages, 'packages 1')
  }
  assert.deepEqual(await rig.get(packages), { body: 'packages 1', outcome: 'miss' })
})

test('one without a top index gets a sibling of the newer version when the older one is gone', async (t) => {
  const rig = await startRig(t, { settings: { indexes: { fresh: '10m' } } })
  publish(rig, 1)
  await rig.get(top, 'a')
  publish(rig, 2)
  assert.equal((await rig.get(packages, 'b')).body, 'packages 2')
})

test('what a version names by its digest is asked for by that, and found by it', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1, { byHash: true })
  await rig.get(top, 'early')
  publish(rig, 2, { byHash: true })
  assert.equal((await rig.get(packages, 'early')).body, 'packages 1')
  const named = (version: number) => `${suite}main/binary-amd64/by-hash/SHA256/${sha256(`packages ${version}`)}`
  assert.deepEqual(await rig.get(named(1), 'anybody'), { body: 'packages 1', outcome: 'hit' })
  await rig.get(top, 'late')
  assert.deepEqual(await rig.get(named(2), 'early'), { body: 'packages 2', outcome: 'hit' })
  assert.equal((await rig.get(named(3), 'early')).outcome, 'undefined')
  // Caches of other sites get what is kept under such a name, and only that.
  assert.equal(rig.keeper.kept(rig.origin, named(1))?.expected?.digest, sha256('packages 1'))
  assert.equal(rig.keeper.kept(rig.origin, named(3)), undefined)
  assert.equal(rig.keeper.kept(rig.origin, packages), undefined)
})

test('where there is only Release, it counts; where both are, they are of one moment', async (t) => {
  const rig = await startRig(t)
  const text = `${suite}Release`
  const signature = `${suite}Release.gpg`
  publish(rig, 1)
  rig.mirror.put(text, release(1))
  rig.mirror.put(signature, 'signature 1')
  assert.equal((await rig.get(text)).body, release(1))
  assert.equal((await rig.get(signature)).body, 'signature 1')
  rig.mirror.put(text, release(2))
  rig.mirror.put(signature, 'signature 2')
  // The mirror hasn't changed InRelease yet.
  rig.advance(60_000)
  assert.equal((await rig.get(text)).body, release(1))
  assert.equal((await rig.get(signature)).body, 'signature 1')
  publish(rig, 2)
  assert.equal((await rig.get(text)).body, release(2))
  assert.equal((await rig.get(signature)).body, 'signature 2')
  rig.mirror.files.delete(top)
  const other = await startRig(t)
  other.mirror.put(text, release(1))
  other.mirror.put(packages, 'packages 1')
  other.mirror.put(signature, 'signature 1')
  assert.equal((await other.get(text)).body, release(1))
  assert.equal((await other.get(packages)).body, 'packages 1')
  other.mirror.put(signature, 'signature 2')
  other.mirror.put(text, release(2))
  await assert.rejects(other.get(signature), code('DigestMismatch'))
})

test('without a word from the origin the version in use is served, marked, whole', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  await rig.get(top)
  await rig.get(packages)
  mirrorIsAway(rig)
  assert.deepEqual(await rig.get(top, 'b'), { body: release(1), outcome: 'stale' })
  assert.deepEqual(await rig.get(packages, 'b'), { body: 'packages 1', outcome: 'hit' })
  assert.deepEqual(await rig.get(packages, 'c'), { body: 'packages 1', outcome: 'stale' })
  await assert.rejects(rig.get(sources), code('OriginUnreachable'))
  rig.mirror.away = 'hangs'
  rig.impatient = true
  assert.deepEqual(await rig.get(top, 'b'), { body: release(1), outcome: 'stale' })
})

test('nothing kept and no word from the origin is an error; so is a suite that is not there', async (t) => {
  const rig = await startRig(t)
  await assert.rejects(rig.get(top), code('NotFound'))
  mirrorIsAway(rig)
  await assert.rejects(rig.get(top), code('OriginUnreachable'))
  assert.equal((await rig.get('/debian/pool/x_1_all.deb')).outcome, 'undefined')
})

test('within its freshness a top index is served without asking', async (t) => {
  const rig = await startRig(t, { settings: { indexes: { fresh: '1m' } } })
  publish(rig, 1)
  await rig.get(top)
  publish(rig, 2)
  assert.deepEqual(await rig.get(top), { body: release(1), outcome: 'hit' })
  rig.advance(61_000)
  assert.deepEqual(await rig.get(top), { body: release(2), outcome: 'miss' })
})

test('nodes for whom packages were brought get that version for five minutes, without a question', async (t) => {
  const rig = await startRig(t)
  const lab = debian.suiteOf(top)
  assert.ok(lab)
  publish(rig, 1)
  rig.advance(60_000)
  await rig.get(top)
  await rig.keeper.current(rig.origin, lab, { toCome: true })
  publish(rig, 2)
  rig.advance(4 * 60_000)
  const before = rig.mirror.asked.length
  assert.deepEqual(await rig.get(top, 'b'), { body: release(1), outcome: 'hit' })
  assert.equal((await rig.keeper.current(rig.origin, lab)).id, sha256(release(1)))
  assert.equal(rig.mirror.asked.length, before)
  // Whoever brings anew looks anew.
  assert.equal((await rig.keeper.current(rig.origin, lab, { toCome: true })).id, sha256(release(2)))
  assert.equal((await rig.get(top, 'b')).body, release(2))
  publish(rig, 3)
  rig.advance(5 * 60_000)
  assert.equal((await rig.get(top, 'b')).body, release(3))
})

test('for nodes to come the origin has more time; what it did not confirm is asked for again', async (t) => {
  const rig = await startRig(t)
  const lab = debian.suiteOf(top)
  assert.ok(lab)
  publish(rig, 1)
  await rig.get(top)
  publish(rig, 2)
  const slow = Promise.withResolvers<void>()
  rig.mirror.before = () => slow.promise
  rig.impatient = true
  const warming = rig.keeper.current(rig.origin, lab, { toCome: true })
  assert.equal((await rig.get(top)).outcome, 'stale')
  slow.resolve()
  assert.equal((await warming).id, sha256(release(2)))
  rig.advance(10 * 60_000)
  mirrorIsAway(rig)
  await rig.keeper.current(rig.origin, lab, { toCome: true })
  assert.equal((await rig.get(top)).outcome, 'stale')
})

test('an older version than the one in use is not taken, until it stays', async (t) => {
  const rig = await startRig(t)
  publish(rig, 2)
  await rig.get(top)
  publish(rig, 1)
  assert.deepEqual(await rig.get(top), { body: release(2), outcome: 'stale' })
  rig.advance(61 * 60_000)
  assert.deepEqual(await rig.get(top), { body: release(1), outcome: 'miss' })
})

test('a pinned cluster sees what was in use then, its neighbours what is', async (t) => {
  const rig = await startRig(t, { settings: { clusters: { blue: { clients: ['10.1.0.0/16'] } } } })
  publish(rig, 1)
  await rig.get(top)
  await rig.get(packages)
  assert.deepEqual((await rig.keeper.pin('blue')).length, 1)
  publish(rig, 2)
  rig.advance(60_000)
  assert.equal((await rig.get(top, '10.2.0.1')).body, release(2))
  assert.equal((await rig.get(top, '::ffff:10.1.0.1')).body, release(1))
  rig.advance(24 * 60 * 60_000)
  // Two looks: the first forgets what nobody sees.
  for (let round = 0; round < 2; round += 1) {
    assert.equal((await rig.get(packages, '10.1.0.1')).body, 'packages 1')
    rig.restart()
  }
  const listed = await rig.keeper.list()
  assert.deepEqual(
    listed.map(({ inUse, pinnedBy }) => ({ inUse, pinnedBy })).toSorted((a, b) => Number(a.inUse) - Number(b.inUse)),
    [
      { inUse: false, pinnedBy: ['blue'] },
      { inUse: true, pinnedBy: [] },
    ],
  )
  rig.keeper.unpin('blue')
  assert.equal((await rig.get(top, '10.1.0.1')).body, release(2))
  await assert.rejects(rig.keeper.pin('green'), code('InvalidRequest'))
})

test('a suite that a pinned cluster sees for the first time is pinned then', async (t) => {
  const rig = await startRig(t, { settings: { clusters: { blue: { clients: ['10.1.0.0/16'] } } } })
  await rig.keeper.pin('blue')
  publish(rig, 1)
  await rig.get(top, '10.1.0.1')
  await rig.get(packages, '10.1.0.1')
  publish(rig, 2)
  rig.restart()
  assert.equal((await rig.get(top, '10.1.0.2')).body, release(1))
  assert.equal((await rig.get(packages, '10.1.0.2')).body, 'packages 1')
  assert.equal((await rig.get(top, '10.2.0.1')).body, release(2))
})

test('what a pinned cluster will want is as it stays, for others as it is; nobody else may be there', async (t) => {
  const clusters = { blue: { clients: ['10.1.0.0/16'] }, green: { clients: ['10.2.0.0/16'] } }
  const rig = await startRig(t, { settings: { clusters } })
  const lab = debian.suiteOf(top)
  assert.ok(lab)
  publish(rig, 1)
  await rig.get(top)
  await rig.keeper.pin('blue')
  publish(rig, 2)
  const idOf = async (cluster?: string) => (await rig.keeper.current(rig.origin, lab, { cluster })).id
  assert.deepEqual([await idOf('blue'), await idOf()], [sha256(release(1)), sha256(release(2))])
  assert.deepEqual(rig.keeper.viewers(), ['blue', undefined])
  assert.deepEqual(
    ['10.1.0.1', '10.2.0.1'].map((client) => rig.keeper.viewerOf(client)),
    ['blue', undefined],
  )
  await rig.keeper.pin('green')
  assert.deepEqual(rig.keeper.viewers(), ['blue', 'green'])
  rig.keeper.unpin('blue')
  rig.keeper.unpin('green')
  assert.deepEqual(rig.keeper.viewers(), [undefined])
})

test('a pinned cluster that lost what it stayed with stays with what there is then', async (t) => {
  const rig = await startRig(t, { settings: { clusters: { blue: { clients: ['10.1.0.0/16'] } } } })
  publish(rig, 1)
  await rig.get(top)
  await rig.keeper.pin('blue')
  for (const { key } of rig.store.list({})) await rig.store.remove(key)
  publish(rig, 2)
  assert.equal((await rig.get(top, '10.1.0.1')).body, release(2))
  publish(rig, 3)
  assert.equal((await rig.get(top, '10.2.0.1')).body, release(3))
  assert.equal((await rig.get(top, '10.1.0.2')).body, release(2))
})

test('a restart changes nothing for anybody', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  await rig.get(top, 'early')
  await rig.get(packages, 'early')
  publish(rig, 2)
  await rig.get(top, 'late')
  mirrorIsAway(rig)
  rig.restart()
  assert.deepEqual(await rig.get(packages, 'early'), { body: 'packages 1', outcome: 'hit' })
  assert.deepEqual(await rig.get(packages, 'late'), { body: 'packages 2', outcome: 'hit' })
  assert.deepEqual(await rig.get(top, 'other'), { body: release(2), outcome: 'stale' })
})

test('a version that is not kept any more is fetched anew', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  await rig.get(top)
  await rig.get(packages)
  for (const { key } of rig.store.list({})) await rig.store.remove(key)
  assert.deepEqual(await rig.get(packages), { body: 'packages 1', outcome: 'miss' })
  assert.deepEqual(await rig.get(top), { body: release(1), outcome: 'miss' })
})

test('versions that nobody sees any more are forgotten, with what only they had', async (t) => {
  const rig = await startRig(t)
  for (let version = 1; version <= 4; version += 1) {
    publish(rig, version)
    await rig.get(top)
    await rig.get(packages)
    rig.advance(16 * 60_000)
  }
  await rig.get(top)
  rig.advance(2 * 60_000)
  await rig.get(top)
  await rig.learner.idle
  assert.deepEqual(
    rig.store
      .list({})
      .map(({ key }) => key.replace(/#.*/, ''))
      .toSorted(),
    [`http://mirror.lab${top}`, `http://mirror.lab${packages}`].toSorted(),
  )
  assert.equal((await rig.keeper.list()).length, 1)
  assert.deepEqual(
    rig.retained.at(-1)?.map(({ sha256 }) => sha256),
    [sha256('packages 4')],
  )
  // What is in use is not evicted.
  assert.deepEqual(
    rig.store.list({}).filter(({ pins }) => pins.length === 0),
    [],
  )
})

test('package indexes are learned once they are there, and again with each version', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  await rig.get(top)
  await rig.get(packages)
  await rig.get(packages)
  publish(rig, 2)
  await rig.get(top)
  await rig.learner.idle
  assert.deepEqual(
    rig.learned.map(({ file, sha256 }) => ({ file, sha256 })),
    [1, 2].map((version) => ({ file: packages, sha256: sha256(`packages ${version}`) })),
  )
})

test('only what the keyring vouches for is taken', async (t) => {
  const rig = await startRig(t, {
    origin: { keyring: '/keys' },
    verify: (_keyring, signed) => {
      const text = signed.toString()
      if (!text.startsWith('signed\n')) throw new CausewayError('BadSignature', 'not signed')
      return Promise.resolve(Buffer.from(text.replace('signed\n', '')))
    },
  })
  publish(rig, 1)
  await assert.rejects(rig.get(top), code('BadSignature'))
  rig.mirror.put(top, `signed\n${release(1)}`)
  assert.equal((await rig.get(top)).body, `signed\n${release(1)}`)
  publish(rig, 2)
  assert.deepEqual(await rig.get(top), { body: `signed\n${release(1)}`, outcome: 'stale' })
  await rig.get(top)
  assert.equal(rig.events.counts.get('BadSignature'), 1)
})

test('what no index lists is nothing of a snapshot', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  await rig.get(top)
  assert.equal((await rig.get(`${suite}contrib/binary-amd64/Packages`)).outcome, 'undefined')
})

test('what the index lists and the origin never has is not there; it holds up no later version for ever', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  rig.mirror.files.delete(sources)
  rig.advance(60_000)
  await rig.get(top)
  await assert.rejects(rig.get(sources), code('NotFound'))
  const before = rig.mirror.asked.length
  await assert.rejects(rig.get(sources), code('NotFound'))
  assert.equal(rig.mirror.asked.length, before)
  publish(rig, 2)
  rig.mirror.files.delete(sources)
  assert.equal((await rig.get(top)).outcome, 'stale')
  rig.advance(61 * 60_000)
  assert.deepEqual(await rig.get(top), { body: release(2), outcome: 'miss' })
})

test('what was missing a moment ago is asked for again when the clock was set back', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  const file = rig.mirror.files.get(sources) ?? assert.fail('it is there')
  rig.mirror.files.delete(sources)
  rig.advance(60_000)
  await rig.get(top)
  await assert.rejects(rig.get(sources), code('NotFound'))
  rig.mirror.files.set(sources, file)
  rig.advance(-50_000)
  assert.equal((await rig.get(sources)).body, file.body.toString())
})

test('two versions of one second are told apart by those who compare by date', async (t) => {
  const rig = await startRig(t)
  publish(rig, 1)
  const dateOf = async () => {
    const answer = await rig.keeper.answer(rig.origin, top, 'a')
    const stored = await rig.store.find(answer?.wanted.key ?? '')
    return stored?.headers['last-modified']
  }
  assert.equal(await dateOf(), new Date(Date.UTC(2030, 0, 1)).toUTCString())
  publish(rig, 2)
  assert.equal(await dateOf(), undefined)
  rig.advance(5_000)
  publish(rig, 3)
  assert.equal(await dateOf(), new Date(Date.UTC(2030, 0, 1, 0, 0, 5)).toUTCString())
})
