import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { collectGarbage } from '../../src/cli/image-gc.ts'
import { showImage, showImages } from '../../src/cli/image-list.ts'
import { chosenHosts, configuredDigests, imageHosts, sourcesOf } from '../../src/cli/images.ts'
import type { ControllerConfig } from '../../src/config/controller-schema.ts'
import { HostImages } from '../../src/sites/images/host-images.ts'
import { LocalHost } from '../../src/sites/local-host.ts'
import { makeStore } from '../sites/images/fixtures.ts'
import { configText, someConfig } from '../support/controller-config.ts'

/** A site with libvirt on its gateway and one further host, whose machines are made of `image`. */
function poolConfig(folder: string, image: string, images: object = {}): ControllerConfig {
  const config = someConfig()
  const { ssh } = config.sites['east']?.gateway ?? assert.fail()
  const hosts = { h1: { gateway: true }, h2: { gateway: false, ssh, underlay: '10.250.1.3', address: '10.77.1.253' } }
  const driver = { kind: 'libvirt', image, hosts } as unknown as ControllerConfig['sites'][string]['driver']
  return {
    ...config,
    images: { folder, ...images },
    sites: { east: { ...config.sites['east'], driver } as ControllerConfig['sites'][string] },
  }
}

const digest = 'a'.repeat(64)

test('hosts fetch from the cache of their site, then from the head; without a server from nowhere', () => {
  const plain = poolConfig('/images', 'stock', { listen: '0.0.0.0:8471' })
  assert.deepEqual(sourcesOf(plain, 'east'), ['http://10.250.0.2:8471'])
  const east = { ...plain.sites['east'], cache: { port: 3128 } } as ControllerConfig['sites'][string]
  assert.deepEqual(sourcesOf({ ...plain, sites: { east } }, 'east'), [
    'http://10.250.1.2:3128/http/images.causeway',
    'http://10.250.0.2:8471',
  ])
  assert.deepEqual(sourcesOf(poolConfig('/images', 'stock', { listen: '0.0.0.0:1', url: 'http://head:2' }), 'east'), [
    'http://head:2',
  ])
  const elsewhere = poolConfig('/images', 'stock', { listen: '192.0.2.7:8471' })
  assert.deepEqual(sourcesOf(elsewhere, 'east'), ['http://192.0.2.7:8471'], 'it answers at no other address')
  assert.deepEqual(sourcesOf(poolConfig('/images', 'stock'), 'east'), [])
})

test('the hosts of a command line are those of sites with libvirt, and a wrong name is told the right ones', () => {
  const config = poolConfig('/images', 'stock')
  assert.deepEqual(
    imageHosts(config).map(({ name }) => name),
    ['east', 'east/h2'],
  )
  assert.deepEqual(chosenHosts(config, { site: 'east', host: 'h2' }), [{ site: 'east', name: 'east/h2' }])
  assert.throws(() => chosenHosts(config, { host: 'h9' }), { code: 'InvalidRequest', message: /east, east\/h2/ })
  assert.deepEqual(imageHosts(someConfig()), [])
})

