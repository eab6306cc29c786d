import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { CausewayError } from '../../../src/base/errors.ts'
import type { Package } from '../../../src/cache/formats/format.ts'
import { formats, suiteOf } from '../../../src/cache/formats/formats.ts'
import { kindOf } from '../../../src/cache/formats/kinds.ts'
import { plainPath } from '../../../src/cache/formats/paths.ts'
import { unpacked } from '../../../src/cache/formats/unpack.ts'
import { collect, inPieces } from './samples.ts'

const hash = 'a'.repeat(64)

/** Pieces that indexes are made of, in order and out of it. */
const pieces = fc.constantFrom(
  'Package: a\n',
  'Filename: pool/a.deb\n',
  'Filename: ../../a\n',
  'SHA256: ',
  hash,
  '\n',
  '\n\n',
  ' ',
  'Depends: b | c (>= 1), d:any\n',
  '-----BEGIN PGP SIGNED MESSAGE-----\n',
  '-----BEGIN PGP SIGNATURE-----\n',
  '-----END PGP SIGNATURE-----\n',
  'Hash: SHA512\n',
  '<metadata>',
  '</metadata>',
  '<package>',
  '</package>',
  '<name>a</name>',
  '<location href="../a"/>',
  '<location href="a.rpm"/>',
  '<version ver="1" rel="2"/>',
  '<repomd>',
  '</repomd>',
  '<data>',
  '</data>',
  '<checksum type="sha256">',
  '</checksum>',
  '<!--',
  '-->',
  '<!DOCTYPE a',
  '&amp;',
  '&#x41;',
  '&a;',
  '<a href="../../../x.whl#sha256=',
  '">',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '"files"',
  '"packages"',
  '"versions"',
  '"url"',
  '1',
  'null',
  '{"files":[',
  '"/../a"',
  '%FILENAME%\n',
  '../a\n',
  '%NAME%\na\n',
  '%VERSION%\n1\n',
  'P:../a\n',
  'V:1\n',
  `${hash}  a\n`,
  `${hash} 10 main/binary-amd64/Packages\n`,
  '\0',
  '\u{1f600}',
  '\x80',
)
const body = fc.oneof(
  fc.array(pieces, { maxLength: 30 }).map((parts) => Buffer.from(parts.join(''))),
  fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
  fc.array(pieces, { maxLength: 30 }).map((parts) => tarOf(parts.join(''))),
)
const packed = fc.oneof(
  body,
  body.map((bytes) => gzipSync(bytes)),
  body.map((bytes) => gzipSync(bytes).subarray(0, 20)),
  body.map((bytes) => Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), bytes])),
)

/** An archive with one file under a name that some format looks for. */
function tarOf(text: string): Buffer {
  const content = Buffer.from(text)
  const head = Buffer.alloc(512)
  head.write('APKINDEX', 0)
  head.write(content.length.toString(8).padStart(11, '0'), 124)
  head.write('        ', 148)
  head.write('0', 156)
  head.write(
    head
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0'),
    148,
  )
  return Buffer.concat([head, content, Buffer.alloc(((512 - (content.length % 512)) % 512) + 1024)])
}

const files: Record<string, string> = {
  debian: '/r/dists/lab/main/binary-amd64/Packages.gz',
  rpm: '/r/repodata/primary.xml.gz',
  alpine: '/r/x86_64/APKINDEX.tar.gz',
  arch: '/r/os/x86_64/core.db',
  pypi: '/r/simple/tool/',
  conda: '/r/linux-64/repodata.json.zst',
  npm: '/r/tool',
  image: '/r/SHA256SUMS',
}

/** An index may only lead below its root, or by a link to some plain path; and only to what a URL can name. */
function isHarmless({ path, host }: Package, root: string): boolean {
  if (plainPath(encodeURI(path)) !== path || path.includes('/../')) return false
  return host !== undefined || root === '/' || path.startsWith(root)
}

for (const format of formats) {
  test(`whatever an index of ${format.name} holds, it is read or refused, and leads nowhere else`, async () => {
    const file = files[format.name] ?? ''
    const suite = format.suiteOf(file) ?? { format: format.name, root: '/', top: file }
    // Links of pages lead where they like on their own host.
    const root = format.name === 'pypi' ? '/' : suite.root
    await fc.assert(
      fc.asyncProperty(packed, fc.integer({ min: 1, max: 600 }), async (bytes, length) => {
        try {
          const packages = await collect(format.readPackages(suite, file, unpacked(inPieces(bytes, length))))
          for (const one of packages) assert.ok(isHarmless(one, root), one.path)
        } catch (error) {
          if (!(error instanceof CausewayError) || error.code !== 'MalformedOutput') throw error
        }
        try {
          for (const one of format.readTop(suite, bytes).files) assert.ok(one.path.startsWith(suite.root), one.path)
        } catch (error) {
          if (!(error instanceof CausewayError) || error.code !== 'MalformedOutput') throw error
        }
      }),
      { numRuns: 400 },
    )
  })
}

test('whatever is asked for, its kind and suite are told', () => {
  const segment = fc.constantFrom(
    'dists',
    'main',
    'binary-amd64',
    'repodata',
    'pool',
    'simple',
    '..',
    '.',
    '',
    'by-hash',
    'SHA256',
    hash,
    'InRelease',
    'Packages',
    'repomd.xml',
    'APKINDEX.tar.gz',
    'os',
    'core.db',
    '%2e%2e',
    '%00',
    'linux-64',
    'a-1-1-x.pkg.tar',
    'source',
    'SHA256SUMS',
  )
  const path = fc.oneof(
    fc.array(segment, { maxLength: 8 }).map((parts) => `/${parts.join('/')}`),
    fc.string(),
  )
  fc.assert(
    fc.property(path, (asked) => {
      kindOf({ immutable: ['/a/**'] }, asked)
      const suite = suiteOf(asked)
      if (!suite) return
      const plain = plainPath(asked) ?? ''
      assert.ok(plain.startsWith(suite.root) && suite.top.startsWith(suite.root) && suite.root.endsWith('/'), asked)
      assert.ok(!suite.top.includes('/../'))
      // The top index belongs to its own suite.
      assert.deepEqual(suiteOf(suite.top), suite)
    }),
    { numRuns: 3000 },
  )
})

test('names that are made to take long do not', () => {
  const long = 3000
  for (const part of ['a-', '-', '_', '.', '/', '1-', 'aa/', '%41', 'a_', 'by-hash/', 'dists/', '/os/']) {
    const path = `/${part.repeat(long)}`.slice(0, 4000)
    for (const ending of ['', '.rpm', '.deb', '.apk', '.pkg.tar', '.whl', '.conda', '/InRelease', '.db']) {
      kindOf({ immutable: ['/**/a*b*c*.img'] }, path + ending)
      suiteOf(path + ending)
    }
  }
})
