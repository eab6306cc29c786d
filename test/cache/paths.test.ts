import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { canonicalPath, pathOfName, pathToAsk } from '../../src/cache/paths.ts'

test('paths that mean the same are written the same', () => {
  const same: [string, string][] = [
    ['/a/b', '/a/b'],
    ['/', '/'],
    ['//', '/'],
    ['//evil.lab/x', '/evil.lab/x'],
    ['/a//b///c/', '/a/b/c/'],
    ['/./a/././b/.', '/a/b/'],
    ['/a/%2e/b', '/a/b'],
    ['/a./.b', '/a./.b'],
    ['/%7euser', '/~user'],
    ['/g%2B%2b_4%3a12', '/g++_4:12'],
    ['/a%2fb', '/a%2Fb'],
    ['/a%20b%5e', '/a%20b%5E'],
    ['/[1]', '/%5B1%5D'],
    ['/%c3%a9', '/%C3%A9'],
    ['/%2541', '/%2541'],
    ['/a?b=%7e&c=%2b+%26//./', '/a?b=~&c=%2B+%26//./'],
    ['/.?x', '/?x'],
  ]
  for (const [path, canonical] of same) assert.equal(canonicalPath(path), canonical, path)
})

test('a name from an index is escaped where it has to be', () => {
  assert.equal(pathOfName('/pool/g++_1%3a2~rc1_amd64.deb'), '/pool/g++_1%253a2~rc1_amd64.deb')
  assert.equal(pathOfName('/x/a^b[1]?#é y.rpm'), '/x/a%5Eb%5B1%5D%3F%23%C3%A9%20y.rpm')
  assert.equal(pathOfName('/./x'), '/x')
})

test('a plus goes out escaped, but for the query, where it means something else', () => {
  assert.equal(pathToAsk('/g++?a+b'), '/g%2B%2B?a+b')
  assert.equal(pathToAsk('/g++'), '/g%2B%2B')
})

const paths = fc.stringMatching(/^\/([a+~.:]|\/|\.\/|%2[bBef5]|%7[eE]|%5[bB]|%41|[[\]?=]){0,14}$/)

test('what is canonical stays so, and an origin sees the same file in it', () => {
  fc.assert(
    fc.property(paths, (path) => {
      const canonical = canonicalPath(path)
      assert.equal(canonicalPath(canonical), canonical)
      assert.ok(canonical.startsWith('/') && !canonical.startsWith('//'))
      assert.equal(canonicalPath(pathToAsk(canonical)), canonical)
      assert.deepEqual(segments(canonical), segments(path))
    }),
    { numRuns: 2000 },
  )
})

test('a name and its canonical path are one to one', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^\/[ -~]{0,20}$/), (name) => {
      const path = pathOfName(name)
      assert.equal(canonicalPath(path), path)
      assert.equal(decodeURIComponent(path), name.replace(/\/(\.?\/)+/g, '/').replace(/\/\.$/, '/'))
    }),
  )
})

/** What a file server makes of a path: its segments unescaped, the empty ones left out. */
function segments(path: string): string[] {
  const [file = ''] = path.split('?', 1)
  return file
    .split('/')
    .map((segment) =>
      segment.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    )
    .filter((segment) => segment !== '' && segment !== '.')
}
