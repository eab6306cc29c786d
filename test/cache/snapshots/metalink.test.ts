import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { sha256 } from './fake-mirror.ts'
import { type Rig, startRig } from './rig.ts'

const root = '/rpm/repodata/'
const top = `${root}repomd.xml`

function index(version: number): string {
  return `${root}${sha256(`primary ${version}`)}-primary.xml`
}

function repomd(version: number): string {
  const href = index(version).replace('/rpm/', '')
  return `<?xml version="1.0"?><repomd><revision>${1_800_000_000 + version}</revision><data type="primary"><checksum type="sha256">${sha256(`primary ${version}`)}</checksum><location href="${href}"/><size>9</size></data></repomd>`
}

function publish({ mirror }: Rig, version: number): void {
  mirror.put(index(version), `primary ${version}`)
  mirror.put(top, repomd(version))
}

/** The client gets the metalink that vouches for a version. */
function gives(rig: Rig, version: number, client = 'a', host = 'mirror.lab'): void {
  const text = `<metalink><files><file name="repomd.xml"><verification><hash type="sha256">${sha256(repomd(version))}</hash></verification><resources><url>http://${host}${top}</url></resources></file></files></metalink>`
  rig.keeper.gaveMetalink(client, Buffer.from(text))
}

/** The first version is in use, the next at the mirror. */
async function between(t: Parameters<typeof startRig>[0], settings: Record<string, unknown> = {}): Promise<Rig> {
  const rig = await startRig(t, { settings })
  publish(rig, 1)
  await rig.get(top, 'a')
  await rig.get(index(1), 'a')
  rig.advance(60_000)
  publish(rig, 2)
  return rig
}

test('who got a metalink gets what it vouches for, however slow the origin; others what is in use', async (t) => {
  const rig = await between(t)
  const answer = Promise.withResolvers<void>()
  rig.mirror.before = (path) => (path === top ? answer.promise : undefined)
  gives(rig, 2)
  const waiting = rig.get(top, 'a')
  // Nobody else has so much patience.
  rig.impatient = true
  assert.deepEqual(await rig.get(top, 'b'), { body: repomd(1), outcome: 'stale' })
  answer.resolve()
  assert.equal((await waiting).body, repomd(2))
  assert.equal((await rig.get(index(2), 'a')).body, 'primary 2')
})

test('a question that was on its way before the metalink came is asked again, with as much patience', async (t) => {
  const rig = await between(t)
  publish(rig, 1)
  rig.impatient = true
  const answers = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const asked = answers.map(() => Promise.withResolvers<void>())
  let times = 0
  rig.mirror.before = (path) => {
    if (path !== top) return
    times += 1
    asked[times - 1]?.resolve()
    return answers[times - 1]?.promise
  }
  const early = rig.get(top, 'b')
  await asked[0]?.promise
  gives(rig, 2)
  const waiting = rig.get(top, 'a')
  assert.equal((await early).outcome, 'stale')
  answers[0]?.resolve()
  await asked[1]?.promise
  publish(rig, 2)
  // A client without a promise asks again, too, but waits no longer than clients do.
  assert.equal((await rig.get(top, 'b')).outcome, 'stale')
  answers[1]?.resolve()
  assert.equal((await waiting).body, repomd(2))
})

test('it is given also while it is not complete, and completed for who has it', async (t) => {
  const rig = await between(t)
  rig.mirror.files.delete(index(2))
  gives(rig, 2)
  assert.equal((await rig.get(top, 'a')).body, repomd(2))
  assert.deepEqual(await rig.get(top, 'b'), { body: repomd(1), outcome: 'stale' })
  let times = 0
  rig.mirror.before = (path) => {
    times += path === index(2) ? 1 : 0
    if (times === 2) rig.mirror.put(index(2), 'primary 2')
  }
  assert.equal((await rig.get(index(2), 'a')).body, 'primary 2')
  rig.restart()
  assert.equal((await rig.get(index(2), 'a')).body, 'primary 2')
  rig.advance(6_000)
  assert.equal((await rig.get(top, 'b')).body, repomd(2))
})

test('an older one that is kept is given without asking anybody', async (t) => {
  const rig = await between(t)
  gives(rig, 1, 'a')
  rig.advance(1_000)
  assert.equal((await rig.get(top, 'b')).body, repomd(2))
  const before = rig.mirror.asked.length
  assert.deepEqual(await rig.get(top, 'a'), { body: repomd(1), outcome: 'hit' })
  assert.equal(rig.mirror.asked.length, before)
  // A promise is not for ever.
  rig.advance(121_000)
  assert.equal((await rig.get(top, 'a')).body, repomd(2))
})

test('an older one is not forgotten as long as a client may come with its metalink', async (t) => {
  const rig = await between(t)
  rig.advance(13 * 60_000)
  gives(rig, 1, 'late')
  await rig.get(top, 'b')
  rig.advance(90_000)
  await rig.get(top, 'b')
  await setImmediate()
  assert.equal((await rig.get(top, 'late')).body, repomd(1))
})

test('what the origin does not have, what belongs to others, and what is no metalink change nothing', async (t) => {
  const rig = await between(t, { clusters: { blue: { clients: ['10.1.0.0/16'] } } })
  await rig.keeper.pin('blue')
  gives(rig, 2, '10.1.0.1')
  assert.equal((await rig.get(top, '10.1.0.1')).body, repomd(1), 'pinned')
  gives(rig, 3, 'a')
  assert.equal((await rig.get(top, 'a')).body, repomd(2), 'the origin has no such version')
  gives(rig, 1, 'c', 'elsewhere.lab')
  assert.equal((await rig.get(top, 'c')).body, repomd(2), 'of another host')
  rig.keeper.gaveMetalink('d', Buffer.from('<html>'))
  assert.equal((await rig.get(top, 'd')).body, repomd(2))
  gives(rig, 3, 'a')
  rig.mirror.away = 'refuses'
  assert.deepEqual(await rig.get(top, 'a'), { body: repomd(2), outcome: 'stale' })
})
