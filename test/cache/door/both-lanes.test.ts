import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { askAndRest, setUp } from '../start.ts'

const lead = 'GET /lead_1_all.deb HTTP/1.1\r\nHost: mirror.lab\r\n'

/**
 * Sends bytes over a connection that is in the lane named, and gives back what is said to them until the connection is closed.
 * The lane is sure before they are sent: a plain request has been answered there, or one that is for Node's HTTP server.
 */
async function sayOn(lane: 'fast' | 'slow', port: number, pieces: readonly string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }).on('error', () => {})
  let said = ''
  const heard = Promise.withResolvers<void>()
  socket.setEncoding('latin1').on('data', (text: string) => {
    said += text
    if (said.endsWith('<lead>')) heard.resolve()
  })
  const closed = once(socket, 'close')
  socket.write(lane === 'fast' ? `${lead}\r\n` : `${lead}X-Other: slow\r\n\r\n`)
  await heard.promise
  said = ''
  for (const piece of pieces) {
    socket.write(piece, 'latin1')
    await new Promise(setImmediate)
  }
  await closed
  return said
}

/** Responses without what may differ: when, how old, the order of fields, and that the connection stays, as HTTP/1.1's do. */
function comparable(said: string): string {
  return said.replace(/HTTP\/1\.1 [^]*?\r\n\r\n/g, (head) => {
    const [status, ...fields] = head.trimEnd().split('\r\n')
    const kept = fields.filter((field) => !/^(date|age|keep-alive): |^connection: keep-alive$/i.test(field))
    return [status, ...kept.toSorted(), '', ''].join('\r\n')
  })
}

/**
 * The same, where both came to an end. Bytes that are no request cut a connection off without a word, and what was about to be
 * said with it: then the one is the beginning of the other.
 */
function mustAgree(fast: string, slow: string): void {
  const [ended, cutOff] = isEnded(slow) ? [slow, fast] : [fast, slow]
  if (isEnded(cutOff)) assert.equal(fast, slow)
  else assert.ok(ended.startsWith(cutOff) || (!isEnded(ended) && cutOff.startsWith(ended)), `${fast}\n\n${slow}`)
}

function isEnded(said: string): boolean {
  return /\r\nconnection: close\r\n/i.test(said)
}

const line = fc.constantFrom(
  'User-Agent: Debian APT-HTTP/1.3 (2.6.1)',
  'Accept: */*',
  'accept-encoding:identity',
  'Connection: keep-alive',
  'Connection: close',
  'Connection: keep-alive, Range',
  'Host: mirror.lab',
  'Host: evil.lab',
  'Host : mirror.lab',
  'Accept: a\r\n folded: b',
  ' Accept: a',
  'Accept: a\u0000b',
  'Accept: \u00e9',
  'Accept:',
  'Accept',
  'Content-Length: 0',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Expect: 100-continue',
  'Expect: else',
  'Upgrade: h2c',
  'Range: bytes=0-1',
  'Range: bytes=-1',
  'Range: bytes=99-',
  'If-None-Match: "1"',
  'If-None-Match: *',
  'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT',
  'If-Range: "2"',
  'Cache-Control: only-if-cached',
  'Via: 1.1 somebody',
  'Cookie: a=b',
)
const target = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('/a_1_all.deb', '/b_1_all.deb', '//a_1_all.deb', '/%61_1_all.deb') },
  fc.constantFrom(
    'http://mirror.lab/a_1_all.deb',
    'http://evil.lab/a_1_all.deb',
    '/http/mirror.lab/a_1_all.deb',
    '/_causeway/page_1_all.deb',
    '/../a_1_all.deb',
    '/a b',
    '*',
  ),
)
const mostly = <T>(usual: T, ...others: T[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, fc.constantFrom(...others))
const request = fc
  .tuple(
    mostly('GET', 'HEAD', 'POST', 'get'),
    target,
    mostly('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.1 ', 'HTTP/2.0'),
    mostly('mirror.lab', 'MIRROR.lab:80', 'evil.lab', ''),
    fc.array(line, { maxLength: 2 }),
    mostly('\r\n', '\n', '\r'),
    mostly('', 'abcde', '0\r\n\r\n', '\r\n'),
  )
  .map(([method, aim, version, host, lines, end, body]) => {
    return `${[`${method} ${aim} ${version}`, `Host: ${host}`, ...lines].join('\r\n')}${end}\r\n${body}`
  })
const plain = 'GET /a_1_all.deb HTTP/1.1\r\nHost: mirror.lab\r\n'
/** What an earlier Causeway answered otherwise in one lane than in the other. */
const differedOnce: [string[], number[]][] = [[[`${plain}\r\n\r\n`, `${plain}Expect: 100-continue\r\n\r\n`], []]]
const last = `${lead}Connection: close\r\n\r\n`

test('the same bytes get the same answers in either lane, whole or in pieces', async (t) => {
  const { cache } = await setUp(t, (req, res) => {
    const body = `<${/(\w+)_1/.exec(req.url ?? '')?.[1] ?? 'other'}>`
    const since = 'Thu, 01 Jan 2026 00:00:00 GMT'
    res.writeHead(200, { etag: '"1"', 'last-modified': since, 'content-length': body.length }).end(body)
  })
  // The last one has the name of a page of the cache's own: it is had only by this name.
  const files = ['/lead', '/a', '/b', '/http/mirror.lab/a', '//_causeway/page']
  for (const file of files) await askAndRest(cache, `${file}_1_all.deb`)
  let whole = 0
  const cuts = fc.array(fc.nat(400), { maxLength: 2 })
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 3 }), cuts, async (requests, at) => {
      const bytes = `${requests.join('')}${last}`
      const ends = [0, ...at.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]
      const pieces = ends.slice(1).map((end, index) => bytes.slice(ends[index], end))
      const [fast, slow] = await Promise.all([sayOn('fast', cache.port, pieces), sayOn('slow', cache.port, [bytes])])
      mustAgree(comparable(fast), comparable(slow))
      if (fast.endsWith('<lead>') && fast.startsWith('HTTP/1.1 200 ')) whole += 1
    }),
    { seed: 20_261_123, numRuns: 400, examples: differedOnce },
  )
  assert.ok(whole > 10, `${whole} were answered to their end`)
})
