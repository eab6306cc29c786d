import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { atEnd } from '../cleanup.ts'
import { bytesFor, sha256 } from '../origin.ts'
import { until } from '../start.ts'
import { bodyOf, codesOf, serve, startRig, textOf } from './rig.ts'

const deb = '/debian/pool/a_1_all.deb'

test('what one place fails at the next makes good, and its path lies below the mirror', async (t) => {
  let status = 503
  const origin = await serve(t, (_req, res) => res.writeHead(status).end('no'))
  const mirror = await serve(t, (_req, res) => res.end('from the mirror'))
  const base = `http://127.0.0.1:${mirror.port}/deb-mirror`
  const { ask } = startRig(t, { 'mirror.lab': { address: '127.0.0.1', port: origin.port, mirrors: [`${base}/`] } })

  const response = await ask(`${deb}?x=1`)
  assert.equal(await textOf(response), 'from the mirror')
  assert.equal(response.place, base)
  assert.equal(mirror.requests[0]?.url, `/deb-mirror${deb}?x=1`)
  assert.equal(mirror.requests[0]?.headers.host, `127.0.0.1:${mirror.port}`)
  assert.equal(origin.requests[0]?.headers.host, `mirror.lab:${origin.port}`)

  status = 200
  assert.equal(await textOf(await ask(deb)), 'from the mirror', 'the origin is passed over for a moment')
  assert.equal(origin.requests.length, 1)
})

test("an origin's own word counts: its 404 at once, its 5xx when nobody does better; a mirror's 404 never", async (t) => {
  let status = 404
  const origin = await serve(t, (_req, res) => res.writeHead(status).end(`origin says ${status}`))
  const mirror = await serve(t, (_req, res) => res.writeHead(404).end('mirror says 404'))
  const { ask } = startRig(t, {
    'mirror.lab': { address: '127.0.0.1', port: origin.port, mirrors: [`http://127.0.0.1:${mirror.port}`] },
  })
  assert.equal(await textOf(await ask(deb)), 'origin says 404')
  assert.equal(mirror.requests.length, 0)
  for (status of [500, 429]) assert.equal(await textOf(await ask(deb)), `origin says ${status}`)
  assert.equal(mirror.requests.length, 2)
  await origin.close()
  await assert.rejects(ask(deb), { code: 'OriginUnreachable', message: /it answered 404; .*ECONNREFUSED/ })
})

test('a server that refuses connections is away, once, until it is back', async (t) => {
  const origin = await serve(t, (_req, res) => res.end('here'))
  const mirror = await serve(t, (_req, res) => res.end('mirror'))
  const { ask, events, upstream } = startRig(t, {
    'mirror.lab': { address: '127.0.0.1', port: origin.port, mirrors: [`http://127.0.0.1:${mirror.port}`] },
  })
  assert.equal(await textOf(await ask(deb)), 'here')
  await origin.close()
  for (let round = 0; round < 5; round += 1) assert.equal(await textOf(await ask(deb)), 'mirror')
  assert.deepEqual(codesOf(events), ['PlaceAway'])
  const [state] = upstream.states()
  assert.equal(state?.place, `http://mirror.lab:${origin.port}`)
  assert.match(state?.health.why ?? '', /ECONNREFUSED/)
  assert.equal(state?.health.failures, 1, 'it was not asked again')

  await origin.reopen()
  await until('the link has found out', () => upstream.states()[0]?.health.state === 'well')
  assert.deepEqual(codesOf(events), ['PlaceAway', 'PlaceBack'])
  assert.equal(await textOf(await ask(deb)), 'here')
})

test('the only place, refusing, is asked each time: it is back the moment it is', async (t) => {
  const origin = await serve(t, (_req, res) => res.end('here'))
  const { ask, events } = startRig(t, { 'mirror.lab': { address: '127.0.0.1', port: origin.port } })
  await origin.close()
  for (let round = 0; round < 3; round += 1) {
    await assert.rejects(ask(deb), { code: 'OriginUnreachable', retryable: true, message: /ECONNREFUSED/ })
  }
  await origin.reopen()
  assert.equal(await textOf(await ask(deb)), 'here')
  assert.deepEqual(codesOf(events), ['PlaceAway', 'PlaceBack'])
})

