import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Patience } from '../../../src/cache/door/patience.ts'
import { ask } from '../client.ts'
import { askAndRest, setUp, until } from '../start.ts'

/** A clock whose sleepers wake when the test says. */
function steppedClock() {
  const sleepers: { ms: number; wake: () => void }[] = []
  const sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((wake) => {
      sleepers.push({ ms, wake })
      signal?.addEventListener('abort', () => wake())
    })
  return { sleepers, clock: { now: () => 0, sleep } }
}

test('an answer that comes in time is the answer, one that is late is none, for all who wait alike', async () => {
  const { sleepers, clock } = steppedClock()
  const patience = new Patience(700, clock)
  assert.equal(await patience.wait(Promise.resolve('quick')), 'quick')
  const answer = Promise.withResolvers<string>()
  const waiting = [patience.wait(answer.promise), patience.wait(answer.promise)]
  assert.deepEqual(
    sleepers.map(({ ms }) => ms),
    [700, 700],
    'one timer for each answer',
  )
  sleepers[1]?.wake()
  assert.deepEqual(await Promise.all(waiting), [undefined, undefined])
  assert.equal(await patience.wait(answer.promise), undefined, 'who comes later does not wait anew')
  answer.resolve('late')
  await assert.rejects(patience.wait(Promise.reject(new Error('away'))), /away/)
})

const index = '/debian/dists/bookworm/extra/list'

test('an index whose origin is silent is served as it is kept, and brought up to date all the same', async (t) => {
  const held: (() => void)[] = []
  let version = 1
  const { cache } = await setUp(
    t,
    (_req, res) => {
      const answer = () => res.writeHead(200, { etag: `"${version}"` }).end(`index ${version}`)
      if (version === 1) answer()
      else held.push(answer)
    },
    { settings: { indexes: { patience: '50ms' } } },
  )
  await askAndRest(cache, index)
  version = 2
  const outcomes: unknown[] = []
  for (let round = 0; round < 3; round += 1) {
    const { headers, body } = await ask(cache.port, index)
    outcomes.push([headers['x-cache'], body.toString(), /^\d+$/.test(headers['age'] ?? '')])
  }
  assert.deepEqual(
    outcomes,
    Array.from({ length: 3 }, () => ['stale', 'index 1', true]),
  )
  assert.equal(held.length, 1, 'one question for all of them')
  for (const answer of held.splice(0)) answer()
  await until('the new one is kept', () => cache.counters.fetching === 0)
  const asking = ask(cache.port, index)
  await until('the origin is asked again', () => held.length === 1)
  for (const answer of held.splice(0)) answer()
  assert.equal((await asking).body.toString(), 'index 2')
})

test('a file that may not be served stale is waited for, and an error when its origin is away', async (t) => {
  const { origin, cache } = await setUp(t, (_req, res) =>
    res.writeHead(200, { etag: '"1"', 'cache-control': 'max-age=0, must-revalidate' }).end('text'),
  )
  await askAndRest(cache, '/status.json')
  await origin.close()
  const away = await askAndRest(cache, '/status.json')
  assert.equal(away.status, 504)
  assert.match(away.body.toString(), /^causeway cache: mirror\.lab can not be reached/)
})

test('an index is not asked about again within the time that the admin said, unless a client insists', async (t) => {
  const { origin, cache } = await setUp(
    t,
    (req, res) => {
      if (req.headers['if-none-match']) res.writeHead(304).end()
      else res.writeHead(200, { etag: '"1"' }).end('index')
    },
    { settings: { indexes: { fresh: '1h' } } },
  )
  const outcome = async (headers: Record<string, string> = {}) =>
    (await askAndRest(cache, index, { headers })).headers['x-cache']
  assert.equal(await outcome(), 'miss')
  assert.equal(await outcome(), 'hit')
  assert.equal(await outcome({ 'cache-control': 'max-age=0' }), 'hit')
  assert.equal(await outcome({ 'cache-control': 'no-cache' }), 'revalidated')
  assert.equal(origin.requests.length, 2)
})

test('who wants only what is kept gets that, or is told at once that it is not', async (t) => {
  const { origin, cache } = await setUp(t, (_req, res) => res.end('x'))
  const only = (path: string) => ask(cache.port, path, { headers: { 'cache-control': 'only-if-cached' } })
  const missing = await only('/pool/x_1_all.deb')
  assert.equal(missing.status, 504)
  assert.match(missing.body.toString(), /only what is kept/)
  assert.equal(origin.requests.length, 0)
  await askAndRest(cache, '/pool/x_1_all.deb')
  assert.equal((await only('/pool/x_1_all.deb')).headers['x-cache'], 'hit')
  await askAndRest(cache, index)
  assert.equal((await only(index)).status, 504, 'an index that would have to be asked about')
  const { absent, failed } = cache.counters
  assert.deepEqual({ absent, failed }, { absent: 2, failed: 0 }, 'that is no failure')
})
