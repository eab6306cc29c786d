import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HttpClient, type HttpClientOptions } from '../../../src/sites/http/http-client.ts'

/** What a server does with a connection that asks something. */
async function serving(server: Server, work: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await work((server.address() as AddressInfo).port)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
}

async function get(url: string, options: Partial<HttpClientOptions> = {}) {
  const client = new HttpClient({ name: 'cloudy', ...options })
  try {
    return await client.send({ method: 'GET', url })
  } finally {
    await client.close()
  }
}

const answering = (text: string) => createServer((socket) => socket.once('data', () => socket.end(text)))

describe('HttpClient', () => {
  it('gives any status as an answer, and follows no redirect', async () => {
    const text =
      'HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\nX-Twice: a\r\nX-Twice: b\r\nContent-Length: 2\r\n\r\nhi'
    await serving(answering(text), async (port) => {
      const answer = await get(`http://127.0.0.1:${port}/`)
      assert.deepEqual([answer.status, answer.text], [302, 'hi'])
      assert.equal(answer.header('x-twice'), 'a')
      assert.equal(answer.header('x-none'), undefined)
    })
  })

  it('tells what broke, who was asked, and not what was asked for beyond its path', async () => {
    const cases = [
      [answering('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf'), 'HostUnreachable', 60_000],
      [answering(''), 'HostUnreachable', 60_000],
      [answering('220 mail.example ESMTP\r\n'), 'MalformedOutput', 60_000],
      [createServer(), 'CommandTimeout', 100],
    ] as const
    for (const [server, code, timeoutMs] of cases) {
      await serving(server, async (port) => {
        const asked = get(`http://127.0.0.1:${port}/servers?marker=m`, { timeoutMs })
        await assert.rejects(asked, { code, message: /^cloudy: GET http:\/\/127.0.0.1:\d+\/servers: \w/ })
      })
    }
    await assert.rejects(get('http://127.0.0.1:1/'), { code: 'HostUnreachable', message: /ECONNREFUSED/ })
  })

  describe('with TLS', () => {
    let folder = ''
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'causeway-tls-'))
      const made = [
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        join(folder, 'key.pem'),
      ]
      const what = ['-subj', '/CN=cloud', '-addext', 'subjectAltName=IP:127.0.0.1', '-out', join(folder, 'cert.pem')]
      execFileSync('openssl', ['req', '-x509', '-days', '2', ...made, ...what], { stdio: 'pipe' })
    })
    after(() => rm(folder, { recursive: true }))

    it('trusts the authority that it was given, and no stranger', async () => {
      const [key, ca] = await Promise.all(['key.pem', 'cert.pem'].map((name) => readFile(join(folder, name), 'utf8')))
      assert.ok(key !== undefined && ca !== undefined)
      await serving(
        createHttps({ key, cert: ca }, (_, response) => response.end('secret place')),
        async (port) => {
          assert.equal((await get(`https://127.0.0.1:${port}/`, { ca })).text, 'secret place')
          await assert.rejects(get(`https://127.0.0.1:${port}/`), { code: 'HostUnreachable', message: /self-signed/ })
        },
      )
    })
  })
})
