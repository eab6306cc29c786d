import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { askRaw } from '../client.ts'
import { askAndRest, scratchFolder, setUp, until } from '../start.ts'

test('the cache is not an open proxy', async (t) => {
  const { origin, cache } = await setUp(t, (_req, res) => res.end('x'))
  const refused: [string, string, string][] = [
    ['GET', '/x', 'evil.lab'],
    ['GET', '/x', `127.0.0.1:${cache.port}`],
    ['GET', 'http://evil.lab/x', 'evil.lab'],
    ['GET', `http://127.0.0.1:${origin.port}/x`, `127.0.0.1:${origin.port}`],
  ]
  for (const [method, path, host] of refused) {
    const answer = await askAndRest(cache, path, { method, headers: { host } })
    assert.equal(answer.status, 421, `${path} ${host}`)
    assert.match(answer.body.toString(), /is not one of the origins that this cache serves\n$/)
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
    const answer = await askAndRest(cache, '/x', { method })
    assert.deepEqual([answer.status, answer.headers['allow']], [405, 'GET, HEAD'])
  }
  assert.match(
    await askRaw(cache.port, `CONNECT mirror.lab:443 HTTP/1.1\r\nHost: mirror.lab:443\r\n\r\n`),
    /^HTTP\/1\.1 405 /,
  )
  assert.equal(origin.requests.length, 0)
  assert.equal(cache.counters.refused, 10)
})

/** Requests that two readers might understand differently, each followed by one that must not be looked at. */
const smuggled: Record<string, string> = {
  'no Host': 'GET /x HTTP/1.1\r\n\r\n',
  'two Hosts': 'GET /x HTTP/1.1\r\nHost: mirror.lab\r\nHost: evil.lab\r\n\r\n',
  'two Hosts, alike': 'GET /x HTTP/1.1\r\nHost: mirror.lab\r\nHost: mirror.lab\r\n\r\n',
  'a Host with a space': 'GET /x HTTP/1.1\r\nHost: mirror.lab evil.lab\r\n\r\n',
  'a Host on a folded line': 'GET /x HTTP/1.1\r\nHost:\r\n mirror.lab\r\n\r\n',
  'a space before the colon': 'GET /x HTTP/1.1\r\nHost : mirror.lab\r\n\r\n',
  'a target that contradicts Host': 'GET http://evil.lab/x HTTP/1.1\r\nHost: mirror.lab\r\n\r\n',
  'a target with a user': 'GET http://mirror.lab@evil.lab/x HTTP/1.1\r\nHost: mirror.lab\r\n\r\n',
  'a path that climbs': 'GET /../../etc/passwd HTTP/1.1\r\nHost: mirror.lab\r\n\r\n',
  'a path that climbs, hidden': 'GET /a/%2e%2e/%2e%2e/b HTTP/1.1\r\nHost: mirror.lab\r\n\r\n',
  'a body with both lengths':
    'GET /x HTTP/1.1\r\nHost: mirror.lab\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG',
  'a body with two lengths':
    'GET /x HTTP/1.1\r\nHost: mirror.lab\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nabcde',
  'a body in chunks': 'GET /x HTTP/1.1\r\nHost: mirror.lab\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a disguised encoding': 'GET /x HTTP/1.1\r\nHost: mirror.lab\r\nTransfer-Encoding: xchunked\r\n\r\n',
  'a body': 'GET /x HTTP/1.1\r\nHost: mirror.lab\r\nContent-Length: 3\r\n\r\nabc',
  'a negative length': 'GET /x HTTP/1.1\r\nHost: mirror.lab\r\nContent-Length: -1\r\n\r\n',
  'bare line feeds': 'GET /x HTTP/1.1\nHost: mirror.lab\n\n',
  'a control character': 'GET /x\u0001 HTTP/1.1\r\nHost: mirror.lab\r\n\r\n',
  'HTTP/0.9': 'GET /x\r\n\r\n',
  'another protocol': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
}

for (const [name, request] of Object.entries(smuggled)) {
  test(`refused, and nothing after it looked at: ${name}`, async (t) => {
    const { origin, cache } = await setUp(t, (_req, res) => res.end('x'))
    const said = await askRaw(
      cache.port,
      `${request}GET /next HTTP/1.1\r\nHost: mirror.lab\r\nConnection: close\r\n\r\n`,
    )
    assert.match(said, /^HTTP\/1\.1 4\d\d /)
    assert.equal(said.match(/^HTTP\/1\.1 /gm)?.length, 1)
    assert.equal(origin.requests.length, 0)
  })
}

test('requests one after another on one connection are answered in order', async (t) => {
  const { cache } = await setUp(t, (req, res) => res.end(`<${req.url}>`))
  const one = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: mirror.lab\r\n${more}\r\n`
  const said = await askRaw(
    cache.port,
    `${one('/a_1_all.deb')}${one('/b_1_all.deb')}${one('/a_1_all.deb', 'Connection: close\r\n')}`,
  )
  assert.deepEqual(said.match(/<.*?>/g), ['</a_1_all.deb>', '</b_1_all.deb>', '</a_1_all.deb>'])
})

test('the counters are there for this machine, whatever the Host, and every request leaves a line', async (t) => {
  const accessLog = join(await scratchFolder(t), 'log', 'access.log')
  const { cache } = await setUp(t, (_req, res) => res.end('12345'), { settings: { accessLog } })
  await askAndRest(cache, '/pool/x_1_all.deb')
  await askAndRest(cache, '/pool/x_1_all.deb')
  await askAndRest(cache, '/x', { headers: { host: 'evil.lab' } })
  await until('all requests are over', () => cache.counters.inFlight === 0)
  const stats = await askAndRest(cache, '/_causeway/stats', { headers: { host: 'whatever' } })
  assert.deepEqual(JSON.parse(stats.body.toString()), {
    requests: 3,
    hits: 1,
    misses: 1,
    joined: 0,
    revalidated: 0,
    stale: 0,
    absent: 0,
    refused: 1,
    failed: 0,
    upstreamRequests: 1,
    upstreamBytes: 5,
    servedBytes: 10,
    inFlight: 0,
    fetching: 0,
  })
  await cache.stop(0)
  const lines = (await readFile(accessLog, 'utf8')).trim().split('\n')
  const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    records.map(({ client, method, url, status, outcome, bytes }) => [client, method, url, status, outcome, bytes]),
    [
      ['127.0.0.1', 'GET', 'http://mirror.lab/pool/x_1_all.deb', 200, 'miss', 5],
      ['127.0.0.1', 'GET', 'http://mirror.lab/pool/x_1_all.deb', 200, 'hit', 5],
      ['127.0.0.1', 'GET', '/x', 421, 'refused', 0],
    ],
  )
  for (const { time, ms } of records) {
    assert.ok(!Number.isNaN(Date.parse(String(time))))
    assert.ok(typeof ms === 'number' && ms >= 0)
  }
})
