import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratchFolder } from '../start.ts'
import { digest, makeDeb, packagesIn, suiteAt, tool } from './samples.ts'

const binary = 'debian/dists/lab/main/binary-amd64'

test("what apt-ftparchive writes is read: packages, the suite's indexes, all packings", async (t) => {
  const folder = await scratchFolder(t)
  await mkdir(join(folder, 'debian'), { recursive: true })
  const deb = await makeDeb(join(folder, 'debian'), {
    Package: 'libtool++6',
    Version: '1:2.0~rc1-3+b1',
    Architecture: 'amd64',
    'Pre-Depends': 'init-system (>= 1.5)',
    Depends: 'libc6 (>= 2.34), mawk | awk:any, python3:any (<< 3.12)',
    Recommends: 'ca-certificates',
    Provides: 'tool, tool-api (= 4)',
  })
  await makeDeb(join(folder, 'debian'), { Package: 'small', Version: '1' })
  await mkdir(join(folder, binary), { recursive: true })
  const packages = await tool(join(folder, 'debian'), ['apt-ftparchive', 'packages', 'pool'])
  await writeFile(join(folder, binary, 'Packages'), packages)
  for (const program of ['gzip', 'xz', 'bzip2', 'zstd']) {
    await tool(folder, [program, '-k', '-q', join(folder, binary, 'Packages')])
  }
  const release = await tool(join(folder, 'debian/dists/lab'), [
    'apt-ftparchive',
    '-o',
    'APT::FTPArchive::Release::Suite=lab',
    '-o',
    'APT::FTPArchive::Release::Acquire-By-Hash=yes',
    '-o',
    'APT::FTPArchive::Release::ValidTime=3600',
    'release',
    '.',
  ])
  const { suite, format } = suiteAt('/debian/dists/lab/InRelease')
  const top = format.readTop(suite, release)
  assert.ok(top.madeAtMs !== undefined && Math.abs(top.madeAtMs - Date.now()) < 600_000)
  assert.equal(top.validUntilMs, top.madeAtMs + 3_600_000)

  const body = await readFile(join(folder, 'debian', deb))
  for (const ending of ['', '.gz', '.xz', '.bz2', '.zst']) {
    const file = `/${binary}/Packages${ending}`
    const packed = await readFile(join(folder, `${binary}/Packages${ending}`))
    // apt-ftparchive of this version doesn't look at .zst.
    if (ending !== '.zst') {
      const listed = top.files.find(({ path }) => path === file)
      assert.deepEqual(listed?.expected, {
        algorithm: 'sha256',
        digest: digest('sha256', packed),
        bytes: packed.length,
      })
      assert.ok(listed.aliases.includes(`/${binary}/by-hash/SHA256/${digest('sha256', packed)}`))
    }
    assert.ok(format.listsPackages(file))
    const [one, other, ...more] = await packagesIn(file, packed, ending === '' ? 7 : 1000)
    assert.deepEqual(more, [])
    assert.equal(other?.name, 'small')
    assert.deepEqual(one, {
      name: 'libtool++6',
      version: '1:2.0~rc1-3+b1',
      architecture: 'amd64',
      host: undefined,
      path: '/debian/pool/libtool++6_2.0~rc1-3+b1_amd64.deb',
      expected: { algorithm: 'sha256', digest: digest('sha256', body), bytes: body.length },
      depends: [
        [{ name: 'init-system', constraint: '>= 1.5' }],
        [{ name: 'libc6', constraint: '>= 2.34' }],
        [
          { name: 'mawk', constraint: undefined },
          { name: 'awk', constraint: undefined },
        ],
        [{ name: 'python3', constraint: '<< 3.12' }],
      ],
      recommends: [[{ name: 'ca-certificates', constraint: undefined }]],
      provides: [
        { name: 'tool', version: undefined },
        { name: 'tool-api', version: '4' },
      ],
    })
  }
})

