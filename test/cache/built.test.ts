import assert from 'node:assert/strict'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../../lab/until.ts'
import { startChild } from './child.ts'
import { atEnd } from './cleanup.ts'
import { ask } from './client.ts'
import { AptRepository } from './clients/apt-repository.ts'
import { runChecked } from './clients/run.ts'
import { serveFolder } from './clients/serve-folder.ts'
import { startOrigin } from './origin.ts'
import { scratchFolder } from './start.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('the built package serves, and learns indexes in a thread of its own', async (t) => {
  const folder = await scratchFolder(t)
  const modules = join(root, 'node_modules')
  const tsc = [process.execPath, join(modules, 'typescript/bin/tsc')]
  // Types have been checked elsewhere.
  await runChecked([...tsc, '-p', join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', join(folder, 'dist')])
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await symlink(modules, join(folder, 'node_modules'))

  const repository = await AptRepository.make(t, join(folder, 'repository'))
  await repository.build(1)
  await repository.publish(1)
  const origin = await startOrigin(serveFolder(repository.folder))
  atEnd(t, () => origin.close())
  const config = join(folder, 'cache.yaml')
  const origins = { 'mirror.lab': { address: '127.0.0.1', port: origin.port, keyring: repository.key } }
  await writeFile(config, JSON.stringify({ listen: '127.0.0.1:0', store: join(folder, 'store'), origins }))
  const { port } = await startChild(t, config, [], [process.execPath, join(folder, 'dist/main.js'), 'cache'])

  assert.equal((await ask(port, '/debian/dists/lab/InRelease')).status, 200)
  assert.equal((await ask(port, '/debian/dists/lab/main/binary-amd64/Packages.xz')).status, 200)
  // Only who has learned the index knows that this is not what it says.
  await writeFile(join(repository.folder, 'debian/pool/main/tool_1_amd64.deb'), 'not what the index says')
  await until('a wrong package is refused', 120_000, async () => {
    const { status, broken } = await ask(port, '/debian/pool/main/tool_1_amd64.deb')
    return broken || status >= 500
  })
  const right = await ask(port, '/debian/pool/main/tool-data_1_amd64.deb')
  assert.deepEqual([right.status, right.broken], [200, false])
})
