import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from './client.ts'
import { bytesFor, sha256 } from './origin.ts'
import { askAndRest, setUp, until } from './start.ts'

const deb = '/debian/pool/main/b/big/big_1.0_amd64.deb'

test('fifty clients at once cause one fetch and all get the same bytes', async (t) => {
  const body = bytesFor('big', 5_000_001)
  const { origin, cache } = await setUp(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length, etag: '"1"' })
    res.end(body)
  })
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(cache.port, deb)))
  assert.equal(origin.requests.length, 1)
  for (const answer of answers) {
    assert.equal(answer.status, 200)
    assert.equal(sha256(answer.body), sha256(body))
    assert.equal(answer.headers['content-length'], String(body.length))
  }
  const outcomes = answers.map((answer) => answer.headers['x-cache'])
  assert.equal(outcomes.filter((outcome) => outcome === 'miss').length, 1)
  assert.ok(outcomes.every((outcome) => outcome === 'miss' || outcome === 'joined' || outcome === 'hit'))
  // A client has its last byte before the cache has heard that it was sent.
  await until('all requests are over', () => cache.counters.inFlight === 0)
  assert.equal(cache.counters.upstreamBytes, body.length)
  assert.equal(cache.counters.servedBytes, 50 * body.length)

  await until('it is kept', () => cache.counters.fetching === 0)
  const later = await ask(cache.port, deb)
  assert.equal(later.headers['x-cache'], 'hit')
  assert.equal(sha256(later.body), sha256(body))
  assert.equal(origin.requests.length, 1)
})

test('a late joiner gets at once what has come, and the rest as it comes', async (t) => {
  const body = bytesFor('late', 3_000_000)
  const half = 1_700_000
  let release = () => {}
  const { origin, cache } = await setUp(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length })
    res.write(body.subarray(0, half))
    release = () => res.end(body.subarray(half))
  })
  const progress = [0, 0, 0]
  const watch = (index: number) => ({ onData: (soFar: number) => (progress[index] = soFar) })
  const first = ask(cache.port, deb, watch(0))
  await until('the first client has half', () => progress[0] === half)
  const second = ask(cache.port, deb, watch(1))
  const ranged = ask(cache.port, deb, { ...watch(2), headers: { range: `bytes=${half - 100}-${half + 99}` } })
  await until('the late ones have what there is', () => progress[1] === half && progress[2] === 100)
  release()
  const [one, two, three] = await Promise.all([first, second, ranged])
  assert.equal(sha256(one.body), sha256(body))
  assert.equal(sha256(two.body), sha256(body))
  assert.equal(two.headers['x-cache'], 'joined')
  assert.equal(three.status, 206)
  assert.deepEqual(three.body, body.subarray(half - 100, half + 100))
  assert.equal(origin.requests.length, 1)
})

test('clients that leave do not stop the fetch, not even all of them', async (t) => {
  const body = bytesFor('left', 2_000_000)
  let release = () => {}
  const { origin, cache } = await setUp(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length })
    res.write(body.subarray(0, 500_000))
    release = () => res.end(body.subarray(500_000))
  })
  const leaving = { onData: (_soFar: number, response: { destroy(): unknown }) => response.destroy() }
  const left = await Promise.all([ask(cache.port, deb, leaving), ask(cache.port, deb, leaving)])
  assert.ok(left.every((answer) => answer.broken))
  release()
  await until('it is kept', () => cache.counters.fetching === 0)
  const later = await ask(cache.port, deb)
  assert.equal(later.headers['x-cache'], 'hit')
  assert.equal(sha256(later.body), sha256(body))
  assert.equal(origin.requests.length, 1)
  await until('nobody is waited for', () => cache.counters.inFlight === 0)
})

test('a slow client holds up neither the fetch nor the others', async (t) => {
  const body = bytesFor('slow', 40_000_000)
  const { origin, cache } = await setUp(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length })
    res.end(body)
  })
  let resume = () => {}
  const slow = ask(cache.port, deb, {
    onData: (soFar, response) => {
      if (soFar > 100_000) return
      response.pause()
      resume = () => response.resume()
    },
  })
  const quick = await askAndRest(cache, deb)
  assert.equal(sha256(quick.body), sha256(body))
  await until('only the slow one is waited for', () => cache.counters.inFlight === 1)
  resume()
  assert.equal(sha256((await slow).body), sha256(body))
  assert.equal(origin.requests.length, 1)
})

