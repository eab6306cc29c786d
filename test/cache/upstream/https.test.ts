import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { type AddressInfo, isIP } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { Origin } from '../../../src/cache/origins.ts'
import { atEnd } from '../cleanup.ts'
import { scratchFolder } from '../start.ts'
import { codesOf, serve, startRig, textOf } from './rig.ts'

/**
 * An https server with a certificate for a name or an address, which this process trusts until the test ends, or doesn't.
 * @param connected Told of each connection.
 */
async function startSecure(
  t: TestContext,
  name: string,
  trusted: boolean,
  connected: () => void = () => {},
): Promise<number> {
  const folder = await scratchFolder(t)
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const what = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${isIP(name) > 0 ? 'IP' : 'DNS'}:${name}`]
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert]
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...made, ...what], { stdio: 'pipe' })
  if (trusted) {
    const before = getCACertificates('default')
    setDefaultCACertificates([...before, readFileSync(cert, 'utf8')])
    atEnd(t, () => setDefaultCACertificates(before))
  }
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (req, res) => {
    if (req.url === '/down') res.writeHead(302, { location: 'http://mirror.lab/x' }).end()
    else res.end(`secure ${req.headers.host} ${req.httpVersion}`)
  })
  server.on('secureConnection', connected)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => server.close())
  atEnd(t, () => server.closeAllConnections())
  return (server.address() as AddressInfo).port
}

test('an https origin at a configured address is known by its name', async (t) => {
  const port = await startSecure(t, 'mirror.lab', true)
  const { ask } = startRig(t, { 'mirror.lab': { scheme: 'https', address: '127.0.0.1', port } })
  const response = await ask('/x')
  assert.equal(await textOf(response), `secure mirror.lab:${port} 1.1`)
  assert.equal(response.place, `https://mirror.lab:${port}`)
  await assert.rejects(ask('/down'), { code: 'TargetRefused', message: /from https to http/ })
})

test('with a certificate for another name, or one that nobody vouches for, it is none', async (t) => {
  const other = await startSecure(t, 'other.lab', true)
  const stranger = await startSecure(t, 'mirror.lab', false)
  for (const [port, message] of [
    [other, /mirror\.lab.* not in .*other\.lab/],
    [stranger, /self-signed/],
  ] as const) {
    const { ask, events } = startRig(t, { 'mirror.lab': { scheme: 'https', address: '127.0.0.1', port } })
    await assert.rejects(ask('/x'), { code: 'OriginUnreachable', message })
    assert.deepEqual(codesOf(events), ['PlaceAway'])
  }
})

test('from http a redirect may lead to https', async (t) => {
  const port = await startSecure(t, 'secure.lab', true)
  const origin = await serve(t, (_req, res) => {
    res.writeHead(308, { location: `https://secure.lab:${port}/x` }).end()
  })
  const { ask } = startRig(t, {
    'mirror.lab': { address: '127.0.0.1', port: origin.port },
    'secure.lab': { scheme: 'https', address: '127.0.0.1', port },
  })
  assert.equal(await textOf(await ask('/')), `secure secure.lab:${port} 1.1`)
})

test('a parent by https is known by its own name, and asked for all origins on the same connections', async (t) => {
  let connections = 0
  const port = await startSecure(t, '127.0.0.1', true, () => (connections += 1))
  const nobody = { address: '127.0.0.1', port: 1 }
  const { upstream, origins } = startRig(
    t,
    { 'mirror.lab': nobody, 'other.lab': nobody },
    { parent: `https://127.0.0.1:${port}` },
  )
  const [one, other] = [...origins.values()] as [Origin, Origin]
  for (const origin of [one, other, other, one, one, one, other, one, other, other, other, one]) {
    const response = await upstream.ask({ origin, method: 'GET', path: '/a', headers: {} })
    assert.equal(await textOf(response), `secure ${origin.host} 1.1`)
  }
  // One that is done with a request may not be at hand yet when the next comes.
  assert.ok(connections <= 3, `${connections} connections for 12 requests, one after the other`)
})
