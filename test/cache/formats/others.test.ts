import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { npm } from '../../../src/cache/formats/npm.ts'
import { unpacked } from '../../../src/cache/formats/unpack.ts'
import { scratchFolder } from '../start.ts'
import { collect, digest, inPieces, packagesIn, suiteAt, tool } from './samples.ts'

/** A database as pacman's repo-add 6.0.2 wrote it for one package. */
const archDatabase =
  'H4sIAAAAAAAAA+3SS2+bQBAAYJ/3V3DhaMy+l0iuRIE2qLZjQZxDLxWPJbFqGSveVFV/fQc7VR5V25PVRJnvArMMsDOzru83Y3rGgnDMJ6PTCMNQS+kNV/D8egyo5JClQsG1F1KmmBp58kT7eeJu76pb2Mpt37u/5f3r+fPiXgn3eP6t3Tcn+Af0Qwnx5/krmPnT+XOh5cgLT7CX37zx+fsf8lm2iOeZTx4fhfF3o74oEey+XgfQn+DH3hHiP+RB8D4uH4KrrCjzi4VP7t+HpTQrE5/0nedurOfs4QNJmX+Gl5ikEOTHYLidp7JczX0im8aaytBIq6iKasONEnVnWtZSTTsbQWp5HjOpDtmmbWXEpVTSUkONUZ2MWKME01bDaeKiiyrbycpIUbdhLWXLWFVzQ3UbWR4p+NqqmPnkxrnd2WQy7DFYb79Vm3ULj2Z5ki2GErf91kIcF8m5T459Gcpf5bM0jS+HCvSvkwzryzj5FH/MCp9cHmteFhdXOTTjvsHVbj3Vh/Yss0UKq9ebdd28m7KACwK3Q1Kw76d0PPzmfx8PhBBCCCGEEEIIIYQQQgghhBBCCCH0wv0Ek2+hRAAoAAA='

test("Arch's database, as repo-add writes it, is read", async () => {
  const file = '/archlinux/core/os/x86_64/core.db'
  const name = 'tool-1:2.0-3-x86_64.pkg.tar.zst'
  const database = Buffer.from(archDatabase, 'base64')
  const expected = [
    {
      name: 'tool',
      version: '1:2.0-3',
      architecture: 'x86_64',
      host: undefined,
      path: `/archlinux/core/os/x86_64/${name}`,
      expected: {
        algorithm: 'sha256',
        digest: '8dd5935565e181886f592c6427e730034f9aef5a854bd0b55d22ab3817d9e396',
        bytes: 251,
      },
      depends: [[{ name: 'glibc', constraint: '>= 2.34' }], [{ name: 'libtool.so', constraint: '= 1-64' }]],
      recommends: [],
      provides: [{ name: 'tool-api', version: '7' }],
    },
  ]
  const { format, suite } = suiteAt(file)
  assert.equal(suite.signature, `${file}.sig`)
  assert.ok(format.listsPackages(file))
  assert.deepEqual(await packagesIn(file, database), expected)
  const tar = Buffer.concat(await collect(unpacked(inPieces(database))))
  assert.deepEqual(await packagesIn(file, zstdCompressSync(tar), 10), expected)
  await assert.rejects(packagesIn(file, tar.subarray(0, 700)), { code: 'MalformedOutput' })
})

test("Alpine's index is read: two archives one after the other", async (t) => {
  const folder = await scratchFolder(t)
  const list = `C:Q1pSfk0XEy4cUAGKSz5sRrmPpBOXo=
P:busybox
V:1.36.1-r15
A:x86_64
S:507831
D:so:libc.musl-x86_64.so.1 tool>1.2 !conflict
p:/bin/sh cmd:busybox=1.36.1-r15

C:Q1pSfk0XEy4cUAGKSz5sRrmPpBOXo=
P:tool
V:1.3-r0

`
  await writeFile(join(folder, 'APKINDEX'), list)
  await writeFile(join(folder, '.SIGN.RSA.test.pub'), 'signature')
  await writeFile(join(folder, 'DESCRIPTION'), 'v3')
  // As abuild does: the first archive has no end, so that both are one.
  const signature = await tool(folder, ['tar', '-cf', '-', '.SIGN.RSA.test.pub'])
  const index = await tool(folder, ['tar', '-cf', '-', 'DESCRIPTION', 'APKINDEX'])
  const packed = Buffer.concat([gzipSync(signature.subarray(0, 1024)), gzipSync(index)])
  const file = '/alpine/v3.19/main/x86_64/APKINDEX.tar.gz'
  const [one, other, ...more] = await packagesIn(file, packed, 50)
  assert.deepEqual(more, [])
  assert.deepEqual([one?.path, one?.expected], ['/alpine/v3.19/main/x86_64/busybox-1.36.1-r15.apk', undefined])
  assert.deepEqual(one?.depends, [
    [{ name: 'so:libc.musl-x86_64.so.1', constraint: undefined }],
    [{ name: 'tool', constraint: '>> 1.2' }],
  ])
  assert.deepEqual(one?.provides, [
    { name: '/bin/sh', version: undefined },
    { name: 'cmd:busybox', version: '1.36.1-r15' },
  ])
  assert.equal(other?.name, 'tool')
  await assert.rejects(packagesIn(file, gzipSync(signature)), { code: 'MalformedOutput' })
})

