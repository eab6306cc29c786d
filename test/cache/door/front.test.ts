import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type FrontDeps, openFront } from '../../../src/cache/door/front.ts'
import { atEnd } from '../cleanup.ts'
import { askRaw } from '../client.ts'
import { setUp, until } from '../start.ts'

/** A front whose every answer is `ok`. */
async function front(t: TestContext, deps: Partial<FrontDeps> = {}): Promise<number> {
  const server = openFront({ answer: (_req, res) => res.end('ok'), connect: (_req, client) => client.end(), ...deps })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const get = 'GET / HTTP/1.1\r\nHost: x\r\n'

test('what is no request is refused in plain words', async (t) => {
  const port = await front(t)
  assert.match(await askRaw(port, 'HELO there\r\n\r\n'), /^HTTP\/1\.1 400 [^]*causeway cache: this is no request/)
  const large = await askRaw(port, `${get}X-Filler: ${'x'.repeat(20_000)}\r\n\r\n`)
  assert.match(large, /^HTTP\/1\.1 431 [^]*causeway cache: a request's head may have 16384 bytes/)
})

test('nonsense after a request does not get into its answer', async (t) => {
  const port = await front(t)
  const said = await askRaw(port, `${get}\r\nHELO there\r\n\r\n`)
  assert.equal(said.match(/HTTP\/1\.1 /g)?.length ?? 0, said.includes('\r\n\r\nok') ? 1 : said === '' ? 0 : 1)
})

test('who waits to be told to go on gets the answer instead, and the one before it is not torn', async (t) => {
  const later = Promise.withResolvers<void>()
  const port = await front(t, {
    answer: (req, res) => {
      if (req.url === '/late') return void later.promise.then(() => res.end(Buffer.from('late')))
      res.end(Buffer.from('ok'))
      later.resolve()
    },
  })
  const said = await askRaw(port, `GET /late HTTP/1.1\r\nHost: x\r\n\r\n${get}Expect: 100-continue\r\n\r\n`)
  assert.match(said, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nlateHTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok$/)
  assert.doesNotMatch(said, / 100 /)
})

test('a head with very many fields is still read to its end', async (t) => {
  const fields: number[] = []
  const port = await front(t, {
    answer: (req, res) => {
      fields.push(req.rawHeaders.length / 2)
      res.end('ok')
    },
  })
  await askRaw(port, `${get}${'a:\r\n'.repeat(2500)}Connection: close\r\n\r\n`)
  assert.deepEqual(fields, [2502])
})

test('a head that comes too slowly is given up, as is a connection on which nothing comes', async (t) => {
  const port = await front(t, { headMs: 100 })
  assert.match(await askRaw(port, get), /^HTTP\/1\.1 408 /)
  assert.match(await askRaw(port, ''), /^(HTTP\/1\.1 408 |$)/)
})

test('who takes nothing of an answer is cut off', async (t) => {
  const closed = Promise.withResolvers<void>()
  const port = await front(t, {
    idleMs: 200,
    answer: (_req, res) => {
      res.on('close', closed.resolve)
      res.writeHead(200, { 'content-length': 100_000_000 })
      res.write(Buffer.alloc(50_000_000))
    },
  })
  const socket = connect(port, '127.0.0.1').pause()
  atEnd(t, () => socket.destroy())
  socket.on('error', () => {})
  socket.write(`${get}\r\n`)
  await closed.promise
})

test('connections past the limit are told so, and those that are there go on', async (t) => {
  const port = await front(t, { mostConnections: 2 })
  const open = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')] as const
  atEnd(t, () => open.map((socket) => socket.destroy()))
  await Promise.all(open.map((socket) => once(socket, 'connect')))
  assert.equal(await answerOn(open[0]), true)
  assert.match(await askRaw(port, ''), /^HTTP\/1\.1 503 [^]*too many connections/)
  assert.equal(await answerOn(open[1]), true)
  open[0].destroy()
  await once(open[0], 'close')
  const again = () => askRaw(port, `${get}Connection: close\r\n\r\n`)
  await until('there is room again', async () => (await again()).startsWith('HTTP/1.1 200 '))
})

test('who is refused a tunnel and keeps its end open loses the connection all the same', async (t) => {
  const { cache } = await setUp(t, (_req, res) => res.end('x'))
  const socket = connect({ port: cache.port, host: '127.0.0.1', allowHalfOpen: true })
  atEnd(t, () => socket.destroy())
  socket.on('error', () => {}).resume()
  socket.write('CONNECT mirror.lab:443 HTTP/1.1\r\nHost: mirror.lab:443\r\n\r\n')
  await once(socket, 'end')
  // The cache doesn't read what comes after it has closed: writing to it is answered with a reset.
  await until('the cache has closed', () => {
    socket.write('x')
    return socket.destroyed
  })
})

async function answerOn(socket: Socket): Promise<boolean> {
  socket.write(`${get}\r\n`)
  const [said] = (await once(socket, 'data')) as [Buffer]
  return said.toString().startsWith('HTTP/1.1 200 ')
}

test('CONNECT leads to where the configuration says, and nowhere else', async (t) => {
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket))
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  atEnd(t, () => echo.close())
  const place = `127.0.0.1:${(echo.address() as AddressInfo).port}`
  const { cache } = await setUp(t, (_req, res) => res.end('x'), { settings: { connect: [place, '127.0.0.1:1'] } })
  const socket = connect(cache.port, '127.0.0.1')
  atEnd(t, () => socket.destroy())
  socket.write(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n\r\n`)
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 Connection Established\r\n\r\n$/)
  socket.write('through')
  assert.equal(String((await once(socket, 'data'))[0]), 'through')
  const away = await askRaw(cache.port, 'CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n')
  assert.match(away, /^HTTP\/1\.1 504 [^]*can not be reached/)
  const other = await askRaw(cache.port, `CONNECT mirror.lab:80 HTTP/1.1\r\nHost: mirror.lab:80\r\n\r\n`)
  assert.match(other, /^HTTP\/1\.1 403 [^]*is not among the places/)
  // Stopping ends the tunnel, or this would take for ever.
  await cache.stop(0)
  await until('the tunnel is over', () => cache.counters.inFlight === 0)
})
