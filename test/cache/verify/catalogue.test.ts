import assert from 'node:assert/strict'
import { mkdir, open as openFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { systemClock } from '../../../src/base/clock.ts'
import type { Origin } from '../../../src/cache/origins.ts'
import type { PackageIndex } from '../../../src/cache/verify/catalogue.ts'
import { DiskCatalogue } from '../../../src/cache/verify/disk-catalogue.ts'
import { atEnd } from '../cleanup.ts'
import { inPieces, suiteAt } from '../formats/samples.ts'
import { sha256 } from '../origin.ts'
import { scratchFolder, until } from '../start.ts'

function originAt(host: string, redirects: readonly string[] = []): Origin {
  const rest = { address: '127.0.0.1', port: 80, mirrors: [], private: false, immutable: [], keyring: undefined }
  return { host, scheme: 'http', redirects, ...rest }
}

const origin = originAt('mirror.lab')
const file = '/debian/dists/lab/main/binary-amd64/Packages.gz'

function open(t: TestContext, folder: string, told: string[] = []): DiskCatalogue {
  const report = (code: string) => void told.push(code)
  const catalogue = new DiskCatalogue(folder, systemClock, { report })
  atEnd(t, () => catalogue.close())
  return catalogue
}

function indexOf(body: Buffer, at = file, from = origin): PackageIndex {
  return { origin: from, suite: suiteAt(at).suite, file: at, sha256: sha256(body) }
}

/** A list of packages: name and the letter that its digest is made of. */
function list(packages: Record<string, string>): Buffer {
  const stanzas = Object.entries(packages).map(
    ([name, letter]) =>
      `Package: ${name}\nVersion: 1\nFilename: pool/${name}.deb\nSize: 7\nSHA256: ${letter.repeat(64)}\nDepends: base\nProvides: any-${name} (= 3), any\n`,
  )
  return gzipSync(stanzas.join('\n'))
}

const learn = (catalogue: DiskCatalogue, body: Buffer, at = file, from = origin) =>
  catalogue.learn(indexOf(body, at, from), () => inPieces(body))

const digestOf = (catalogue: DiskCatalogue, path: string) => catalogue.expected(origin, path)?.digest[0]

test('what an index says is known afterwards, also to the next process, and only of its own origin', async (t) => {
  const folder = await scratchFolder(t)
  const first = open(t, folder)
  const body = list({ tool: 'a', 'lib++': 'b' })
  assert.equal(first.expected(origin, '/debian/pool/tool.deb'), undefined)
  assert.equal(first.knows(indexOf(body)), false)
  await learn(first, body)
  assert.equal(first.knows(indexOf(body)), true)
  await first.close()
  const second = open(t, folder)
  const expected = { algorithm: 'sha256', digest: 'a'.repeat(64), bytes: 7 }
  for (const path of ['/debian/pool/tool.deb', '/debian/pool/tool.deb?x', '/debian//pool/%74ool.deb']) {
    assert.deepEqual(second.expected(origin, path), expected)
  }
  assert.equal(digestOf(second, '/debian/pool/lib%2b%2b.deb'), 'b')
  assert.equal(second.expected(originAt('other.lab'), '/debian/pool/tool.deb'), undefined)
  assert.equal(digestOf(second, '/pool/tool.deb'), undefined)
  assert.equal(digestOf(second, `/x/by-hash/SHA256/${'c'.repeat(64)}`), 'c')
  const [named, ...more] = second.named([indexOf(body)], 'any-tool')
  assert.deepEqual(more, [])
  assert.deepEqual(named, {
    name: 'tool',
    version: '1',
    architecture: '',
    host: undefined,
    path: '/debian/pool/tool.deb',
    expected,
    depends: [[{ name: 'base', constraint: undefined }]],
    recommends: [],
    provides: [
      { name: 'any-tool', version: '3' },
      { name: 'any', version: undefined },
    ],
  })
  assert.equal(second.named([indexOf(body)], 'any').length, 2)
})

test('of two versions the one learned last is believed, until it is dropped', async (t) => {
  const catalogue = open(t, await scratchFolder(t))
  const [old, now] = [list({ tool: 'a', gone: 'c', same: 'd' }), list({ tool: 'b', same: 'd' })]
  await learn(catalogue, old)
  assert.equal(digestOf(catalogue, '/debian/pool/tool.deb'), 'a')
  await learn(catalogue, now)
  assert.equal(digestOf(catalogue, '/debian/pool/tool.deb'), 'b')
  assert.equal(digestOf(catalogue, '/debian/pool/gone.deb'), 'c')
  const of = (body: Buffer) => catalogue.named([indexOf(body)], 'tool').map((one) => one.expected?.digest[0])
  assert.deepEqual([of(old), of(now)], [['a'], ['b']])
  // Learned again it is no newer for it.
  await learn(catalogue, old)
  assert.equal(digestOf(catalogue, '/debian/pool/tool.deb'), 'b')
  await catalogue.retain([indexOf(old)])
  assert.equal(digestOf(catalogue, '/debian/pool/tool.deb'), 'a')
  assert.deepEqual([of(old), of(now), catalogue.knows(indexOf(now))], [['a'], [], false])
  assert.equal(digestOf(catalogue, '/debian/pool/same.deb'), 'd')
  await catalogue.retain([])
  assert.equal(digestOf(catalogue, '/debian/pool/same.deb'), undefined)
})

test('an index that can not be read to its end leaves nothing', async (t) => {
  const catalogue = open(t, await scratchFolder(t))
  const whole = list({ tool: 'a', other: 'b' })
  const broken = gzipSync('Package: tool\nFilename: pool/tool.deb\n\nPackage: other\nFilename: ../x.deb\n')
  await assert.rejects(learn(catalogue, broken), { code: 'MalformedOutput' })
  await assert.rejects(learn(catalogue, whole.subarray(0, whole.length - 9)), { code: 'MalformedOutput' })
  const failure = new Error('the disk is gone')
  const failing = async function* () {
    yield whole.subarray(0, 30)
    throw failure
  }
  await assert.rejects(catalogue.learn(indexOf(whole), failing), failure)
  assert.deepEqual([digestOf(catalogue, '/debian/pool/tool.deb'), catalogue.knows(indexOf(whole))], [undefined, false])
  await learn(catalogue, whole)
  assert.equal(digestOf(catalogue, '/debian/pool/tool.deb'), 'a')
})

test('an index speaks for other hosts only where its origin may send the cache there', async (t) => {
  const catalogue = open(t, await scratchFolder(t))
  const page = Buffer.from(`<a href="https://files.lab/a.whl#sha256=${'a'.repeat(64)}">a</a>`)
  const files = originAt('files.lab')
  await learn(catalogue, page, '/simple/a/')
  assert.equal(catalogue.expected(files, '/a.whl'), undefined)
  await learn(catalogue, page, '/simple/b/', originAt('mirror.lab', ['files.lab']))
  assert.equal(catalogue.expected(files, '/a.whl')?.digest, 'a'.repeat(64))
})

test('the same index is read once, others one after the other', async (t) => {
  const catalogue = open(t, await scratchFolder(t))
  const [one, other] = [list({ tool: 'a' }), list({ another: 'b' })]
  let read = 0
  const counted = (body: Buffer) => () => {
    read += 1
    return inPieces(body)
  }
  await Promise.all([one, other, one, one].map((body) => catalogue.learn(indexOf(body), counted(body))))
  assert.equal(read, 2)
  await catalogue.learn(indexOf(one), counted(one))
  assert.equal(read, 2)
  assert.deepEqual(
    ['tool', 'another'].map((name) => digestOf(catalogue, `/debian/pool/${name}.deb`)),
    ['a', 'b'],
  )
})

test('closed while it learns, it can be opened and learn again in the same process', async (t) => {
  const folder = await scratchFolder(t)
  const body = list(Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`p${index}`, 'a'])))
  const first = open(t, folder)
  let pieces = 0
  const watched = async function* () {
    for await (const piece of inPieces(body)) {
      pieces += 1
      yield piece
    }
  }
  const learning = assert.rejects(first.learn(indexOf(body), watched), { code: 'Internal' })
  await until('it is in the middle', () => pieces > 20)
  await first.close()
  await learning
  const second = open(t, folder)
  assert.equal(second.knows(indexOf(body)), false)
  await learn(second, body)
  assert.equal(digestOf(second, '/debian/pool/p19999.deb'), 'a')
})

