import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import type { ExecOptions, Host } from '../../../src/base/host.ts'
import { HostImages } from '../../../src/sites/images/host-images.ts'
import { imageServer } from '../../../src/sites/images/image-server.ts'
import { HeadImages } from '../../../src/sites/images/image-source.ts'
import { LocalHost } from '../../../src/sites/local-host.ts'
import { atEnd } from '../../cache/cleanup.ts'
import { sha256, startOrigin } from '../../cache/origin.ts'
import { setUp } from '../../cache/start.ts'
import { JumpingClock } from '../../fakes/openstack/clock.ts'
import { makeStore } from './fixtures.ts'

/** The head: a store with one image of about a megabyte, and its server, which counts what it gave away. */
async function head(t: TestContext) {
  const made = await makeStore(t)
  const manifest = await made.add('stock', 'stock', 1_000_000)
  const server = imageServer(made.store.folder)
  const given = { requests: 0, bytes: 0 }
  server.addHook('onResponse', async (_request, reply) => {
    given.requests += 1
    given.bytes += Number(reply.getHeader('content-length') ?? 0)
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  atEnd(t, () => server.close())
  const { port } = server.server.address() as AddressInfo
  const body = await readFile(join(made.store.folder, `sha256-${manifest.digest}.qcow2`))
  return { ...made, manifest, body, given, port, url: `http://127.0.0.1:${port}` }
}

type Head = Awaited<ReturnType<typeof head>>

/** A site host: this machine, with folders of its own for images and scripts. */
function siteHost({ store, folder }: Head, name: string, sources: readonly string[], host: Host = new LocalHost(name)) {
  const own = { folder: join(folder, name, 'images'), bin: join(folder, 'bin') }
  const images = new HeadImages({ store, sources, clock: systemClock, ...own })
  return { host, images, at: new HostImages(host, own), folder: own.folder }
}

/** An origin that answers with the image's bytes as `answer` likes. */
async function oddOrigin(t: TestContext, answer: RequestListener) {
  const origin = await startOrigin(answer)
  atEnd(t, () => origin.close())
  return { requests: origin.requests, url: `http://127.0.0.1:${origin.port}` }
}

test('two hosts of a site: the image crosses the WAN once, and both have it whole', async (t) => {
  const central = await head(t)
  const { cache } = await setUp(t, (_req, res) => res.end(), {
    settings: { origins: { 'images.causeway': { address: '127.0.0.1', port: central.port } } },
  })
  const sources = [`http://127.0.0.1:${cache.port}/http/images.causeway`, 'http://127.0.0.1:1']
  for (const name of ['h1', 'h2']) {
    const { host, images } = siteHost(central, name, sources)
    const path = await images.bring(host, 'stock')
    assert.equal(path, await images.pathOf('stock'))
    assert.equal(sha256(await readFile(path)), central.manifest.digest)
    assert.equal((await stat(path)).mode & 0o777, 0o444)
  }
  assert.equal(central.given.bytes, central.manifest.bytes)
})

test('where the cache does not know the head, hosts fetch from the head itself', async (t) => {
  const central = await head(t)
  const { cache } = await setUp(t, (_req, res) => res.end())
  const { host, images } = siteHost(central, 'h1', [`http://127.0.0.1:${cache.port}/http/images.causeway`, central.url])
  assert.equal(sha256(await readFile(await images.bring(host, 'stock'))), central.manifest.digest)
})

test('many bringers, also of several controllers, share one transfer; who has it asks nobody', async (t) => {
  const central = await head(t)
  const hosts = [siteHost(central, 'h1', [central.url]), siteHost(central, 'h1', [central.url])]
  const paths = await Promise.all(hosts.flatMap(({ host, images }) => [1, 2].map(() => images.bring(host, 'stock'))))
  assert.equal(new Set(paths).size, 1)
  assert.equal(central.given.requests, 1)
  const later = siteHost(central, 'h1', [])
  assert.equal(await later.images.bring(later.host, `sha256:${central.manifest.digest}`), paths[0])
  assert.equal(await later.images.bring(later.host, '/somewhere/else.qcow2'), '/somewhere/else.qcow2')
  assert.equal(central.given.requests, 1)
})

test('a transfer that breaks goes on where it stopped', async (t) => {
  const central = await head(t)
  const half = Math.floor(central.body.length / 2)
  const { requests, url } = await oddOrigin(t, (req, res) => {
    const from = Number(/^bytes=(\d+)-$/.exec(req.headers.range ?? '')?.[1] ?? 0)
    const size = central.body.length
    res.writeHead(from > 0 ? 206 : 200, {
      'content-length': size - from,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${size - 1}/${size}` } : {}),
    })
    if (from > 0) res.end(central.body.subarray(from))
    else res.write(central.body.subarray(0, half), () => res.destroy())
  })
  const { host, images } = siteHost(central, 'h1', [url])
  assert.equal(sha256(await readFile(await images.bring(host, 'stock'))), central.manifest.digest)
  assert.deepEqual(
    requests.map(({ headers }) => headers.range),
    [undefined, `bytes=${half}-`],
  )
})

test('what a power cut left of a transfer may be anything', async (t) => {
  const central = await head(t)
  const { host, images, folder } = siteHost(central, 'h1', [central.url])
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `.part-${central.manifest.digest}`), Buffer.alloc(4096))
  assert.equal(sha256(await readFile(await images.bring(host, 'stock'))), central.manifest.digest)
})

test('damaged bytes never get the name; another source is asked', async (t) => {
  const central = await head(t)
  const damaged = Buffer.from(central.body)
  damaged[70_000] = (damaged[70_000] ?? 0) ^ 1
  const { url } = await oddOrigin(t, (_req, res) => res.end(damaged))
  const alone = siteHost(central, 'h1', [url])
  await assert.rejects(alone.images.bring(alone.host, 'stock'), { code: 'ImageMissing', message: /damaged/ })
  assert.deepEqual(
    (await readdir(alone.folder)).filter((file) => !file.startsWith('.lock') && !file.startsWith('.outcome')),
    [],
  )
  const both = siteHost(central, 'h1', [url, central.url])
  assert.equal(sha256(await readFile(await both.images.bring(both.host, 'stock'))), central.manifest.digest)
})

test('an image that is nowhere, a source that is away, and no source at all are told apart', async (t) => {
  const central = await head(t)
  const unknown = `sha256:${'0'.repeat(64)}`
  const nowhere = siteHost(central, 'h1', [central.url])
  await assert.rejects(nowhere.images.bring(nowhere.host, 'golden'), {
    code: 'ImageMissing',
    message: /image build/,
  })
  await assert.rejects(nowhere.images.bring(nowhere.host, unknown), {
    code: 'ImageMissing',
    message: /head does not have it either/,
  })
  await rm(join(central.store.folder, `sha256-${central.manifest.digest}.qcow2`))
  await assert.rejects(nowhere.images.bring(nowhere.host, 'stock'), { code: 'ImageMissing', message: /404/ })
  const away = siteHost(central, 'h2', ['http://127.0.0.1:1'])
  await assert.rejects(away.images.bring(away.host, 'stock'), { code: 'CommandFailed', retryable: true })
  const without = siteHost(central, 'h3', [])
  await assert.rejects(without.images.bring(without.host, 'stock'), { code: 'ImageMissing', message: /images\.listen/ })
})

test('a full disk is InsufficientCapacity, before and in the middle of a transfer', async (t) => {
  const central = await head(t)
  const { at, folder } = siteHost(central, 'h1', [])
  await assert.rejects(at.bring(central.manifest.digest, 1e15, [central.url]), {
    code: 'InsufficientCapacity',
    message: /do not fit/,
  })
  assert.equal(central.given.requests, 0)
  const local = new LocalHost('h1')
  /** Its files cannot become larger than a tenth of the image. */
  const tight: Host = {
    name: 'h1',
    exec: (argv: readonly string[], options?: ExecOptions) =>
      local.exec(['prlimit', '--fsize=100000', ...argv], options),
    close: () => local.close(),
  }
  const full = siteHost(central, 'h1', [central.url], tight)
  await assert.rejects(full.images.bring(tight, 'stock'), { code: 'InsufficientCapacity' })
  assert.ok(!(await readdir(folder)).some((file) => file.startsWith('.part')))
})

test('who has no more patience goes, the transfer does not', async (t) => {
  const central = await head(t)
  const waiting = Promise.withResolvers<() => void>()
  const { url } = await oddOrigin(t, (_req, res) => {
    res.writeHead(200, { 'content-length': central.body.length })
    res.write(central.body.subarray(0, 1000))
    waiting.resolve(() => void res.end(central.body.subarray(1000)))
  })
  const { host, at, folder } = siteHost(central, 'h1', [])
  const own = { folder, bin: join(central.folder, 'bin') }
  const hasty = new HeadImages({ ...own, store: central.store, sources: [url], clock: systemClock, patienceMs: 0 })
  await assert.rejects(hasty.bring(host, 'stock'), { code: 'CommandTimeout', message: /still coming, 0 % of it/ })
  const goOn = await waiting.promise
  goOn()
  for (let state = ''; state !== 'there'; ) ({ state } = await at.bring(central.manifest.digest, 1, []))
})

test('a host that says at once that an image is coming is asked once a second', async (t) => {
  const central = await head(t)
  let asked = 0
  const host: Host = {
    name: 'h1',
    exec: (argv) => {
      if (argv.includes('bring')) asked += 1
      return Promise.resolve({ code: 0, stdout: '{"state":"coming","bytes":0}\n', stderr: '' })
    },
    close: () => Promise.resolve(),
  }
  const options = { store: central.store, sources: [central.url], clock: new JumpingClock(() => 0), patienceMs: 10_000 }
  await assert.rejects(new HeadImages(options).bring(host, 'stock'), { code: 'CommandTimeout' })
  assert.equal(asked, 11)
})

test('an image goes only when no machine uses it, nothing has it open, and nobody asked for it lately', async (t) => {
  const central = await head(t)
  const { digest } = central.manifest
  const { host, images, at, folder } = siteHost(central, 'h1', [central.url])
  const path = await images.bring(host, 'stock')
  assert.deepEqual(await at.list(), [{ digest, bytes: central.manifest.bytes, machines: 0 }])
  assert.deepEqual(await at.remove(digest, 3_600_000), { removed: false, why: 'it was brought or asked for lately' })
  const machine = join(folder, '../machines/m1')
  await mkdir(machine, { recursive: true })
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', path, '-F', 'qcow2', join(machine, 'disk.qcow2')])
  assert.equal((await at.list())[0]?.machines, 1)
  assert.deepEqual(await at.remove(digest, 0), { removed: false, why: 'a machine uses it' })
  await rm(machine, { recursive: true })
  const reader = spawn('tail', ['--follow', '--bytes=1', path], { stdio: ['ignore', 'pipe', 'ignore'] })
  atEnd(t, () => reader.kill('SIGKILL'))
  await once(reader.stdout, 'data')
  assert.deepEqual(await at.remove(digest, 0), { removed: false, why: 'a process has it open' })
  const ended = once(reader, 'exit')
  reader.kill('SIGKILL')
  await ended
  await utimes(path, 1000, 1000)
  assert.deepEqual(await at.inspect(digest), { digest, bytes: central.manifest.bytes, whole: true })
  assert.deepEqual(await at.remove(digest, 3_600_000), { removed: true, why: null })
  assert.deepEqual(await at.list(), [])
  assert.deepEqual(await at.remove(digest, 0), { removed: true, why: null })
})

test('machines on a disk of their own are found', async (t) => {
  const central = await head(t)
  const { digest } = central.manifest
  const plain = siteHost(central, 'h1', [central.url])
  const image = await plain.images.bring(plain.host, 'stock')
  // The same host, with a disk mounted where machines are.
  const mounted = `
    mkdir -p "$1"
    mount -t tmpfs machines "$1"
    qemu-img create -q -f qcow2 -b "$2" -F qcow2 "$1/disk.qcow2"
    shift 2
    exec "$@"`
  const wrap = ['unshare', '--mount', 'sh', '-euc', mounted, 'sh', join(plain.folder, '../machines'), image]
  const local = new LocalHost('h1')
  const host: Host = {
    name: 'h1',
    exec: (argv: readonly string[], options?: ExecOptions) => local.exec([...wrap, ...argv], options),
    close: () => local.close(),
  }
  const { at } = siteHost(central, 'h1', [], host)
  assert.equal((await at.list())[0]?.machines, 1)
  assert.deepEqual(await at.remove(digest, 0), { removed: false, why: 'a machine uses it' })
})

test('asking for an image keeps it for another while; a damaged one is found', async (t) => {
  const central = await head(t)
  const { digest } = central.manifest
  const first = siteHost(central, 'h1', [central.url])
  const path = await first.images.bring(first.host, 'stock')
  await utimes(path, 1000, 1000)
  const second = siteHost(central, 'h1', [central.url])
  await second.images.bring(second.host, 'stock')
  assert.deepEqual(await second.at.remove(digest, 3_600_000), {
    removed: false,
    why: 'it was brought or asked for lately',
  })
  execFileSync('chmod', ['u+w', path])
  execFileSync('dd', [
    'if=/dev/urandom',
    `of=${path}`,
    'bs=1',
    'seek=300000',
    'count=64',
    'conv=notrunc',
    'status=none',
  ])
  assert.equal((await second.at.inspect(digest)).whole, false)
})

test('the server gives images only, whole or in part', async (t) => {
  const { url, manifest, body, folder } = await head(t)
  await writeFile(join(folder, 'secret'), 'secret')
  const file = `${url}/sha256-${manifest.digest}.qcow2`
  const part = await fetch(file, { headers: { range: 'bytes=100-199', 'if-range': `"${manifest.digest}"` } })
  assert.equal(part.status, 206)
  assert.equal(part.headers.get('content-range'), `bytes 100-199/${body.length}`)
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), body.subarray(100, 200))
  const headOnly = await fetch(file, { method: 'HEAD' })
  assert.equal(headOnly.headers.get('content-length'), String(body.length))
  assert.equal(headOnly.headers.get('etag'), `"${manifest.digest}"`)
  for (const path of ['', `sha256-${manifest.digest}.json`, 'names', '..%2fsecret', `sha256-${'0'.repeat(64)}.qcow2`]) {
    assert.equal((await fetch(`${url}/${path}`)).status, 404, path)
  }
})