test('a repository in one folder, as dpkg-scanpackages writes it, is read', async (t) => {
  const folder = await scratchFolder(t)
  await makeDeb(folder, { Package: 'flat', Version: '2' }, '.')
  const listed = await tool(folder, ['dpkg-scanpackages', '--multiversion', '.'])
  const [one] = await packagesIn('/local/Packages', listed)
  assert.equal(one?.path, '/local/flat_2_all.deb')
  const body = await readFile(join(folder, 'flat_2_all.deb'))
  assert.equal(one?.expected?.digest, digest('sha256', body))
  assert.equal(suiteAt('/local/Packages').suite.top, '/local/InRelease')
})

test('the files of source packages are listed', async () => {
  const sources = `Package: hello
Binary: hello
Version: 2.10-3
Directory: pool/main/h/hello
Checksums-Sha256:
 ${'a'.repeat(64)} 100 hello_2.10-3.dsc
 ${'b'.repeat(64)} 200 hello_2.10.orig.tar.gz
`
  const files = await packagesIn('/debian/dists/lab/main/source/Sources', sources)
  assert.deepEqual(
    files.map(({ name, path, expected }) => [name, path, expected?.bytes]),
    [
      ['src:hello', '/debian/pool/main/h/hello/hello_2.10-3.dsc', 100],
      ['src:hello', '/debian/pool/main/h/hello/hello_2.10.orig.tar.gz', 200],
    ],
  )
})

test('what is wrong in an index is refused as a whole', async () => {
  const { suite, format } = suiteAt('/debian/dists/lab/InRelease')
  const line = ` ${'a'.repeat(64)} 10 main/binary-amd64/Packages`
  const tops = {
    'a path that climbs': ` ${'a'.repeat(64)} 10 ../../etc/passwd`,
    'an absolute path': ` ${'a'.repeat(64)} 10 /etc/passwd`,
    'a digest that is short': ` ${'a'.repeat(63)} 10 main/Packages`,
    'no length': ` ${'a'.repeat(64)} main/Packages`,
    'two digests of one file': `${line}\n ${'b'.repeat(64)} 10 main/binary-amd64/Packages`,
    'two fields of one name': `${line}\nSHA256:\n${line}`,
    'no date': `${line}\nDate: soon`,
    'no field': `${line}\nnothing`,
  }
  assert.equal(format.readTop(suite, Buffer.from(`SHA256:\n${line}\n`)).files.length, 1)
  for (const [name, text] of Object.entries(tops)) {
    const read = () => format.readTop(suite, Buffer.from(`SHA256:\n${text}\n`))
    assert.throws(read, { code: 'MalformedOutput' }, name)
  }
  const packages = {
    'a path that climbs': 'Package: a\nFilename: pool/../../x.deb\n',
    'no file': 'Package: a\n',
    'no name': 'Filename: a.deb\n',
    'a relation that is none': 'Package: a\nFilename: a.deb\nDepends: b (about 3)\n',
    'a name twice': 'Package: a\nPackage: b\nFilename: a.deb\n',
    'no field': 'Package: a\nFilename: a.deb\n<html>\n',
  }
  for (const [name, text] of Object.entries(packages)) {
    const file = '/debian/dists/lab/main/binary-amd64/Packages'
    await assert.rejects(packagesIn(file, text), { code: 'MalformedOutput' }, name)
  }
})

test('of a signed text only what is signed is read', () => {
  const { suite, format } = suiteAt('/debian/dists/lab/InRelease')
  const text = `-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

Date: Mon, 23 Nov 2026 06:00:00 UTC
- - no field, but dashes are escaped
-----BEGIN PGP SIGNATURE-----

x
-----END PGP SIGNATURE-----
`
  const fine = text.replace('- - no field, but dashes are escaped\n', '')
  assert.equal(format.readTop(suite, Buffer.from(fine)).madeAtMs, Date.UTC(2026, 10, 23, 6))
  for (const other of [text, `SHA256:\n${fine}`, `${fine}SHA256:\n`, fine + fine]) {
    assert.throws(() => format.readTop(suite, Buffer.from(other)), { code: 'MalformedOutput' })
  }
})
