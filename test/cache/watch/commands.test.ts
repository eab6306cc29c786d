import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { Listed, Verified } from '../../../src/cache/store/port.ts'
import type { CacheStatus } from '../../../src/cache/watch/status.ts'
import { ask } from '../client.ts'
import { bytesFor, sha256 } from '../origin.ts'
import { askAndRest, setUp } from '../start.ts'

const causeway = new URL('../../../src/main.ts', import.meta.url).pathname

/** A cache with two packages kept, its file of settings, and `causeway cache` for it. */
async function withPackages(t: TestContext) {
  const body = bytesFor('package', 400_000)
  const { cache, folder, settings } = await setUp(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length, etag: '"1"' })
    res.end(body)
  })
  await askAndRest(cache, '/pool/a_1_all.deb')
  await askAndRest(cache, '/pool/b_1_all.deb')
  const config = join(folder, 'cache.yaml')
  const { listen, store } = settings
  await writeFile(config, JSON.stringify({ listen, store, origins: { 'mirror.lab': {} } }))
  const run = async (...args: string[]) => {
    const [name = '', ...rest] = args
    const command = [causeway, 'cache', name, '--config', config, ...rest]
    return promisify(execFile)(process.execPath, command).then(
      ({ stdout }) => ({ status: 0, stdout, stderr: '' }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
        status: code,
        stdout,
        stderr,
      }),
    )
  }
  const read = async <T>(...args: string[]) => JSON.parse((await run(...args, '--json')).stdout) as T
  return { cache, folder, body, run, read }
}

test('status, ls and inspect say what the cache has and did', async (t) => {
  const { cache, body, read, run } = await withPackages(t)
  await ask(cache.port, '/pool/a_1_all.deb')
  const status = await read<CacheStatus>('status')
  assert.deepEqual([status.counters.misses, status.counters.hits, status.storage.responses], [2, 1, 2])
  assert.equal(status.savedBytes, body.length)
  assert.deepEqual(
    status.origins.map(({ name, servedBytes, upstreamBytes }) => ({ name, servedBytes, upstreamBytes })),
    [{ name: 'mirror.lab', servedBytes: 3 * body.length, upstreamBytes: 2 * body.length }],
  )
  assert.deepEqual(
    status.nodes.map(({ name, requests }) => ({ name, requests })),
    [{ name: '127.0.0.1', requests: 3 }],
  )
  assert.match((await run('status')).stdout, /1 hits, 0 joined, 0 revalidated, 0 stale, 2 misses/)

  const listed = await read<Listed[]>('ls', 'http://mirror.lab/pool/b')
  assert.deepEqual(
    listed.map(({ key, length, sha256: digest }) => ({ key, length, digest })),
    [{ key: 'http://mirror.lab/pool/b_1_all.deb', length: body.length, digest: sha256(body) }],
  )
  assert.match((await run('inspect', 'http://mirror.lab/pool/a_1_all.deb')).stdout, /\n {2}etag: "1"\n/)
  const missing = await run('inspect', 'http://mirror.lab/pool/c_1_all.deb')
  assert.deepEqual(
    [missing.status, missing.stderr],
    [1, 'causeway: nothing is kept for http://mirror.lab/pool/c_1_all.deb\n'],
  )
})

test('a command line that is wrong is told what is right, by status 2', async (t) => {
  const { run } = await withPackages(t)
  const wrong: [string[], RegExp][] = [
    [['ls', '--limit', 'all'], /^causeway: --limit all: expected a whole number from 1 to 999999\n$/],
    [['ls', 'mirror.lab/pool'], /^causeway: mirror\.lab\/pool: expected a URL such as http:/],
    [
      ['inspect', 'http://miror.lab/pool'],
      /^causeway: nothing of miror\.lab is kept, and it is none .*: mirror\.lab\n$/,
    ],
    [['statsu'], /^causeway: cache has no command statsu; there are status, ls, inspect, /],
    [['inspect'], /^error: missing required argument 'url'\n$/],
    [['--log-level=loud'], /^error: option '--log-level <level>' argument 'loud' is invalid/],
  ]
  for (const [args, told] of wrong) {
    const { status, stderr } = await run(...args)
    assert.match(stderr, told)
    assert.equal(status, 2)
  }
  assert.equal((await run('--help')).status, 0)
})

test('purge removes what begins with a URL, and nothing without one', async (t) => {
  const { cache, run, read } = await withPackages(t)
  assert.equal((await run('purge', 'http://mirror.lab/pool/a')).stdout, '1 removed\n')
  assert.deepEqual(
    (await read<Listed[]>('ls')).map(({ key }) => key),
    ['http://mirror.lab/pool/b_1_all.deb'],
  )
  assert.equal((await ask(cache.port, '/pool/a_1_all.deb')).headers['x-cache'], 'miss')
  assert.notEqual((await run('purge', '')).status, 0)
})

test('verify finds what was damaged, says so by its status, and the next node gets the right bytes', async (t) => {
  const { cache, folder, body, run, read } = await withPackages(t)
  assert.deepEqual(await read<Verified>('verify'), { responses: 2, bytes: 2 * body.length, damaged: [] })
  const digest = sha256(body)
  const wrong = Buffer.from(body)
  wrong[300_000] = (wrong[300_000] as number) ^ 1
  await writeFile(join(folder, 'store', 'bodies', digest.slice(0, 2), digest), wrong)
  const found = await run('verify')
  assert.equal(found.status, 1)
  assert.match(found.stdout, /2 damaged and removed:\n {2}http:\/\/mirror\.lab\/pool\/a_1_all\.deb\n {2}http/)
  const again = await ask(cache.port, '/pool/a_1_all.deb')
  assert.deepEqual([again.headers['x-cache'], sha256(again.body)], ['miss', digest])
})

test('its socket is for its owner and group; without a cache there it says what to do', async (t) => {
  const { cache, folder, run } = await withPackages(t)
  const { mode } = await stat(join(folder, 'store', 'admin.sock'))
  assert.equal(mode & 0o777, 0o660)
  await cache.stop(0)
  const { status, stderr } = await run('status')
  assert.equal(status, 1)
  assert.match(stderr, /^causeway: no cache answers at .*admin\.sock .*: is "causeway cache --config .*" running/)
})

test('metrics at the front door, for this machine', async (t) => {
  const { cache } = await withPackages(t)
  const { status, headers, body } = await ask(cache.port, '/_causeway/metrics')
  assert.equal(status, 200)
  assert.match(headers['content-type'] ?? '', /^text\/plain/)
  assert.match(body.toString(), /\ncauseway_cache_origin_requests_total\{origin="mirror\.lab",outcome="miss"\} 2\n/)
  assert.equal((await ask(cache.port, '/_causeway/nothing')).status, 404)
})
