import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { rolesOf, warmCaches } from '../../src/cli/warm-caches.ts'
import { LocalHost } from '../../src/sites/local-host.ts'
import { someConfig } from '../support/controller-config.ts'

const gpu = { maximum: 1, cpus: 2, memory: 1, pool: '10.77.2.0/24' }

function configWith(program: string, warm: string[] = ['slurm'], ofType?: string[]) {
  const config = someConfig()
  const site = config.sites['east']
  assert.ok(site)
  site.cache = { port: 3128, origins: ['192.0.2.80'], warm, config: '/etc/causeway/cache.yaml', program }
  if (ofType) site.types = { gpu: { ...gpu, warm: ofType } as never }
  return config
}

describe('telling a cache over its site', () => {
  let folder: string
  const host = new LocalHost('east')
  const hosts = new Map([['east', host]])
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'causeway-warm-'))
  })
  after(async () => {
    await host.close()
    await rm(folder, { recursive: true, force: true })
  })
  const program = async (text: string) => {
    const file = join(folder, 'causeway')
    await writeFile(file, `#!/bin/sh\n${text}\n`)
    await chmod(file, 0o755)
    return file
  }

  it('runs its own command there, which does not wait', async () => {
    const file = await program(`printf '%s\\n' "$@" >${folder}/argv`)
    await warmCaches(configWith(file), hosts)('east', ['slurm', 'cuda'])
    assert.deepEqual((await readFile(`${folder}/argv`, 'utf8')).trim().split('\n'), [
      'cache',
      'warm',
      'slurm',
      'cuda',
      '--config',
      '/etc/causeway/cache.yaml',
      '--no-wait',
    ])
  })

  it('says what went wrong and whether a retry can help', async () => {
    const tell = async (text: string) => warmCaches(configWith(await program(text)), hosts)('east', ['slurm'])
    await assert.rejects(tell('echo no such role >&2; exit 2'), { code: 'InvalidRequest', retryable: false })
    await assert.rejects(tell('echo not running >&2; exit 1'), {
      code: 'CommandFailed',
      retryable: true,
      message: /not running/,
    })
    await assert.rejects(warmCaches(configWith('/no/such/causeway'), hosts)('east', ['slurm']), { retryable: false })
  })

  it('a site without a cache has no roles and can not be told', async () => {
    const config = someConfig()
    assert.deepEqual(rolesOf(config, { site: 'east', type: 'standard' }), [])
    await assert.rejects(warmCaches(config, hosts)('east', ['slurm']), { code: 'NotFound' })
  })

  it("a type's roles come before its site's", () => {
    const config = configWith('causeway', ['slurm'], ['cuda'])
    assert.deepEqual(rolesOf(config, { site: 'east', type: 'gpu' }), ['cuda'])
    assert.deepEqual(rolesOf(config, { site: 'east', type: 'standard' }), ['slurm'])
    assert.deepEqual(rolesOf(config, { site: 'west', type: 'standard' }), [])
  })
})
