import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { scratchFolder, setUp } from '../start.ts'
import { type Ran, run, runChecked } from './run.ts'
import { serveFolder } from './serve-folder.ts'

/** A registry of npm as files: `tool`, which needs `@lab/data`, of as many versions as are published. */
class NpmRegistry {
  readonly folder: string
  readonly #work: string
  readonly #versions = new Map<string, Record<string, unknown>>()

  constructor(folder: string) {
    this.folder = join(folder, 'served')
    this.#work = join(folder, 'work')
  }

  async publish(version: number): Promise<void> {
    await this.#add('tool', version, { '@lab/data': `${version}.0.0` })
    await this.#add('@lab/data', version, {})
  }

  async #add(name: string, major: number, dependencies: Record<string, string>): Promise<void> {
    const version = `${major}.0.0`
    const work = join(this.#work, name, version)
    await mkdir(join(work, 'package'), { recursive: true })
    const said = { name, version, dependencies }
    await writeFile(join(work, 'package/package.json'), JSON.stringify(said))
    const place = `${name}/-/${name.split('/').at(-1)}-${version}.tgz`
    await mkdir(join(this.folder, name, '-'), { recursive: true })
    const file = join(this.folder, place)
    await runChecked(['tar', '--create', '--gzip', '--file', file, '--directory', work, 'package'])
    const body = await readFile(file)
    const integrity = `sha512-${createHash('sha512').update(body).digest('base64')}`
    const dist = {
      tarball: `http://mirror.lab/${place}`,
      integrity,
      shasum: createHash('sha1').update(body).digest('hex'),
    }
    const versions = { ...this.#versions.get(name), [version]: { ...said, dist } }
    this.#versions.set(name, versions)
    const document = { name, 'dist-tags': { latest: version }, versions }
    await writeFile(join(this.folder, name, 'document.json'), JSON.stringify(document))
  }
}

async function rig(t: TestContext) {
  const folder = await scratchFolder(t)
  const registry = new NpmRegistry(folder)
  const files = serveFolder(registry.folder)
  const { cache, origin } = await setUp(t, (req, res) => files(Object.assign(req, { url: fileOf(req.url) }), res), {
    settings: { indexes: { patience: '60s' } },
  })
  let nodes = 0
  const install = async () => {
    const home = join(folder, `node-${++nodes}`)
    await mkdir(home, { recursive: true })
    const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--no-progress', '--fetch-retries=0']
    const source = ['--registry=http://mirror.lab/', `--proxy=http://127.0.0.1:${cache.port}`, '--noproxy=']
    const folders = ['--prefix', home, `--cache=${join(home, 'cache')}`, `--userconfig=${join(home, 'npmrc')}`]
    const ran = await run(['npm', 'install', ...quiet, ...source, ...folders, 'tool'], { HOME: home })
    const said = await readFile(join(home, 'node_modules/tool/package.json'), 'utf8').catch(() => '{}')
    return { ...ran, version: String((JSON.parse(said) as { version?: string }).version) }
  }
  const asked = (pattern: RegExp) => origin.requests.filter(({ url }) => pattern.test(url ?? '')).length
  return { registry, cache, origin, install, asked }
}

/** A package is asked for by its document: `/tool`, `/@lab%2fdata`. */
function fileOf(url = ''): string {
  return url.endsWith('.tgz') ? url : `${url.replace(/%2f/i, '/')}/document.json`
}

function installed(ran: Ran & { readonly version: string }): string {
  assert.equal(ran.code, 0, ran.said)
  return ran.version
}

test('npm installs through the cache as its proxy, each tarball comes once, and a new version is seen', async (t) => {
  const { registry, install, asked } = await rig(t)
  await registry.publish(1)
  assert.deepEqual((await Promise.all([install(), install()])).map(installed), ['1.0.0', '1.0.0'])
  assert.equal(asked(/[.]tgz$/), 2, 'two tarballs, for two nodes')
  await registry.publish(2)
  assert.equal(installed(await install()), '2.0.0')
})

test('npm installs what is kept while the registry is away', async (t) => {
  const { registry, install, origin } = await rig(t)
  await registry.publish(1)
  assert.equal(installed(await install()), '1.0.0')
  await origin.close()
  assert.equal(installed(await install()), '1.0.0')
})
