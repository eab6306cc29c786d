import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { originsOf } from '../../../src/cache/origins.ts'
import type { Endpoint } from '../../../src/cache/upstream/places.ts'
import { follow, isRedirect, mostRedirects, type Step } from '../../../src/cache/upstream/redirects.ts'
import { settingsFor } from '../settings-for.ts'

const origins = originsOf(
  settingsFor({
    listen: '127.0.0.1:0',
    store: '/nowhere',
    origins: {
      'mirror.lab': { port: 8080, redirects: ['cdn.lab', '10.9.9.9'] },
      'secure.lab': { scheme: 'https', redirects: [] },
      'other.lab': { address: '10.1.2.3', port: 81 },
    },
  }),
)

function endpoint(scheme: 'http' | 'https', host: string, port: number): Endpoint {
  return { scheme, host, address: host, port, private: false }
}

function from(name: 'mirror.lab' | 'secure.lab', location: string, before: readonly Step[] = []) {
  const origin = origins.get(name)
  assert.ok(origin)
  const here = { endpoint: endpoint(origin.scheme, origin.host, origin.port), path: '/debian/pool/a_1_all.deb' }
  const next = follow([...before, here], location, origin, origins)
  if ('refused' in next) return next.refused
  const { scheme, address, port, private: privateToo } = next.endpoint
  return `${scheme} ${address} ${port}${privateToo ? ' private' : ''} ${next.path}`
}

test('it leads where the configuration says', () => {
  const cases: [string, string][] = [
    ['/else', 'http mirror.lab 8080 /else'],
    ['b?c=%41#frag', 'http mirror.lab 8080 /debian/pool/b?c=%41'],
    ['https://mirror.lab/x', 'https mirror.lab 443 /x'],
    ['http://cdn.lab/x', 'http cdn.lab 80 /x'],
    ['//cdn.lab/x', 'http cdn.lab 80 /x'],
    ['http://CDN.lab./x', 'http cdn.lab 80 /x'],
    ['http://10.9.9.9/x', 'http 10.9.9.9 80 private /x'],
    ['http://other.lab:81/x', 'http 10.1.2.3 81 private /x'],
    ['http://other.lab/x', 'http 10.1.2.3 80 private /x'],
  ]
  for (const [location, expected] of cases) assert.equal(from('mirror.lab', location), expected, location)
})

test('and nowhere else', () => {
  const cases: [string, RegExp][] = [
    ['http://evil.example/x', /not configured/],
    ['http://127.0.0.1/x', /127\.0\.0\.1, which is not configured/],
    ['http://0x7f.1/x', /127\.0\.0\.1, which is not configured/],
    ['http://[::1]/x', /\[::1\], which is not configured/],
    ['http://cdn.lab:22/x', /not configured/],
    ['http://other.lab:22/x', /not configured/],
    ['http://mirror.lab:22/x', /not configured/],
    ['ftp://cdn.lab/x', /no http URL/],
    ['file:///etc/passwd', /no http URL/],
    ['http://user:pass@cdn.lab/x', /password/],
    ['http://', /no http URL/],
    ['/debian/pool/a_1_all.deb', /in a circle/],
  ]
  for (const [location, expected] of cases) assert.match(from('mirror.lab', location), expected, location)
})

test('from https to http only where it is listed', () => {
  assert.match(from('secure.lab', 'http://secure.lab/x'), /from https to http/)
  assert.match(from('secure.lab', 'http://other.lab/x'), /from https to http/)
  assert.equal(from('secure.lab', 'https://other.lab/x'), 'https 10.1.2.3 443 private /x')
})

test('circles and long ways end', () => {
  const steps = Array.from({ length: mostRedirects }, (_, n) => ({
    endpoint: endpoint('http', 'mirror.lab', 8080),
    path: `/${n}`,
  }))
  assert.match(from('mirror.lab', '/3', steps.slice(0, 4)), /in a circle/)
  assert.match(from('mirror.lab', '/new', steps), /more than 5/)
})

test('only statuses that mean it, and only with somewhere to go', () => {
  const those = Array.from({ length: 500 }, (_, n) => 100 + n).filter((status) => isRedirect(status, '/x'))
  assert.deepEqual(those, [301, 302, 303, 307, 308])
  assert.equal(isRedirect(302, undefined), false)
})

test('no location whatever leads to a host that is not configured', () => {
  const allowed = new Set(['mirror.lab', 'cdn.lab', '10.9.9.9', 'secure.lab', 'other.lab'])
  const origin = origins.get('mirror.lab')
  assert.ok(origin)
  const here = { endpoint: endpoint('http', 'mirror.lab', 8080), path: '/x' }
  const hostile = fc.oneof(
    fc.webUrl(),
    fc.string(),
    fc
      .tuple(fc.constantFrom('http://', 'https://', '//', '\\\\', 'http:/', 'http:\\'), fc.string(), fc.string())
      .map((parts) => parts.join('')),
    fc.tuple(fc.string(), fc.constantFrom(...allowed), fc.string()).map(([a, b, c]) => `http://${a}${b}${c}`),
  )
  fc.assert(
    fc.property(hostile, (location) => {
      const next = follow([here], location, origin, origins)
      if ('refused' in next) return
      assert.ok(allowed.has(next.endpoint.host), next.endpoint.host)
      assert.match(next.path, /^\/[!-~]*$/)
    }),
    { numRuns: 500 },
  )
})