test('gc removes what nothing names and nothing uses, on hosts and on the head, and says why the rest stays', async (t) => {
  let now = Date.now() - 10 * 3_600_000
  const { store, add, folder } = await makeStore(t, () => now++)
  const [named, used, idle, young] = [await add('named'), await add('used'), await add('idle'), await add('young')]
  const hostFolder = join(folder, 'host/images')
  await mkdir(hostFolder, { recursive: true })
  for (const image of [named, used, idle, young]) {
    const file = join(hostFolder, `sha256-${image.digest}.qcow2`)
    execFileSync('cp', [join(store.folder, `sha256-${image.digest}.qcow2`), file])
    if (image !== young) await utimes(file, 1000, 1000)
  }
  const disk = join(folder, 'host/machines/m1/disk.qcow2')
  await mkdir(join(disk, '..'), { recursive: true })
  const under = join(hostFolder, `sha256-${used.digest}.qcow2`)
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', under, '-F', 'qcow2', disk])

  const config = poolConfig(store.folder, 'named')
  const local = new LocalHost('host')
  const hosts = new Map([
    ['east', local],
    ['east/h2', new LocalHost('h2')],
  ])
  const empty = join(folder, 'empty')
  const at = (host: { name: string }) =>
    new HostImages(local, { folder: host.name === 'h2' ? empty : hostFolder, bin: join(folder, 'bin') })
  const fate = ({ swept }: Awaited<ReturnType<typeof collectGarbage>>, where: string) =>
    new Map(swept.filter((one) => one.at === where).map((one) => [one.digest, one.stays]))
  const expected = new Map([
    [named.digest, 'the configuration names it'],
    [used.digest, 'a machine uses it'],
    [idle.digest, null],
    [young.digest, null],
  ])
  const asked = new Map([...expected, [young.digest, 'it was brought or asked for lately']])

  const tried = await collectGarbage(config, hosts, { keep: 0, dryRun: true }, at)
  assert.deepEqual(fate(tried, 'head'), expected)
  assert.deepEqual(fate(tried, 'east'), asked)
  assert.equal((await store.list()).length, 4)
  assert.equal((await at(local).list()).length, 4)

  const done = await collectGarbage(config, hosts, { keep: 0, dryRun: false }, at)
  assert.deepEqual(fate(done, 'head'), expected)
  assert.deepEqual(fate(done, 'east'), asked)
  const left = [named.digest, used.digest].sort()
  assert.deepEqual((await store.list()).map((one) => one.digest).sort(), left)
  assert.deepEqual((await at(local).list()).map((one) => one.digest).sort(), [...left, young.digest].sort())

  // A host that is away may use anything.
  await add('more')
  now = Date.now() - 10 * 3_600_000
  await hosts.get('east/h2')?.close()
  const dark = (host: LocalHost) => new HostImages(host, { folder: empty, bin: join(folder, 'bin') })
  const unsure = await collectGarbage(config, hosts, { keep: 0, dryRun: false }, (host) => dark(host as LocalHost))
  assert.deepEqual(
    unsure.unread.map(({ host }) => host),
    ['east/h2'],
  )
  assert.equal((await store.list()).length, 3)
})

test('gc does nothing while the configuration names an image that is not there', async (t) => {
  const { store, add } = await makeStore(t, () => 1)
  await add('other')
  const config = poolConfig(store.folder, 'stock')
  await assert.rejects(configuredDigests(config, store), { code: 'ImageMissing' })
  await assert.rejects(collectGarbage(config, new Map(), { keep: 0, dryRun: false }), { code: 'ImageMissing' })
  assert.equal((await store.list()).length, 1)
  assert.deepEqual(await configuredDigests(poolConfig(store.folder, '/a/file.qcow2'), store), new Set())
})

test('images are shown with the hosts that have them', () => {
  const image = {
    digest,
    name: 'stock',
    names: ['stock'],
    bytes: 136_839_168,
    virtualBytes: 2_147_483_648,
    addedAtMs: 0,
    built: { recipe: { release: 'bookworm' }, packages: { bash: '5.2.15' } },
  }
  const hosts = [
    { name: 'east', has: [digest, 'b'.repeat(64)], trouble: null },
    { name: 'west', has: [], trouble: 'west: no route' },
  ]
  assert.equal(
    showImages({ images: [image], hosts }),
    [
      'NAMES  SHA-256       SIZE    DISK    SINCE             HOSTS',
      'stock  aaaaaaaaaaaa  137 MB  2.1 GB  1970-01-01T00:00  east',
      '! the head does not have bbbbbbbbbbbb: east',
      "! west can't be asked: west: no route",
    ].join('\n'),
  )
  assert.match(showImage({ ...image, hosts: ['east'] }), /^hosts {5}east$[^]*^ {2}bash 5\.2\.15$/m)
})

test('causeway image add takes a file in, as the first step of a new head', async (t) => {
  const { folder } = await makeStore(t)
  const main = new URL('../../src/main.ts', import.meta.url).pathname
  const file = join(folder, 'cloud.qcow2')
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', file, '1M'])
  const config = join(folder, 'causeway.yaml')
  await writeFile(config, configText({ more: `images: { folder: ${folder}/store }\n` }))
  const run = (...args: string[]) =>
    execFileSync(process.execPath, [main, 'image', ...args, '--config', config], { encoding: 'utf8' })
  assert.match(run('add', 'cloud', file), /^cloud: sha256:[0-9a-f]{64}, \d+ kB, a disk of 1\.0 MB\n$/)
  const [image] = (JSON.parse(run('list', '--json')) as { images: { names: string[]; built: null }[] }).images
  assert.deepEqual([image?.names, image?.built], [['cloud'], null])
})
