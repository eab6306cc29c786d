import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { setUp } from '../start.ts'

/** What came back for some bytes: all of it, once the cache closes or has answered everything. */
function converse(port: number, pieces: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let said = ''
    const late = setTimeout(() => {
      socket.destroy()
      reject(new Error(`neither answered nor closed: ${JSON.stringify(pieces)}, got ${JSON.stringify(said)}`))
    }, 30_000)
    socket.setEncoding('latin1').on('data', (text: string) => {
      said += text
    })
    // A reset is the cache's way out where words could be taken for something else.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(late)
      resolve(said)
    })
    for (const piece of pieces) socket.write(piece, 'latin1')
    socket.end()
    socket.on('end', () => socket.destroy())
  })
}

/** The responses in what came back; null when it is not one whole response after another. */
function responsesIn(said: string): { status: number; body: string }[] | null {
  const found: { status: number; body: string }[] = []
  for (let rest = said; rest !== ''; ) {
    const [head, status, length] =
      /^HTTP\/1\.1 (\d{3}) [^]*?\r\ncontent-length: (\d+)\r\n(?:[^\r\n]+\r\n)*\r\n/i.exec(rest) ?? []
    if (head === undefined || head.indexOf('\r\n\r\n') !== head.length - 4) return null
    const end = head.length + Number(length)
    if (rest.length < end) return null
    found.push({ status: Number(status), body: rest.slice(head.length, end) })
    rest = rest.slice(end)
  }
  return found
}

const host = fc.constantFrom(
  'mirror.lab',
  'MIRROR.lab:80',
  'mirror.lab.',
  'evil.lab',
  '127.0.0.1',
  '',
  '[::1]',
  'a b',
  'mirror.lab, evil.lab',
)
const path = fc.oneof(
  fc.constantFrom(
    '/x_1_all.deb',
    '/InRelease',
    '//x',
    '/./x',
    '/%7ex',
    '/..%2fx',
    '/../x',
    '/%00',
    '/http/mirror.lab/x',
    '*',
    '/_causeway/',
  ),
  fc.stringMatching(/^\/([a-z]|%[0-9a-fA-F]{2}|\.|\/|\?|;|\\){0,10}$/),
  fc.string({ unit: 'binary-ascii', maxLength: 12 }),
)
const target = fc.oneof(
  path,
  fc.tuple(host, path).map(([named, rest]) => `http://${named}${rest}`),
)
const lineEnd = fc.oneof({ weight: 12, arbitrary: fc.constant('\r\n') }, fc.constantFrom('\n', '\r', '\r\r\n', ' \r\n'))
const field = fc.oneof(
  host.map((named) => `Host: ${named}`),
  fc.constantFrom(
    'Content-Length: 0',
    'Content-Length: 5',
    'Content-Length: +5',
    'Content-Length: 5, 6',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding : chunked',
    'Transfer-Encoding: identity, chunked',
    ' folded: yes',
    'Range: bytes=0-3',
    'Range: bytes=9-,1-2',
    'If-None-Match: *',
    'Expect: 100-continue',
    'Upgrade: h2c',
    'Connection: upgrade, HTTP2-Settings',
    'Connection: close',
    'Cache-Control: no-cache, only-if-cached',
    'Authorization: x',
    'Via: 1.1 somebody',
    'X: \u0000',
    ':',
    'Host',
  ),
  fc.string({ unit: 'binary-ascii', maxLength: 20 }),
)
const request = fc
  .tuple(
    fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS', 'CONNECT', 'get', 'PRI', 'GET\t'),
    target,
    fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/1.1 ', ''),
    fc.array(field, { maxLength: 4 }),
    fc.array(lineEnd, { minLength: 6, maxLength: 6 }),
    fc.constantFrom('', '', 'abcde', '0\r\n\r\n', 'GET /evil HTTP/1.1\r\nHost: evil.lab\r\n\r\n'),
  )
  .map(([method, aim, version, fields, ends, body]) => {
    const lines = [`${method} ${aim} ${version}`, 'Host: mirror.lab', ...fields]
    return `${lines.map((line, at) => `${line}${ends[at] ?? '\r\n'}`).join('')}\r\n${body}`
  })
const noise = fc.string({ unit: 'binary', maxLength: 60 })

test('whatever strangers send, each gets whole answers or is closed, and nothing that is not theirs', async (t) => {
  const asked: string[] = []
  const { cache } = await setUp(t, (req, res) => {
    const host = (req.headers.host ?? '').replace(/:\d+$/, '')
    asked.push(`${host} ${req.url}`)
    res.end(`content of ${host}`)
  })
  const last = 'GET /last_1_all.deb HTTP/1.1\r\nHost: mirror.lab\r\nConnection: close\r\n\r\n'
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof({ weight: 5, arbitrary: request }, noise), { maxLength: 3 }), async (pieces) => {
      const said = await converse(cache.port, [...pieces, last])
      if (/^HEAD /m.test(pieces.join(''))) return
      const responses = responsesIn(said)
      assert.ok(responses, `not whole responses: ${JSON.stringify(said)}`)
      for (const { status, body } of responses) {
        if (status === 200 && !body.startsWith('{') && !body.startsWith('#'))
          assert.equal(body, 'content of mirror.lab')
      }
    }),
    { seed: 20_261_123, numRuns: 400 },
  )
  assert.deepEqual(
    asked.filter((line) => !line.startsWith('mirror.lab /')),
    [],
  )
  assert.match(await converse(cache.port, [last]), /^HTTP\/1\.1 200 [^]*content of mirror\.lab$/, 'it still serves')
})
