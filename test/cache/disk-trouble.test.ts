import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { silentLog } from '../../src/base/log.ts'
import { startCache } from '../../src/cache/server.ts'
import type { CacheStatus } from '../../src/cache/watch/status.ts'
import { atEnd } from './cleanup.ts'
import { ask } from './client.ts'
import { bytesFor, sha256, startOrigin } from './origin.ts'
import { settingsFor } from './settings-for.ts'
import { askAndRest, scratchFolder, setUp } from './start.ts'

const run = promisify(execFile)

const sizes = [5000, 200_000, 3_000_000]

const packageOf = (index: number) => `/pool/p${index}_1_all.deb`

const list = Buffer.from('')

const release = Buffer.from(`Suite: lab\nSHA256:\n ${sha256(list)} ${list.length} main/binary-amd64/Packages\n`)

const indexes: Readonly<Record<string, Buffer>> = {
  '/dists/lab/Release': release,
  '/dists/lab/main/binary-amd64/Packages': list,
}

/** Bodies of three sizes by the number in the URL, indexes, and something else. */
function bodyOf(url = ''): Buffer {
  return indexes[url] ?? bytesFor(url, sizes[Number(/p(\d)_/.exec(url)?.[1])] ?? 900)
}

const answer: Parameters<typeof startOrigin>[0] = (req, res) => {
  const missing = /InRelease$|[.]gpg$/.test(req.url ?? '')
  res.writeHead(missing ? 404 : 200).end(missing ? '' : bodyOf(req.url))
}

/** Asks for everything; all of it must be right. */
async function askForAll(port: number): Promise<void> {
  const packages = sizes.map((_, index) => packageOf(index))
  for (const path of [...packages, ...Object.keys(indexes), '/simple/thing/', '/x.txt']) {
    const { status, body, broken } = await ask(port, path)
    assert.deepEqual(
      [path, status, broken],
      [path, 200, false],
      `${path}: ${status} ${body.subarray(0, 500).toString()}`,
    )
    assert.ok(body.equals(bodyOf(path)), path)
  }
}

async function statusOf(socket: string): Promise<CacheStatus> {
  const { stdout } = await run('curl', ['-sSf', '--unix-socket', socket, 'http://cache/v1/status'])
  return JSON.parse(stdout) as CacheStatus
}

test('a store whose folder is removed while it is in use: files are passed through, and the status says so', async (t) => {
  const { cache, folder } = await setUp(t, answer)
  for (const index of sizes.keys()) await askAndRest(cache, packageOf(index))
  await askForAll(cache.port)
  await rm(join(folder, 'store', 'bodies'), { recursive: true })
  await rm(join(folder, 'store', 'partial'), { recursive: true })
  await askForAll(cache.port)
  await askForAll(cache.port)
  const { troubled, events } = await statusOf(join(folder, 'store', 'admin.sock'))
  assert.deepEqual([troubled, [...new Set(events.map(({ code }) => code))]], [true, ['DiskTrouble']])
})

/** A file system of its own in memory, gone when the test ends. */
async function smallDisk(t: TestContext, megabytes: number): Promise<string> {
  const folder = await scratchFolder(t)
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder])
  atEnd(t, () => run('umount', ['-l', folder]))
  return folder
}

/** Fills a disk to its last byte. */
async function fill(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  for (let left = bavail * bsize, step = left; step >= 1; ) {
    try {
      await writeFile(join(folder, 'filler'), Buffer.alloc(step), { flag: 'a' })
      left -= step
      step = Math.min(step, left)
    } catch {
      step = Math.floor(step / 2)
    }
  }
}

test('a cache on a disk that is full to the last byte starts, serves what it has and passes the rest through', async (t) => {
  const folder = await smallDisk(t, 24)
  const origin = await startOrigin(answer)
  atEnd(t, () => origin.close())
  const settings = settingsFor({
    listen: '127.0.0.1:0',
    store: join(folder, 'store'),
    storage: { keepFree: '0MiB' },
    origins: { 'mirror.lab': { address: '127.0.0.1', port: origin.port } },
  })
  const first = await startCache(settings, { log: silentLog })
  atEnd(t, () => first.stop(0))
  await askAndRest(first, packageOf(0))
  await askAndRest(first, '/dists/lab/Release')
  await first.stop(0)
  await fill(folder)
  const second = await startCache(settings, { log: silentLog })
  atEnd(t, () => second.stop(0))
  const asked = origin.requests.length
  assert.equal((await ask(second.port, packageOf(0))).headers['x-cache'], 'hit')
  assert.equal(origin.requests.length, asked)
  await askForAll(second.port)
  const { events, storage } = await statusOf(join(folder, 'store', 'admin.sock'))
  assert.ok(storage.freeBytes < 20_000, 'there was nothing to make room with')
  assert.deepEqual([...new Set(events.map(({ code }) => code))], ['DiskTrouble'])
})
