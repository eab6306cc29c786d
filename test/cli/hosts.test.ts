import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { giveTypes, labConfig, yaml } from '../../lab/config.ts'

const main = new URL('../../src/main.ts', import.meta.url).pathname
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEgSQoNJHoxdGsZjt8J9mCOIJEWZD8cAuwa0Sv0kGThT'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'causeway-hosts-'))
})
after(() => rm(folder, { recursive: true }))

/** What `causeway hosts` prints for a configuration. */
async function hosts(config: object): Promise<string> {
  const file = join(folder, 'causeway.yaml')
  await writeFile(file, yaml(config))
  return (await promisify(execFile)(process.execPath, [main, 'hosts', '--config', file])).stdout
}

test('causeway hosts names every node that the sites may have, preferred ones first', async () => {
  const config = labConfig({ east: key, west: key }, { east: 2, west: 1 }, 'sge')
  assert.equal(await hosts(config), '10.77.1.1 east-1\n10.77.1.2 east-2\n10.77.2.1 west-1\n')
})

test('causeway hosts knows node types, and as many names as a window may allow', async () => {
  const config = labConfig({ east: key, west: key }, { east: 0, west: 0 }, 'sge')
  const type = { minimum: 0, maximum: 1, idle: '20s', cpus: 1, memory: '1GiB' }
  giveTypes(config, 'west', { small: type, big: { ...type, order: 9 } })
  config.policy.windows = [
    { name: 'night', cron: '0 20 * * *', for: '1h', set: { sites: { west: { types: { big: { maximum: 2 } } } } } },
  ]
  assert.equal(await hosts(config), '10.77.2.1 west-small-1\n10.77.2.17 west-big-1\n10.77.2.18 west-big-2\n')
})
