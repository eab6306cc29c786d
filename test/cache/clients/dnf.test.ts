import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { scratchFolder, setUp } from '../start.ts'
import { relay } from './relay.ts'
import { DnfClient, type Naming, RpmRepository } from './rpm-repository.ts'
import type { Ran } from './run.ts'
import { serveFolder } from './serve-folder.ts'

/** @param options `slow`: milliseconds that the origin takes for `repomd.xml`; clients have half of that. */
async function rig(t: TestContext, naming: Naming, { slow }: { slow?: number } = {}) {
  const folder = await scratchFolder(t)
  const repository = new RpmRepository(join(folder, 'repository'), naming)
  const settings = { indexes: { patience: slow === undefined ? '60s' : `${slow / 2}ms` } }
  const serve = serveFolder(repository.folder)
  const answer: RequestListener = (req, res) => {
    if (slow === undefined || !req.url?.endsWith('repomd.xml')) serve(req, res)
    else setTimeout(() => serve(req, res), slow)
  }
  const { cache, origin } = await setUp(t, answer, { settings })
  let clients = 0
  const node = async (source = 'baseurl=http://mirror.lab/rpm') => {
    clients += 1
    const port = await relay(t, cache.port, `127.0.0.${10 + clients}`)
    return DnfClient.make(join(folder, `node-${clients}`), { port, source })
  }
  return { repository, cache, origin, node }
}

for (const naming of ['unique', 'simple'] as const) {
  const named = naming === 'unique' ? 'with digests in their names' : 'that keep their names'

  test(`dnf reads and installs while a new release of indexes ${named} comes in between`, async (t) => {
    const { repository, node, origin } = await rig(t, naming)
    await repository.build(1)
    await repository.build(2)
    await repository.publish(1)
    const [first, second] = [await node(), await node()]
    worked(await first.makecache())
    await repository.publish(2)
    worked(await second.makecache())
    const installed = await first.installFromCache('tool')
    worked(installed)
    assert.match(installed.said, /tool-1-1/)
    const newer = await second.install('tool')
    worked(newer)
    assert.equal(newer.version, '2')
    const packages = origin.requests.filter(({ url }) => /tool-2-1[.]noarch[.]rpm$/.test(url ?? ''))
    assert.equal(packages.length, 1)
  })

  test(`dnf never sees indexes ${named} that don't fit while a mirror is in the middle of a change`, async (t) => {
    const { repository, node } = await rig(t, naming)
    await repository.build(1)
    await repository.build(2)
    await repository.publish(1)
    worked(await (await node()).makecache())
    await repository.show(2, 'indexes')
    worked(await (await node()).makecache())
    await repository.show(1, 'indexes')
    await repository.show(2, 'top')
    const between = await node()
    const installed = await between.install('tool')
    worked(installed)
    assert.equal(installed.version, '1')
  })
}

for (const slow of [undefined, 4_000])
  test(`dnf follows a metalink through the cache${slow === undefined ? '' : ', also of a slow origin'}`, async (t) => {
    const { repository, node } = await rig(t, 'unique', slow === undefined ? {} : { slow })
    await repository.build(1)
    await repository.build(2)
    await repository.publish(1)
    await repository.writeMetalink()
    const source = 'metalink=http://mirror.lab/metalink'
    const installed = await (await node(source)).install('tool')
    worked(installed)
    assert.equal(installed.version, '1')
    await repository.publish(2)
    await repository.writeMetalink()
    const newer = await (await node(source)).install('tool')
    worked(newer)
    assert.equal(newer.version, '2')
  })

function worked({ code, said }: Ran): void {
  assert.doesNotMatch(said, /checksum|doesn't match|mismatch/i)
  if (code !== 0) assert.fail(said)
}