/** Overwrites all of a catalogue but what says that it is one. */
async function damage(folder: string): Promise<void> {
  const file = join(folder, 'catalogue.db')
  const handle = await openFile(file, 'r+')
  const { size } = await handle.stat()
  await handle.write(Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096)
  await handle.close()
}

const noDatabase = (folder: string) => writeFile(join(folder, 'catalogue.db'), 'no database at all '.repeat(500))

test('a catalogue that is damaged is made anew', async (t) => {
  for (const [harm, events] of [
    [noDatabase, []],
    [damage, ['DiskTrouble']],
  ] as const) {
    const folder = await scratchFolder(t)
    const body = list({ tool: 'a' })
    const before = open(t, folder)
    await learn(before, body)
    await before.close()
    await harm(folder)
    const told: string[] = []
    const catalogue = open(t, folder, told)
    assert.equal(digestOf(catalogue, '/debian/pool/tool.deb'), undefined)
    assert.deepEqual(
      [catalogue.knows(indexOf(body)), catalogue.named([indexOf(body)], 'tool'), told],
      [false, [], events],
    )
    await learn(catalogue, body)
    assert.equal(digestOf(catalogue, '/debian/pool/tool.deb'), 'a')
    await catalogue.close()
  }
})

test('a catalogue that is found damaged by the thread that writes it is made anew', async (t) => {
  const folder = await scratchFolder(t)
  const before = open(t, folder)
  await learn(before, list({ tool: 'a' }))
  await before.close()
  await damage(folder)
  const told: string[] = []
  const catalogue = open(t, folder, told)
  await assert.rejects(catalogue.retain([]), /malformed/)
  assert.deepEqual(told, ['DiskTrouble'])
  await learn(catalogue, list({ tool: 'b' }))
  assert.equal(digestOf(catalogue, '/debian/pool/tool.deb'), 'b')
})

test('where no catalogue can be made nothing is known, until there can be one', async (t) => {
  const folder = await scratchFolder(t)
  const file = join(folder, 'catalogue.db')
  await mkdir(file)
  const told: string[] = []
  const catalogue = open(t, folder, told)
  const body = list({ tool: 'a' })
  assert.deepEqual([digestOf(catalogue, '/debian/pool/tool.deb'), catalogue.knows(indexOf(body))], [undefined, false])
  await assert.rejects(learn(catalogue, body), { code: 'Internal', message: /catalogue.db can't be opened/ })
  assert.deepEqual(told, ['DiskTrouble'])
  await rmdir(file)
  await learn(catalogue, body)
  assert.equal(digestOf(catalogue, '/debian/pool/tool.deb'), 'a')
})
