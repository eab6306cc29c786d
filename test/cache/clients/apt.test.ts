import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { adminSocketOf, type CacheSettings } from '../../../src/cache/settings.ts'
import { askSocket } from '../../../src/cli/api-client.ts'
import { scratchFolder, setUp } from '../start.ts'
import { AptClient, AptRepository } from './apt-repository.ts'
import { relay } from './relay.ts'
import { serveFolder } from './serve-folder.ts'

async function rig(t: TestContext, options: { byHash?: boolean; keyring?: boolean; clusters?: object } = {}) {
  const { byHash = false, keyring = false, clusters = {} } = options
  const folder = await scratchFolder(t)
  const repository = await AptRepository.make(t, join(folder, 'repository'), { byHash })
  const { cache, origin, settings } = await setUp(t, serveFolder(repository.folder), {
    origin: keyring ? { keyring: repository.key } : {},
    // The origin is never too slow here: a client would be given what was kept before.
    settings: { clusters, indexes: { patience: '60s' } },
  })
  let clients = 0
  const node = async () => {
    clients += 1
    const port = await relay(t, cache.port, `127.0.0.${10 + clients}`)
    return AptClient.make(join(folder, `node-${clients}`), { key: repository.key, port })
  }
  return { repository, cache, origin, settings, node }
}

for (const byHash of [false, true]) {
  const how = byHash ? 'by hash' : 'by name'

  test(`apt updates and installs ${how} while a new release comes between two nodes' updates`, async (t) => {
    const { repository, node, origin } = await rig(t, { byHash })
    await repository.build(1)
    await repository.build(2)
    await repository.publish(1)
    const [first, second] = [await node(), await node()]
    assert.deepEqual(clean(await first.update()), 0)
    await repository.publish(2)
    assert.deepEqual(clean(await second.update()), 0)
    assert.deepEqual((await first.install('tool')).debs, ['tool-data_1_amd64.deb', 'tool_1_amd64.deb'])
    assert.deepEqual((await second.install('tool')).debs, ['tool-data_2_amd64.deb', 'tool_2_amd64.deb'])
    assert.deepEqual(clean(await first.update()), 0)
    assert.deepEqual((await first.install('tool')).debs.includes('tool_2_amd64.deb'), true)
    const packages = origin.requests.filter(({ url }) => /_2_amd64[.]deb$/.test(url ?? ''))
    assert.equal(packages.length, 2)
  })

  test(`apt never sees an index that doesn't fit, asked ${how}, while a mirror is in the middle of a change`, async (t) => {
    const { repository, node } = await rig(t, { byHash })
    await repository.build(1)
    await repository.build(2)
    await repository.publish(1)
    assert.deepEqual(clean(await (await node()).update()), 0)
    // The new indexes are there, the old top index still is.
    await repository.show(2, 'indexes')
    assert.deepEqual(clean(await (await node()).update()), 0)
    // The new top index is there, and by their names the indexes are the old ones; by hash there are both.
    await repository.show(1, 'indexes')
    await repository.show(2, 'pool', 'top')
    const between = await node()
    assert.deepEqual(clean(await between.update()), 0)
    const version = byHash ? 2 : 1
    const expected = [`tool-data_${version}_amd64.deb`, `tool_${version}_amd64.deb`]
    assert.deepEqual((await between.install('tool')).debs, expected)
  })
}

test('nodes of a pinned cluster get the same packages however often the mirror changes, also without it', async (t) => {
  const clusters = { blue: { clients: ['127.0.0.11/32', '127.0.0.12/32'] } }
  const { repository, node, settings, cache, origin } = await rig(t, { clusters })
  await repository.build(1)
  await repository.build(2)
  await repository.publish(1)
  const [first, second, stranger] = [await node(), await node(), await node()]
  assert.deepEqual(clean(await first.update()), 0)
  const ones = ['tool-data_1_amd64.deb', 'tool_1_amd64.deb']
  assert.deepEqual((await first.install('tool')).debs, ones)
  await pin(settings, 'blue')
  await repository.publish(2)
  await repository.removePackages(1)
  assert.deepEqual(clean(await stranger.update()), 0)
  assert.deepEqual((await stranger.install('tool')).debs, ['tool-data_2_amd64.deb', 'tool_2_amd64.deb'])
  await origin.close()
  assert.deepEqual(clean(await second.update()), 0)
  assert.deepEqual((await second.install('tool')).debs, ones)
  assert.equal(cache.counters.failed, 0)
})

test('apt follows a repository that is signed apart only', async (t) => {
  const { repository, node } = await rig(t)
  await repository.build(1)
  await repository.build(2)
  const publish = async (version: number) => {
    await repository.publish(version)
    await rm(join(repository.folder, 'debian/dists/lab/InRelease'))
  }
  await publish(1)
  const first = await node()
  assert.deepEqual(clean(await first.update()), 0)
  await publish(2)
  assert.deepEqual(clean(await first.update()), 0)
  assert.deepEqual((await first.install('tool')).debs, ['tool-data_2_amd64.deb', 'tool_2_amd64.deb'])
})

test('only what the keyring vouches for gets to apt', async (t) => {
  const { repository, node } = await rig(t, { keyring: true })
  await repository.build(1)
  await repository.build(2)
  await repository.publish(1)
  assert.deepEqual(clean(await (await node()).update()), 0)
  await repository.publish(2)
  const forged = join(repository.folder, 'debian/dists/lab/InRelease')
  await writeFile(forged, (await readFile(forged, 'utf8')).replace('Codename: lab', 'Codename: bad'))
  const later = await node()
  assert.deepEqual(clean(await later.update()), 0)
  assert.deepEqual((await later.install('tool')).debs, ['tool-data_1_amd64.deb', 'tool_1_amd64.deb'])
})

function pin(settings: CacheSettings, cluster: string): Promise<unknown> {
  const question = { socket: adminSocketOf(settings), who: 'cache', hint: 'is it running?' } as const
  return askSocket({ ...question, path: '/v1/pin', method: 'POST', body: { cluster } })
}

/** The exit status, once it is sure that apt didn't complain of contents. */
function clean({ code, said }: { code: number | null; said: string }): number | null {
  assert.doesNotMatch(said, /Hash Sum mismatch|mismatch|BADSIG|not signed/i)
  if (code !== 0) assert.fail(said)
  return code
}
