import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { readRequest } from '../../../src/cache/door/request.ts'
import { originsOf } from '../../../src/cache/origins.ts'
import { settingsFor } from '../settings-for.ts'

const origins = originsOf(
  settingsFor({
    listen: '0.0.0.0:3128',
    store: '/var/cache/causeway-cache',
    origins: {
      'mirror.lab': { address: '10.0.0.1' },
      'other.lab': { address: '10.0.0.2', port: 8080 },
      'safe.lab': { scheme: 'https' },
    },
  }),
)

function read(target: string, headers: Record<string, string> = { Host: 'mirror.lab' }, method = 'GET') {
  return readRequest({ method, target, rawHeaders: Object.entries(headers).flat() }, origins, 'causeway-me')
}

function statusOf(request: ReturnType<typeof read>): number {
  return 'status' in request ? request.status : 200
}

test('a path with its Host names one file, however the host is written', () => {
  for (const host of ['mirror.lab', 'MIRROR.lab', 'mirror.lab:80', 'mirror.lab.']) {
    const request = read('/debian/pool/x_1_all.deb?a=b', { Host: host })
    assert.ok('url' in request, host)
    assert.equal(request.url, 'http://mirror.lab/debian/pool/x_1_all.deb?a=b')
    assert.equal(request.path, '/debian/pool/x_1_all.deb?a=b')
    assert.equal(request.personal, false)
  }
})

test('an absolute target that agrees with Host is the same file', () => {
  for (const target of ['http://mirror.lab/x', 'HTTP://Mirror.LAB:80/x']) {
    const request = read(target)
    assert.equal('url' in request && request.url, 'http://mirror.lab/x')
  }
  const root = read('http://mirror.lab')
  assert.equal('path' in root && root.path, '/')
  const query = read('http://mirror.lab?a')
  assert.equal('path' in query && query.path, '/?a')
})

test('a host may be asked for with its own port and with 80, no other', () => {
  assert.equal(statusOf(read('/x', { Host: 'other.lab:8080' })), 200)
  assert.equal(statusOf(read('/x', { Host: 'other.lab' })), 200)
  assert.equal(statusOf(read('/x', { Host: 'other.lab:22' })), 421)
})

test('clients ask for an https origin in the clear, or name it in full', () => {
  const named: [string, string][] = [
    ['/x', 'safe.lab'],
    ['/x', 'safe.lab:443'],
    ['http://safe.lab/x', 'safe.lab'],
    ['https://safe.lab/x', 'safe.lab'],
    ['https://safe.lab:443/x', 'safe.lab'],
  ]
  for (const [target, host] of named) {
    const request = read(target, { Host: host })
    assert.equal('url' in request && request.url, 'https://safe.lab/x', `${target} ${host}`)
  }
  assert.equal(statusOf(read('https://mirror.lab/x')), 421, 'https was meant, and would not be used')
  assert.equal(statusOf(read('https://safe.lab:80/x', { Host: 'safe.lab' })), 400)
})

test('where Host is the cache, the path names the origin', () => {
  const mapped: [string, string][] = [
    ['/http/mirror.lab/debian/x?a=b', 'http://mirror.lab/debian/x?a=b'],
    ['/http/mirror.lab', 'http://mirror.lab/'],
    ['/http/mirror.lab?a', 'http://mirror.lab/?a'],
    ['/http/MIRROR.lab:80/x', 'http://mirror.lab/x'],
    ['/http/other.lab:8080/x', 'http://other.lab/x'],
    ['/https/safe.lab/debian//x', 'https://safe.lab/debian/x'],
    ['/http/safe.lab/x', 'https://safe.lab/x'],
  ]
  for (const host of ['10.250.1.1:3128', 'cache', '[fd00::1]:3128']) {
    for (const [target, url] of mapped) {
      const request = read(target, { Host: host })
      assert.equal('url' in request && request.url, url, `${target} ${host}`)
    }
  }
  const absolute = read('http://cache:3128/https/safe.lab/x', { Host: 'cache:3128' })
  assert.equal('url' in absolute && absolute.url, 'https://safe.lab/x')
  const own = read('/http/other.lab:8080/x')
  assert.equal('url' in own && own.url, 'http://mirror.lab/http/other.lab:8080/x', 'an origin keeps its own paths')
  for (const path of [
    '/https/mirror.lab/x',
    '/http/evil.lab/x',
    '/http/other.lab:22/x',
    '/ftp/mirror.lab/x',
    '/http//x',
  ]) {
    assert.equal(statusOf(read(path, { Host: 'cache' })), 421, path)
  }
  for (const path of ['/http/mirror.lab/../x', '/http/mirror.lab/%2e%2e/x', '/http/u@mirror.lab/..']) {
    assert.equal(statusOf(read(path, { Host: 'cache' })), 400, path)
  }
})

