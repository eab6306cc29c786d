import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { Connector } from '../../../src/cache/upstream/connector.ts'
import { openTunnel } from '../../../src/cache/upstream/tunnel.ts'
import { atEnd } from '../cleanup.ts'
import { bodyOf, serve, startRig, textOf } from './rig.ts'

const loopback = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }])
const deb = '/pool/a_1_all.deb'

test('a name that leads inside is refused, and no connection is made', async (t) => {
  const origin = await serve(t, (_req, res) => res.end('inner secret'))
  const { ask, events } = startRig(t, { 'mirror.lab': { port: origin.port } }, { lookup: loopback })
  await assert.rejects(ask(deb), { code: 'TargetRefused', message: /mirror\.lab is at 127\.0\.0\.1/ })
  assert.equal(origin.requests.length, 0)
  assert.deepEqual(events.last, [])
})

test('unless the configuration says so', async (t) => {
  const origin = await serve(t, (_req, res) => res.end('meant'))
  const open = startRig(t, { 'mirror.lab': { port: origin.port, private: true } }, { lookup: loopback })
  assert.equal(await textOf(await open.ask(deb)), 'meant')
  const named = startRig(t, { 'mirror.lab': { port: origin.port, address: '127.0.0.1' } })
  assert.equal(await textOf(await named.ask(deb)), 'meant')
})

test('an address that nobody wrote down is not asked', async (t) => {
  const { names } = startRig(t, { 'mirror.lab': {} }).upstream
  const endpoint = { scheme: 'http', host: '127.0.0.1', address: '127.0.0.1', port: 9, private: false } as const
  await assert.rejects(new Connector(endpoint, { names, clock: systemClock }).connect(), { code: 'TargetRefused' })
})

test('a name that leads inside later is refused then, for new connections and mirrors alike', async (t) => {
  const origin = await serve(t, (_req, res) => res.end('inner'))
  const { ask } = startRig(
    t,
    { 'mirror.lab': { port: origin.port, mirrors: [`http://evil.lab:${origin.port}`] } },
    { lookup: loopback },
  )
  await assert.rejects(ask(deb), { code: 'TargetRefused', message: /mirror\.lab is at .*; .*evil\.lab is at/ })
  assert.equal(origin.requests.length, 0)
})

test('redirects are followed where they may be, with the name that they give and without the credentials', async (t) => {
  const target = await serve(t, (req, res) => res.end(`${req.headers.host} ${req.headers.authorization ?? 'nobody'}`))
  const origin = await serve(t, (req, res) => {
    const there = req.url === '/away' ? `http://other.lab:${target.port}/x` : '/here'
    if (req.url === '/here') res.end(req.headers.authorization ?? 'nobody')
    else res.writeHead(302, { location: there }).end('moved')
  })
  const { ask } = startRig(t, {
    'mirror.lab': { address: '127.0.0.1', port: origin.port },
    'other.lab': { address: '127.0.0.1', port: target.port },
  })
  const headers = { authorization: 'Basic secret', range: 'bytes=0-', 'x-more': 'no' }
  const away = await ask('/away', { headers })
  assert.equal(await textOf(away), `other.lab:${target.port} nobody`)
  assert.equal(away.place, `http://mirror.lab:${origin.port}`)
  assert.equal(target.requests[0]?.headers.range, 'bytes=0-')
  assert.equal(target.requests[0]?.headers['x-more'], undefined)
  assert.equal(await textOf(await ask('/near', { headers })), 'Basic secret')
})

