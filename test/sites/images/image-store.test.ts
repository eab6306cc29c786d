import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sha256 } from '../../cache/origin.ts'
import { makeQcow2, makeStore } from './fixtures.ts'

test('an image is kept under its digest, and its name leads to it', async (t) => {
  const { store, folder } = await makeStore(t, () => 1_000_000)
  const file = join(folder, 'stock.qcow2')
  await makeQcow2(file, 'stock')
  const digest = sha256(await readFile(file))
  const manifest = await store.add(file, 'stock', { recipe: { release: 'bookworm' }, packages: { bash: '5.2' } })
  assert.equal(manifest.digest, digest)
  assert.equal(manifest.addedAtMs, 1_000_000)
  assert.equal(manifest.virtualBytes, 300_032)
  assert.equal(sha256(await readFile(join(store.folder, `sha256-${digest}.qcow2`))), digest)
  assert.equal((await stat(join(store.folder, `sha256-${digest}.qcow2`))).mode & 0o777, 0o444)
  assert.equal(await store.resolve('stock'), digest)
  assert.equal(await store.resolve(`sha256:${digest}`), digest)
  assert.deepEqual((await store.get(digest)).names, ['stock'])
  assert.deepEqual((await store.get(digest)).built?.packages, { bash: '5.2' })
})

test('a name goes over to the newer image; the same content is one file whatever its names', async (t) => {
  let now = 1
  const { store, add } = await makeStore(t, () => now++)
  const first = await add('stock', 'one')
  const second = await add('stock', 'two')
  const again = await add('other', 'one')
  assert.equal(again.digest, first.digest)
  const listed = (await store.list()).map(({ digest, names }) => [digest, names])
  assert.deepEqual(listed, [
    [second.digest, ['stock']],
    [first.digest, ['other']],
  ])
  await store.remove(first.digest)
  assert.deepEqual(
    (await readdir(store.folder)).filter((file) => file.includes(first.digest)),
    [],
  )
  await assert.rejects(store.resolve('other'), { code: 'ImageMissing' })
})

test('an image of the store gets a second name by its own file, and stays where it is', async (t) => {
  const { store, add } = await makeStore(t)
  const { digest } = await add('stock')
  const file = join(store.folder, `sha256-${digest}.qcow2`)
  await store.add(file, 'slurm', null)
  assert.deepEqual((await store.get(digest)).names, ['slurm', 'stock'])
  assert.equal(sha256(await readFile(file)), digest)
})

test('what somebody else put among the names is no name', async (t) => {
  const { store, add } = await makeStore(t)
  const { digest } = await add('stock')
  await writeFile(join(store.folder, 'names/notes'), 'not a link')
  await symlink('/srv/node.qcow2', join(store.folder, 'names/foreign'))
  assert.deepEqual((await store.list())[0]?.names, ['stock'])
  assert.equal(await store.resolve('stock'), digest)
  for (const name of ['notes', 'foreign']) await assert.rejects(store.resolve(name), { code: 'ImageMissing' })
})

test('what is no whole qcow2 is refused, and nothing of it stays', async (t) => {
  const { store, folder, add } = await makeStore(t)
  const text = join(folder, 'text')
  await writeFile(text, 'no image')
  await assert.rejects(store.add(text, 'text', null), { code: 'InvalidRequest', message: /no qcow2 image/ })
  const base = await add('base')
  const overlay = join(folder, 'overlay.qcow2')
  const backing = join(store.folder, `sha256-${base.digest}.qcow2`)
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', backing, '-F', 'qcow2', overlay])
  await assert.rejects(store.add(overlay, 'overlay', null), {
    code: 'InvalidRequest',
    message: /another file under it/,
  })
  const outside = join(folder, 'outside.qcow2')
  const options = `data_file=${join(folder, 'data')}`
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-o', options, outside, '1M'])
  await assert.rejects(store.add(outside, 'outside', null), { code: 'InvalidRequest', message: /data in another file/ })
  assert.equal((await store.list()).length, 1)
  assert.deepEqual(
    (await readdir(store.folder)).filter((file) => file.startsWith('.')),
    [],
  )
})

test('a name that is not there is told with the way out; what names no image is refused', async (t) => {
  const { store } = await makeStore(t)
  await assert.rejects(store.resolve('stock'), { code: 'ImageMissing', message: /causeway image build/ })
  await assert.rejects(store.resolve('../etc'), { code: 'InvalidRequest' })
  await assert.rejects(store.resolve('/a/path'), { code: 'InvalidRequest' })
  await assert.rejects(store.get('0'.repeat(64)), { code: 'ImageMissing' })
})

test('what a killed build left is swept once it is old', async (t) => {
  const { store } = await makeStore(t, () => 10_000_000)
  await mkdir(join(store.folder, '.new-old'), { recursive: true })
  await mkdir(join(store.folder, '.new-young'))
  await utimes(join(store.folder, '.new-old'), 1000, 1000)
  await utimes(join(store.folder, '.new-young'), 9999, 9999)
  await store.sweep(3_600_000)
  assert.deepEqual(await readdir(store.folder), ['.new-young'])
})