test("PyPI's pages are read, in HTML and in JSON", async () => {
  const file = '/simple/tool/'
  const sha256 = 'c'.repeat(64)
  const wheel = 'tool-1.0-py3-none-any.whl'
  const html = `<!DOCTYPE html><html><body><h1>Links</h1>
<a href="https://files.pythonhosted.org/packages/aa/bb/${'0'.repeat(60)}/${wheel}#sha256=${sha256}" data-requires-python="&gt;=3.8">tool</a>
<a href='../../packages/tool-1.0.tar.gz#sha256=${sha256.toUpperCase()}'>tool</a><br/>
<a href="ftp://else.where/tool-1.0.zip">tool</a></body></html>`
  const json = JSON.stringify({
    meta: { 'api-version': '1.1' },
    name: 'tool',
    files: [
      {
        filename: wheel,
        url: `https://files.pythonhosted.org/packages/aa/bb/${'0'.repeat(60)}/${wheel}`,
        hashes: { sha256 },
      },
      { filename: 'tool-1.0.tar.gz', url: '/packages/tool-1.0.tar.gz', size: 5, hashes: { sha256 } },
    ],
  })
  for (const [body, bytes] of [
    [html, undefined],
    [json, 5],
  ] as const) {
    const [one, other, ...more] = await packagesIn(file, body, 11)
    assert.deepEqual(more, [])
    assert.deepEqual([one?.host, one?.version, one?.expected?.digest], ['files.pythonhosted.org', '1.0', sha256])
    assert.deepEqual([other?.host, other?.path], [undefined, '/packages/tool-1.0.tar.gz'])
    assert.deepEqual(other?.expected, { algorithm: 'sha256', digest: sha256, bytes })
  }
})

test("Conda's list is read piece by piece", async () => {
  const sha256 = 'd'.repeat(64)
  const entry = {
    name: 'tool',
    version: '1.0',
    build: 'h1_0',
    subdir: 'linux-64',
    sha256,
    size: 9,
    depends: ['python >=3.8', '__glibc'],
  }
  const text = JSON.stringify({
    info: { subdir: 'linux-64', odd: '{"packages": {' },
    packages: { 'tool-1.0-h1_0.tar.bz2': entry },
    'packages.conda': { 'tool-1.0-h1_0.conda': { ...entry, 'quo"te\\': [{}, [], '}'] } },
    removed: ['old-1-0.conda'],
    repodata_version: 1,
  })
  const file = '/conda-forge/linux-64/repodata.json'
  for (const [name, body] of [
    [file, text],
    [`${file}.zst`, zstdCompressSync(text)],
  ] as const) {
    const packages = await packagesIn(name, body, 3)
    assert.deepEqual(
      packages.map(({ path }) => path),
      ['/conda-forge/linux-64/tool-1.0-h1_0.tar.bz2', '/conda-forge/linux-64/tool-1.0-h1_0.conda'],
    )
    assert.deepEqual(packages[1]?.expected, { algorithm: 'sha256', digest: sha256, bytes: 9 })
    assert.deepEqual(packages[1]?.depends, [[{ name: 'python', constraint: undefined }]])
  }
  for (const wrong of [text.slice(0, -1), text.slice(0, 100), `${text}x`, '[]', '', text.replace(':9', ':nine')]) {
    await assert.rejects(packagesIn(file, wrong, 3), { code: 'MalformedOutput' })
  }
})

test("npm's documents are read", async () => {
  const integrity = `sha512-${Buffer.from('e'.repeat(128), 'hex').toString('base64')}`
  const text = JSON.stringify({
    name: '@scope/tool',
    versions: {
      '1.0.0': {
        name: '@scope/tool',
        version: '1.0.0',
        dependencies: { other: '^1' },
        dist: { tarball: 'https://registry.npmjs.org/@scope/tool/-/tool-1.0.0.tgz', integrity, shasum: 'f'.repeat(40) },
      },
      '0.1.0': {
        name: '@scope/tool',
        version: '0.1.0',
        dist: { tarball: 'https://registry.npmjs.org/@scope/tool/-/tool-0.1.0.tgz', shasum: 'f'.repeat(40) },
      },
    },
  })
  const suite = { format: 'npm', root: '/', top: '/@scope/tool' }
  const [one, other] = await collect(npm.readPackages(suite, '/@scope/tool', inPieces(text, 10)))
  assert.deepEqual(one?.expected, { algorithm: 'sha512', digest: 'e'.repeat(128), bytes: undefined })
  assert.deepEqual([one.host, one.path], [undefined, '/@scope/tool/-/tool-1.0.0.tgz'])
  assert.equal(other?.expected?.algorithm, 'sha1')
})

test('lists of digests beside images are read', async (t) => {
  const folder = await scratchFolder(t)
  await writeFile(join(folder, 'disk.qcow2'), 'image')
  await mkdir(join(folder, 'sub'))
  await writeFile(join(folder, 'sub/disk.raw'), 'other')
  const found = [`/images/disk.qcow2 ${digest('sha512', 'image')}`, `/images/sub/disk.raw ${digest('sha512', 'other')}`]
  for (const options of [[], ['--tag'], ['--binary']]) {
    const sums = await tool(folder, ['sha512sum', ...options, 'disk.qcow2', './sub/disk.raw'])
    const listed = await packagesIn(
      '/images/SHA512SUMS',
      `# comment\n${sums.toString()}${digest('sha256', '')}  ../../up\n`,
    )
    assert.deepEqual(
      listed.map(({ path, expected }) => `${path} ${expected?.digest}`),
      found,
    )
  }
})