test('redirects in circles, without end, to inside and to strangers are refused', async (t) => {
  const origin = await serve(t, (req, res) => {
    const [, kind, number = '0'] = /^\/([a-z]+)(\d*)$/.exec(req.url ?? '') ?? []
    const to: Record<string, string> = {
      circle: '/ring',
      ring: '/circle',
      endless: `/endless${Number(number) + 1}`,
      metadata: 'http://169.254.169.254/latest/meta-data/',
      stranger: 'http://evil.example/x',
      inside: 'http://cdn.lab/x',
    }
    res.writeHead(301, { location: to[kind ?? ''] ?? '/' }).end()
  })
  const { ask } = startRig(
    t,
    { 'mirror.lab': { address: '127.0.0.1', port: origin.port, redirects: ['cdn.lab'] } },
    { lookup: loopback },
  )
  const refused = (path: string, message: RegExp) => assert.rejects(ask(path), { code: 'TargetRefused', message })
  await refused('/circle', /in a circle/)
  assert.equal(origin.requests.length, 2)
  await refused('/endless0', /more than 5/)
  assert.equal(origin.requests.length, 2 + 6)
  await refused('/metadata', /169\.254\.169\.254, which is not configured/)
  await refused('/stranger', /evil\.example, which is not configured/)
  await refused('/inside', /cdn\.lab is at 127\.0\.0\.1/)
})

test('a redirect without a place to go is an answer', async (t) => {
  const origin = await serve(t, (_req, res) => res.writeHead(302).end('somewhere'))
  const { ask } = startRig(t, { 'mirror.lab': { address: '127.0.0.1', port: origin.port } })
  const response = await ask(deb)
  assert.deepEqual([response.status, await textOf(response)], [302, 'somewhere'])
})

test('answers whose end can be read in two ways are no answers', async (t) => {
  let head = ''
  const server = createServer((socket: Socket) => {
    atEnd(t, () => socket.destroy())
    socket.on('error', () => {})
    socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${head}\r\n5\r\nhello\r\n0\r\n\r\n`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => server.close())
  const { ask } = startRig(t, { 'mirror.lab': { address: '127.0.0.1', port: (server.address() as AddressInfo).port } })
  const both = 'content-length: 3\r\ntransfer-encoding: chunked\r\n'
  for (head of [
    both,
    'content-length: 3\r\ncontent-length: 5\r\n',
    'content-length: -3\r\n',
    'content-length: 3, 5\r\n',
  ]) {
    await assert.rejects(async () => bodyOf(await ask(deb)), { name: 'CausewayError' }, head)
  }
})

test('an origin at an IPv6 address', async (t) => {
  const { createServer: createHttp } = await import('node:http')
  const server = createHttp((req, res) => res.end(req.headers.host))
  server.listen(0, '::1')
  await once(server, 'listening')
  atEnd(t, () => server.close())
  atEnd(t, () => server.closeAllConnections())
  const { port } = server.address() as AddressInfo
  const { ask } = startRig(t, {
    'mirror.lab': { address: '::1', port, mirrors: [`http://[::1]:${port}/m`] },
  })
  assert.equal(await textOf(await ask(deb)), `mirror.lab:${port}`)
  assert.equal(await textOf(await ask(deb, { place: `http://[::1]:${port}/m` })), `[::1]:${port}`)
})

test('a tunnel leads to what is allowed and to nothing else', async (t) => {
  const server = createServer((socket) => socket.end('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => server.close())
  const { port } = server.address() as AddressInfo
  const { upstream } = startRig(t, { 'mirror.lab': {} }, { lookup: loopback })
  const open = (host: string, ...allowed: string[]) => openTunnel(host, port, allowed, upstream.names)
  const socket = await open('127.0.0.1', `127.0.0.1:${port}`)
  assert.equal(String(await once(socket, 'data')), 'hello')
  socket.destroy()
  await assert.rejects(open('127.0.0.1', 'a.lab:443'), { code: 'TargetRefused', message: /not among/ })
  await assert.rejects(open('a.lab', `a.lab:${port}`), { code: 'TargetRefused', message: /a\.lab is at 127/ })
  const closed = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  await assert.rejects(openTunnel('127.0.0.1', closed.port, [`127.0.0.1:${closed.port}`], upstream.names), {
    code: 'OriginUnreachable',
  })
})