test('however a file is named, it is one file', () => {
  for (const target of [
    '/~x/g++_1:2.deb',
    '/%7Ex/g%2b%2B_1%3a2.deb',
    '//%7ex/./g++_1:2.deb',
    '/./~x///g+%2B_1:2.deb',
  ]) {
    const request = read(target)
    assert.equal('url' in request && request.url, 'http://mirror.lab/~x/g++_1:2.deb', target)
  }
})

test('what is not GET or HEAD is refused', () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'CONNECT', 'PURGE']) {
    assert.equal(statusOf(read('/x', { Host: 'mirror.lab' }, method)), 405)
  }
})

test('what is ambiguous or contradicts itself is refused', () => {
  const bad: [string, Record<string, string>][] = [
    ['/x', {}],
    ['/x', { Host: '' }],
    ['/x', { Host: 'mirror.lab', host: 'mirror.lab' }],
    ['/x', { Host: 'mirror.lab', HOST: 'evil.lab' }],
    ['/x', { Host: 'user@mirror.lab' }],
    ['/x', { Host: 'mirror.lab, evil.lab' }],
    ['/x', { Host: 'mirror.lab/evil' }],
    ['http://other.lab/x', { Host: 'mirror.lab' }],
    ['http://mirror.lab:8080/x', { Host: 'mirror.lab' }],
    ['http://mirror.lab@evil.lab/x', { Host: 'mirror.lab' }],
    ['ftp://mirror.lab/x', { Host: 'mirror.lab' }],
    ['//mirror.lab:x', { Host: '[::1' }],
    ['mirror.lab:80', { Host: 'mirror.lab' }],
    ['*', { Host: 'mirror.lab' }],
    ['/x', { Host: 'mirror.lab', 'Content-Length': '3' }],
    ['/x', { Host: 'mirror.lab', 'Transfer-Encoding': 'chunked' }],
    ['/x', { Host: 'mirror.lab', 'transfer-encoding': 'identity', 'Content-Length': '0' }],
  ]
  for (const [target, headers] of bad)
    assert.equal(statusOf(read(target, headers)), 400, `${target} ${JSON.stringify(headers)}`)
})

test('hosts that are not configured are misdirected', () => {
  for (const host of ['evil.lab', '127.0.0.1', 'localhost:3128', 'mirror.lab.evil.lab', 'constructor']) {
    assert.equal(statusOf(read('/x', { Host: host })), 421, host)
  }
})

test('paths that climb or hide something are refused', () => {
  const paths = [
    '/../etc/passwd',
    '/a/../../b',
    '/a/..',
    '/%2e%2e/x',
    '/a/%2E./b',
    '/a/..%2fb',
    '/a%00b',
    '/a%0d%0ab',
    '/a\\b',
    '/a%5cb',
    '/a b',
    '/a#b',
    '/%zz',
    '/%',
    '/é',
    `/${'a'.repeat(5000)}`,
  ]
  for (const path of paths) assert.equal(statusOf(read(path)), 400, path)
  for (const path of ['/', '/a..b/..c', '/./InRelease', '/a//b', '/g%2b%2b_1%3a2_all.deb', '/x?u=../y', '/~x/[1]']) {
    assert.equal(statusOf(read(path)), 200, path)
  }
})

test('whatever the target, what passes is one plain path below the origin that Host names', () => {
  const target = fc.oneof(
    fc.string(),
    fc.string().map((text) => `/${text}`),
    fc.stringMatching(/^(\/|%2e|%2F|\.|a|\\|\?|#|:|@){0,12}$/),
    fc.stringMatching(/^http:\/\/[a-z.:@/]{0,20}$/),
  )
  fc.assert(
    fc.property(target, (text) => {
      const request = read(text)
      if ('status' in request) return
      assert.match(request.path, /^\/[!-~]*$/)
      const [file = ''] = request.path.split('?', 1)
      assert.ok(!decodeURIComponent(file).split(/[/\\]/).includes('..'))
      assert.equal(request.origin.host, 'mirror.lab')
    }),
    { numRuns: 2000 },
  )
})

test('credentials make a request personal', () => {
  for (const name of ['Authorization', 'Cookie']) {
    const request = read('/x', { Host: 'mirror.lab', [name]: 'secret' })
    assert.equal('personal' in request && request.personal, true)
  }
})

test('a request that this cache sent itself is a loop', () => {
  assert.equal(statusOf(read('/x', { Host: 'mirror.lab', Via: '1.1 front, 1.1 causeway-me' })), 508)
  assert.equal(statusOf(read('/x', { Host: 'mirror.lab', Via: '1.1 causeway-you' })), 200)
  const twice = { Host: 'mirror.lab', Via: '1.1 causeway-me', via: '1.1 a proxy that adds a line of its own' }
  assert.equal(statusOf(read('/x', twice)), 508)
})

test('of a list in several lines all lines count', () => {
  const lines = { Host: 'mirror.lab', 'Cache-Control': 'only-if-cached', 'cache-control': 'max-age=0' }
  const request = read('/x', lines)
  assert.equal('headers' in request && request.headers['cache-control'], 'only-if-cached, max-age=0')
})