test('many files at once: one fetch each, however many clients', async (t) => {
  const { origin, cache } = await setUp(t, (req, res) => res.end(bytesFor(req.url ?? '', 30_000)))
  const files = Array.from({ length: 20 }, (_, index) => `/pool/f${index}_1_all.deb`)
  const client = async () => {
    for (const file of files) {
      assert.equal(sha256((await ask(cache.port, file)).body), sha256(bytesFor(file, 30_000)))
    }
  }
  await Promise.all(Array.from({ length: 8 }, client))
  assert.equal(origin.requests.length, files.length)
  const { requests, hits, misses, joined } = cache.counters
  assert.deepEqual({ requests, misses }, { requests: 160, misses: 20 })
  assert.equal(hits + joined, 140)
})

test('an empty body, and one without a length, are kept like any other', async (t) => {
  const { origin, cache } = await setUp(t, (req, res) => {
    if (req.url?.includes('empty')) res.writeHead(200, { 'content-length': 0 })
    else res.write('some')
    res.end()
  })
  for (const [path, text] of [
    ['/empty_1_all.deb', ''],
    ['/chunked_1_all.deb', 'some'],
  ] as const) {
    const answers = await Promise.all([ask(cache.port, path), ask(cache.port, path)])
    for (const answer of [...answers, await askAndRest(cache, path)]) {
      assert.equal(answer.body.toString(), text)
      assert.equal(answer.broken, false)
    }
    assert.equal((await askAndRest(cache, path)).headers['content-length'], String(text.length))
  }
  assert.equal(origin.requests.length, 2)
})

test('answers that are not kept are still asked for once at a time', async (t) => {
  const held: (() => void)[] = []
  const { origin, cache } = await setUp(t, (_req, res) => {
    held.push(() => res.writeHead(404, { 'content-type': 'text/plain' }).end('no such file'))
  })
  const asking = Promise.all([ask(cache.port, deb), ask(cache.port, deb), ask(cache.port, deb)])
  await until('the origin is asked, and all wait', () => held.length === 1 && cache.counters.inFlight === 3)
  held[0]?.()
  for (const answer of await asking) {
    assert.equal(answer.status, 404)
    assert.equal(answer.body.toString(), 'no such file')
  }
  assert.equal(origin.requests.length, 1)
  const again = ask(cache.port, deb)
  await until('it is asked again', () => held.length === 2)
  held[1]?.()
  assert.equal((await again).status, 404)
})

test('what comes with credentials is shared with nobody', async (t) => {
  const { origin, cache } = await setUp(t, (req, res) => res.end(`for ${req.headers.authorization ?? 'all'}`))
  const personal = (who: string) => ask(cache.port, deb, { headers: { authorization: who } })
  const [alice, bob] = await Promise.all([personal('alice'), personal('bob')])
  assert.equal(alice.body.toString(), 'for alice')
  assert.equal(bob.body.toString(), 'for bob')
  assert.equal((await askAndRest(cache, deb)).body.toString(), 'for all')
  assert.equal((await personal('alice')).body.toString(), 'for alice')
  assert.equal(origin.requests.length, 4)
})

test('origins see plain requests that say who sent them', async (t) => {
  const { origin, cache } = await setUp(t, (_req, res) => res.end('x'))
  await askAndRest(cache, '/pool/x_1_all.deb?v=1', {
    headers: { 'x-evil': '1', connection: 'x-evil', 'user-agent': 'apt', te: 'trailers' },
  })
  const [seen] = origin.requests
  assert.equal(seen?.url, '/pool/x_1_all.deb?v=1')
  const { host, via, connection, ...rest } = seen?.headers ?? {}
  assert.equal(host, `mirror.lab:${origin.port}`)
  assert.match(via ?? '', /^1\.1 causeway-[0-9a-f]{12}$/)
  assert.equal(connection, 'keep-alive')
  assert.deepEqual(rest, { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'causeway-cache' })
})

test('HEAD of what is not kept asks for no body', async (t) => {
  const { origin, cache } = await setUp(t, (_req, res) => res.writeHead(200, { 'content-length': 9 }).end('123456789'))
  const head = await askAndRest(cache, deb, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '9', 0])
  assert.equal(origin.requests[0]?.method, 'HEAD')
  await askAndRest(cache, deb)
  const kept = await askAndRest(cache, deb, { method: 'HEAD' })
  assert.deepEqual([kept.headers['x-cache'], kept.headers['content-length'], kept.body.length], ['hit', '9', 0])
  assert.equal(origin.requests.length, 2)
})
