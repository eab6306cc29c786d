import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import * as fc from 'fast-check'
import { readPlainRequest } from '../../../src/cache/door/plain-request.ts'
import { atEnd } from '../cleanup.ts'
import { ask, askRaw } from '../client.ts'
import { bytesFor } from '../origin.ts'
import { askAndRest, setUp, until } from '../start.ts'

const one = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: mirror.lab\r\n${more}\r\n`
const plain = one('/x_1_all.deb', 'User-Agent: Debian APT-HTTP/1.3 (2.6.1) non-interactive\r\n')

test('what apt asks with is plain; whatever could mean something else is not', () => {
  assert.deepEqual(readPlainRequest(plain), {
    target: '/x_1_all.deb',
    rawHeaders: ['Host', 'mirror.lab', 'User-Agent', 'Debian APT-HTTP/1.3 (2.6.1) non-interactive'],
  })
  assert.ok(readPlainRequest(one('/x', 'Connection: Keep-Alive\r\nAccept: */*\r\nAccept-Encoding: gzip, br\r\n')))
  const others = [
    plain.slice(0, -1),
    `${plain}x`,
    plain.replace('GET', 'HEAD'),
    plain.replace('/x_1', 'http://mirror.lab/x_1'),
    plain.replace('1.1', '1.0'),
    plain.replace('Host:', 'Host :'),
    plain.replace('\r\nHost', '\nHost'),
    plain.replace('mirror.lab', 'mirror.lab\u0000'),
    plain.replace('User-Agent', ' User-Agent'),
    one('/x y'),
    one('/x', 'Range: bytes=0-1\r\n'),
    one('/x', 'If-None-Match: *\r\n'),
    one('/x', 'Connection: close\r\n'),
    one('/x', 'Content-Length: 0\r\n'),
    one('/x', 'Transfer-Encoding: chunked\r\n'),
    one('/x', 'Cache-Control: no-cache\r\n'),
    one('/x', 'Authorization: x\r\n'),
    one('/x', 'Cookie: x\r\n'),
    one('/x', 'Expect: 100-continue\r\n'),
    one('/x', 'Upgrade: h2c\r\n'),
    one('/x', 'Via: 1.1 x\r\n'),
  ]
  for (const text of others) assert.equal(readPlainRequest(text), undefined, JSON.stringify(text))
})

/** What Node's own HTTP server makes of some bytes: the requests in them, or that there is something wrong. */
async function asNodeReads(t: TestContext) {
  let seen: IncomingMessage[] = []
  const server = createServer({ requireHostHeader: false }, (req, res) => {
    seen.push(req)
    res.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => server.close())
  return async (text: string) => {
    seen = []
    const { port } = server.address() as { port: number }
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.end(text, 'latin1').resume()
    await once(socket, 'close')
    return seen
  }
}

test('what is taken for plain is one request to a real parser too, and the same one', async (t) => {
  const read = await asNodeReads(t)
  const piece = fc.oneof(
    fc.constantFrom(
      '\r\n',
      '\n',
      '\r',
      ' ',
      ':',
      '\t',
      '\u0000',
      'Host: evil',
      'Accept: a',
      'Accept:b',
      'Connection: keep-alive',
    ),
    fc.constantFrom('Content-Length: 3', 'GET / HTTP/1.1', '\r\nAccept: x', '\r\nAccept-Language: d e '),
    fc.string({ unit: 'binary', maxLength: 4 }),
  )
  const text = fc
    .tuple(fc.nat(plain.length), fc.array(piece, { maxLength: 3 }), fc.nat(3))
    .map(([at, pieces, gone]) => plain.slice(0, at) + pieces.join('') + plain.slice(at + gone))
  let taken = 0
  await fc.assert(
    fc.asyncProperty(text, async (bytes) => {
      const found = readPlainRequest(bytes)
      if (!found) return
      taken += 1
      const seen = await read(bytes)
      assert.equal(seen.length, 1)
      assert.deepEqual([seen[0]?.url, seen[0]?.rawHeaders], [found.target, found.rawHeaders])
    }),
    { numRuns: 3000 },
  )
  assert.ok(taken > 100, `${taken} were plain`)
})

test('a small file is the same from the fast lane and from the server behind it', async (t) => {
  const body = bytesFor('small', 20_000)
  const { origin, cache } = await setUp(t, (_req, res) =>
    res.writeHead(200, { etag: '"1"', 'content-type': 'x/y', 'set-cookie': 'a=1' }).end(body),
  )
  await askAndRest(cache, '/x_1_all.deb')
  const slow = await ask(cache.port, '/x_1_all.deb', { headers: { 'x-other': 'slow' } })
  const said = Buffer.from(await askRaw(cache.port, plain + one('/x_1_all.deb', 'Connection: close\r\n')), 'latin1')
  const headEnd = said.indexOf('\r\n\r\n')
  const fields = said.toString('latin1', 0, headEnd).split('\r\n').slice(1)
  const fast = Object.fromEntries(fields.map((field) => field.split(/: (.*)/s)))
  const { connection: _, 'keep-alive': __, age: ___, ...expected } = slow.headers
  const { age, ...rest } = fast
  assert.deepEqual(rest, expected)
  assert.match(String(age), /^\d+$/)
  assert.ok(said.subarray(headEnd + 4, headEnd + 4 + body.length).equals(body))
  assert.deepEqual([origin.requests.length, cache.counters.requests, cache.counters.hits], [1, 4, 3])
})

test('requests sent ahead are answered in order, plain ones and others', async (t) => {
  const { cache } = await setUp(t, (req, res) => res.end(`<${req.url}>`))
  for (const name of ['a', 'b']) await askAndRest(cache, `/${name}_1_all.deb`)
  const paths = ['/a_1_all.deb', '/b_1_all.deb', '/c_1_all.deb', '/a_1_all.deb', '/b_1_all.deb']
  const requests = paths.map((path, at) => one(path, at === 4 ? 'Connection: close\r\n' : ''))
  const said = await askRaw(cache.port, requests.join(''))
  assert.deepEqual(
    said.match(/<.*?>/g),
    paths.map((path) => `<${path}>`),
  )
})

test('an index and a stranger are not for the fast lane', async (t) => {
  const { origin, cache } = await setUp(t, (_req, res) => res.writeHead(200, { etag: '"1"' }).end('text'))
  const index = '/debian/dists/bookworm/extra/list'
  await askAndRest(cache, index)
  await askAndRest(cache, index)
  assert.equal(origin.requests.length, 2, 'an index is asked about')
  assert.match(await askRaw(cache.port, plain.replace('mirror.lab', 'evil.lab')), /^HTTP\/1\.1 421 /)
})

test('who asks again and again without taking anything does not fill the memory', async (t) => {
  const { cache } = await setUp(t, (_req, res) => res.end(bytesFor('small', 60_000)))
  await askAndRest(cache, '/x_1_all.deb')
  const socket = connect({ port: cache.port, host: '127.0.0.1', noDelay: true })
  socket.pause().on('error', () => {})
  atEnd(t, () => socket.destroy())
  // One at a time, so that each comes whole and none is for the server behind only because it came in two pieces.
  for (let sent = 0; sent < 1500; sent += 1) {
    socket.write(plain)
    await new Promise(setImmediate)
    await new Promise(setImmediate)
  }
  // All of them would be 90 MB of answers, ten times what the kernel holds for a connection.
  await until('what can be sent is sent', () => cache.counters.inFlight <= 1)
  assert.ok(cache.counters.servedBytes < 45e6, `${cache.counters.servedBytes} bytes`)
})

test('stopping closes connections that wait in the fast lane', async (t) => {
  const { cache } = await setUp(t, (_req, res) => res.end('x'))
  await askAndRest(cache, '/x_1_all.deb')
  const socket = connect(cache.port, '127.0.0.1')
  socket.write(plain)
  await once(socket, 'data')
  const closed = once(socket, 'close')
  await cache.stop(60_000)
  await closed
  await until('nothing is left', () => cache.counters.inFlight === 0)
})