test('a mirror that dies in the middle breaks the body, and the next is asked elsewhere', async (t) => {
  const body = bytesFor('middle', 600_000)
  const origin = await serve(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length })
    res.write(body.subarray(0, 200_000), () => res.destroy())
  })
  const mirror = await serve(t, (_req, res) => res.end(body))
  const { ask } = startRig(t, {
    'mirror.lab': { address: '127.0.0.1', port: origin.port, mirrors: [`http://127.0.0.1:${mirror.port}`] },
  })
  const response = await ask(deb)
  await assert.rejects(bodyOf(response), { code: 'TransferBroken' })
  const other = await ask(deb, { avoid: [response.place] })
  assert.equal(other.place, `http://127.0.0.1:${mirror.port}`)
  assert.equal(sha256(await bodyOf(other)), sha256(body))
  assert.equal((await ask(deb)).place, other.place, 'who breaks off is passed over by others too')
})

test('only a named place, and none of those to avoid', async (t) => {
  const origin = await serve(t, (_req, res) => res.end('origin'))
  const mirror = await serve(t, (_req, res) => res.end('mirror'))
  const base = `http://127.0.0.1:${mirror.port}`
  const { ask } = startRig(t, { 'mirror.lab': { address: '127.0.0.1', port: origin.port, mirrors: [base] } })
  assert.equal(await textOf(await ask(deb, { place: base })), 'mirror')
  const own = `http://mirror.lab:${origin.port}`
  assert.equal(await textOf(await ask(deb, { avoid: [own] })), 'mirror')
  await assert.rejects(ask(deb, { avoid: [own, base] }), { code: 'OriginUnreachable', message: /no place is left/ })
  await mirror.close()
  await assert.rejects(ask(deb, { place: base }), { code: 'OriginUnreachable', message: /ECONNREFUSED/ })
})

test('a hung server costs one wait: those who wait with the first are told with it', async (t) => {
  const hung = createServer(() => {})
  hung.listen(0, '127.0.0.1')
  await once(hung, 'listening')
  atEnd(t, () => hung.close())
  const mirror = await serve(t, (_req, res) => res.end('mirror'))
  const { ask, events } = startRig(
    t,
    { 'mirror.lab': { address: '127.0.0.1', port: mirror.port } },
    { siblings: [`http://127.0.0.1:${(hung.address() as AddressInfo).port}`] },
  )
  let accepted = 0
  hung.on('connection', (socket) => {
    accepted += 1
    atEnd(t, () => socket.destroy())
  })
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(deb)))
  for (const answer of answers) assert.equal(await textOf(answer), 'mirror')
  assert.equal(events.counts.get('PlaceAway'), 1)
  const before = accepted
  assert.equal(await textOf(await ask(deb)), 'mirror')
  assert.ok(accepted <= before + 1, 'nobody waits for it now')
})

test('a request that is given up ends at once, waiting for its head or in its body', async (t) => {
  const origin = await serve(t, (req, res) => {
    if (req.url === '/slow') return
    res.writeHead(200, { 'content-length': 100 })
    res.write('the beginning')
  })
  const { ask, events } = startRig(t, { 'mirror.lab': { address: '127.0.0.1', port: origin.port } })
  const leave = new AbortController()
  const slow = ask('/slow', { signal: leave.signal })
  const begun = await ask('/begun', { signal: leave.signal })
  const reading = bodyOf(begun)
  leave.abort()
  await assert.rejects(slow, /given up/)
  await assert.rejects(reading, /given up/)
  assert.equal(events.last.length, 0, 'it says nothing of the place')
})

test('connections are used again, and are at most 32', async (t) => {
  const sockets = new Set<unknown>()
  const origin = await serve(t, (req, res) => {
    sockets.add(req.socket)
    setTimeout(() => res.end('x'), 5)
  })
  const { ask } = startRig(t, { 'mirror.lab': { address: '127.0.0.1', port: origin.port } })
  for (let round = 0; round < 3; round += 1) {
    const answers = Array.from({ length: 100 }, async (_, n) => textOf(await ask(`/${n}`)))
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(['x']))
  }
  assert.equal(sockets.size, 32)
})

test('a long list of files waits for a connection without being taken for silence', async (t) => {
  const body = bytesFor('slow', 100_000)
  const origin = await serve(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length })
    res.write(body.subarray(0, 50_000))
    setTimeout(() => res.end(body.subarray(50_000)), 1500)
  })
  const { ask, events } = startRig(t, { 'mirror.lab': { address: '127.0.0.1', port: origin.port } })
  const answers = Array.from({ length: 96 }, async (_, n) => (await bodyOf(await ask(`/${n}`))).length)
  assert.deepEqual(new Set(await Promise.all(answers)), new Set([body.length]))
  assert.equal(events.last.length, 0)
})
