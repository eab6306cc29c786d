import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from './client.ts'
import { askAndRest, setUp, until } from './start.ts'

const index = '/debian/dists/bookworm/InRelease'

test('an index is asked about each time, and its body fetched only when it changed', async (t) => {
  let version = 1
  const { origin, cache } = await setUp(t, (req, res) => {
    const etag = `"v${version}"`
    if (req.headers['if-none-match'] === etag) res.writeHead(304, { etag }).end()
    else res.writeHead(200, { etag }).end(`index ${version}`)
  })
  const outcomeAndBody = async () => {
    const answer = await askAndRest(cache, index)
    return [answer.status, answer.headers['x-cache'], answer.body.toString()]
  }
  assert.deepEqual(await outcomeAndBody(), [200, 'miss', 'index 1'])
  assert.deepEqual(await outcomeAndBody(), [200, 'revalidated', 'index 1'])
  version = 2
  assert.deepEqual(await outcomeAndBody(), [200, 'miss', 'index 2'])
  assert.deepEqual(await outcomeAndBody(), [200, 'revalidated', 'index 2'])
  assert.equal(origin.requests.length, 4)
  assert.equal(cache.counters.upstreamBytes, 2 * 'index 1'.length)
})

test('the date is a validator too, and a client that is up to date is told so', async (t) => {
  const modified = 'Mon, 01 Jan 2024 00:00:00 GMT'
  const { origin, cache } = await setUp(t, (req, res) => {
    if (req.headers['if-modified-since'] === modified) res.writeHead(304).end()
    else res.writeHead(200, { 'last-modified': modified }).end('index')
  })
  await askAndRest(cache, index)
  const answer = await askAndRest(cache, index, { headers: { 'if-modified-since': modified } })
  assert.deepEqual([answer.status, answer.body.length, answer.headers['x-cache']], [304, 0, 'revalidated'])
  assert.equal(origin.requests.length, 2)
})

test('those who ask about an index at the same time ask once', async (t) => {
  const held: (() => void)[] = []
  const { origin, cache } = await setUp(t, (req, res) => {
    if (req.headers['if-none-match']) held.push(() => res.writeHead(304).end())
    else res.writeHead(200, { etag: '"1"' }).end('index')
  })
  await askAndRest(cache, index)
  const asking = Promise.all(Array.from({ length: 20 }, () => ask(cache.port, index)))
  await until('all wait for one answer', () => held.length === 1 && cache.counters.inFlight === 20)
  held[0]?.()
  const outcomes = (await asking).map((answer) => answer.headers['x-cache'])
  assert.equal(outcomes.filter((outcome) => outcome === 'revalidated').length, 1)
  assert.equal(outcomes.filter((outcome) => outcome === 'joined').length, 19)
  assert.equal(origin.requests.length, 2)
})

test('an index is served stale, and marked, while its origin is away or in trouble', async (t) => {
  let trouble = false
  const { origin, cache } = await setUp(t, (_req, res) => {
    if (trouble) res.writeHead(503).end('busy')
    else res.writeHead(200, { etag: '"1"' }).end('index')
  })
  await askAndRest(cache, index)
  trouble = true
  const troubled = await askAndRest(cache, index)
  assert.deepEqual([troubled.status, troubled.headers['x-cache'], troubled.body.toString()], [200, 'stale', 'index'])
  await origin.close()
  const away = await askAndRest(cache, index)
  assert.deepEqual([away.status, away.headers['x-cache'], away.body.toString()], [200, 'stale', 'index'])
  trouble = false
  await origin.reopen()
  // The origin sends it whole, and it is what it was.
  assert.equal((await askAndRest(cache, index)).headers['x-cache'], 'revalidated')
  assert.equal(cache.counters.stale, 2)
})

test('an index that is gone at its origin is gone here, also when the origin goes away afterwards', async (t) => {
  let gone = false
  const { origin, cache } = await setUp(t, (_req, res) => res.writeHead(gone ? 404 : 200).end('text'))
  await askAndRest(cache, index)
  gone = true
  assert.equal((await askAndRest(cache, index)).status, 404)
  await origin.close()
  assert.equal((await askAndRest(cache, index)).status, 504)
})

test('other files live as long as their origin said, and age meanwhile', async (t) => {
  let now = 1_700_000_000_000
  const { origin, cache } = await setUp(
    t,
    (req, res) => {
      if (req.headers['if-none-match']) res.writeHead(304).end()
      else res.writeHead(200, { etag: '"1"', 'cache-control': 'max-age=60' }).end('text')
    },
    { now: () => now },
  )
  const outcomeAndAge = async () => {
    const { headers } = await askAndRest(cache, '/keys/archive.asc')
    return [headers['x-cache'], headers['age']]
  }
  assert.deepEqual(await outcomeAndAge(), ['miss', '0'])
  now += 59_000
  assert.deepEqual(await outcomeAndAge(), ['hit', '59'])
  now += 2_000
  assert.deepEqual(await outcomeAndAge(), ['revalidated', '0'])
  now += 59_000
  assert.deepEqual(await outcomeAndAge(), ['hit', '59'])
  assert.equal(origin.requests.length, 2)
})

test('a client that insists has the origin asked also about what is fresh', async (t) => {
  let version = 1
  const { origin, cache } = await setUp(t, (req, res) => {
    const headers = { etag: `"${version}"`, 'cache-control': 'max-age=3600' }
    if (req.headers['if-none-match'] === headers.etag) res.writeHead(304, headers).end()
    else res.writeHead(200, headers).end(`text ${version}`)
  })
  const outcomeAndBody = async (headers = {}) => {
    const answer = await askAndRest(cache, '/keys/archive.asc', { headers })
    return [answer.headers['x-cache'], answer.body.toString()]
  }
  const insisting = { 'cache-control': 'no-cache' }
  assert.deepEqual(await outcomeAndBody(), ['miss', 'text 1'])
  assert.deepEqual(await outcomeAndBody(insisting), ['revalidated', 'text 1'])
  version = 2
  assert.deepEqual(await outcomeAndBody(), ['hit', 'text 1'])
  assert.deepEqual(await outcomeAndBody(insisting), ['miss', 'text 2'])
  assert.deepEqual(await outcomeAndBody(), ['hit', 'text 2'])
  assert.equal(origin.requests.length, 3)
})

test('what its origin wants to be kept by nobody is not kept', async (t) => {
  const { origin, cache } = await setUp(t, (_req, res) => res.writeHead(200, { 'cache-control': 'no-store' }).end('x'))
  await askAndRest(cache, '/pool/x_1_all.deb')
  await askAndRest(cache, '/pool/x_1_all.deb')
  assert.equal(origin.requests.length, 2)
})
