import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { type Logger, silentLog } from '../../../src/base/log.ts'
import { sha256 } from '../origin.ts'
import { scratchFolder, setUp, until } from '../start.ts'
import { type Ran, run, runChecked } from './run.ts'
import { serveFolder } from './serve-folder.ts'

/** A repository `lab` of Arch, with a package `tool` that needs `tool-data`. What repo-add does is done here: it needs a compiler's tools. */
class PacmanRepository {
  readonly folder: string
  readonly #place: string
  readonly #work: string

  constructor(folder: string) {
    this.folder = join(folder, 'served')
    this.#place = join(this.folder, 'lab/os/x86_64')
    this.#work = join(folder, 'work')
  }

  /** Makes a version of both packages what the repository has; earlier files stay. */
  async publish(version: number): Promise<void> {
    await mkdir(this.#place, { recursive: true })
    const database = join(this.#work, `database-${version}`)
    for (const [name, needs] of [
      ['tool', `tool-data=${version}-1`],
      ['tool-data', undefined],
    ] as const) {
      const folder = join(database, `${name}-${version}-1`)
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'desc'), await this.#pack(name, version, needs))
    }
    const file = join(this.#place, 'lab.db')
    const packed = ['--file', file, '--directory', database, ...(await readdir(database))]
    await runChecked(['tar', '--create', '--gzip', ...packed])
    // pacman goes by the second in which it was changed.
    await utimes(file, new Date(), new Date(Date.UTC(2020, 0, version)))
  }

  /** Resolves with the description of the package that it has made. */
  async #pack(name: string, version: number, needs: string | undefined): Promise<string> {
    const folder = join(this.#work, `${name}-${version}`)
    await mkdir(join(folder, 'usr/share'), { recursive: true })
    await writeFile(join(folder, 'usr/share', name), `${version}`)
    const info = { pkgname: name, pkgver: `${version}-1`, builddate: '1', size: '1', arch: 'any' }
    const lines = Object.entries({ ...info, ...(needs === undefined ? {} : { depend: needs }) })
    await writeFile(join(folder, '.PKGINFO'), lines.map(([field, said]) => `${field} = ${said}\n`).join(''))
    const packed = `${name}-${version}-1-any.pkg.tar.zst`
    const file = join(this.#place, packed)
    await runChecked(['tar', '--create', '--zstd', '--file', file, '--directory', folder, '.PKGINFO', 'usr'])
    const body = await readFile(file)
    const fields = {
      FILENAME: packed,
      NAME: name,
      VERSION: `${version}-1`,
      CSIZE: body.length,
      ISIZE: 1,
      SHA256SUM: sha256(body),
      ARCH: 'any',
      ...(needs === undefined ? {} : { DEPENDS: needs }),
    }
    return Object.entries(fields)
      .map(([field, said]) => `%${field}%\n${said}\n\n`)
      .join('')
  }
}

/** A node's pacman, with folders of its own. */
class PacmanClient {
  readonly #folder: string
  readonly #port: number

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.#port = port
  }

  /** @param port Of its proxy, the cache, on this machine. */
  static async make(folder: string, port: number): Promise<PacmanClient> {
    for (const each of ['root', 'db', 'cache', 'hooks', 'gpg']) await mkdir(join(folder, each), { recursive: true })
    // Signatures are asked for, as Arch does, though there are none.
    const options = ['Architecture = x86_64', 'SigLevel = Optional TrustAll', 'DisableDownloadTimeout']
    const folders = ['RootDir root', 'DBPath db', 'CacheDir cache', 'HookDir hooks', 'GPGDir gpg', 'LogFile log'].map(
      (each) => {
        const [name, place = ''] = each.split(' ')
        return `${name} = ${join(folder, place)}`
      },
    )
    const repository = '[lab]\nServer = http://mirror.lab/lab/os/$arch\n'
    await writeFile(join(folder, 'conf'), `[options]\n${[...options, ...folders].join('\n')}\n${repository}`)
    return new PacmanClient(folder, port)
  }

  /** Reads the repository anew and installs; resolves with the version that is there then. */
  async install(name: string): Promise<Ran & { readonly version: string }> {
    const proxy = `http://127.0.0.1:${this.#port}`
    const argv = ['pacman', '--config', join(this.#folder, 'conf'), '--noconfirm', '--sync', '--refresh', name]
    const ran = await run(argv, { http_proxy: proxy })
    const version = await readFile(join(this.#folder, 'root/usr/share', name), 'utf8').catch(() => '')
    return { ...ran, version }
  }
}

async function rig(t: TestContext) {
  const folder = await scratchFolder(t)
  const repository = new PacmanRepository(folder)
  const reported: string[] = []
  const log = { ...silentLog, warn: (facts: object) => void reported.push(JSON.stringify(facts)) } as Logger
  // The origin is never too slow here: a client would be given the index that was kept.
  const { cache, origin, settings } = await setUp(t, serveFolder(repository.folder), {
    settings: { indexes: { patience: '60s' } },
    log,
  })
  let clients = 0
  const node = () => PacmanClient.make(join(folder, `node-${++clients}`), cache.port)
  const asked = (pattern: RegExp) => origin.requests.filter(({ url }) => pattern.test(url ?? '')).length
  /** Waits until the cache has understood the index that is shown now. */
  const learned = async () => {
    const index = sha256(await readFile(join(repository.folder, 'lab/os/x86_64/lab.db')))
    const database = new Database(join(settings.store, 'catalogue.db'), { readonly: true })
    const known = database.prepare('SELECT 1 FROM version WHERE sha256 = ?')
    await until('the index is learned', () => known.get(index) !== undefined)
    database.close()
  }
  return { repository, origin, node, asked, learned, reported }
}

function installed(ran: Ran & { readonly version: string }): string {
  assert.equal(ran.code, 0, ran.said)
  return ran.version
}

test('pacman installs through the cache, each package comes once, and a new version is seen', async (t) => {
  const { repository, node, asked } = await rig(t)
  await repository.publish(1)
  const [first, second] = [await node(), await node()]
  assert.deepEqual((await Promise.all([first.install('tool'), second.install('tool')])).map(installed), ['1', '1'])
  assert.equal(asked(/[.]zst$/), 2, 'two packages, for two nodes')
  await repository.publish(2)
  assert.equal(installed(await first.install('tool')), '2')
})

test('pacman installs what is kept while the mirror is away', async (t) => {
  const { repository, origin, node } = await rig(t)
  await repository.publish(1)
  assert.equal(installed(await (await node()).install('tool')), '1')
  await origin.close()
  assert.equal(installed(await (await node()).install('tool')), '1')
})

test('pacman never gets a package that is not what its index says', async (t) => {
  const { repository, node, learned, reported } = await rig(t)
  await repository.publish(1)
  assert.equal(installed(await (await node()).install('tool-data')), '1')
  await learned()
  const file = join(repository.folder, 'lab/os/x86_64/tool-1-1-any.pkg.tar.zst')
  const body = await readFile(file)
  body[body.length - 9] = (body[body.length - 9] as number) ^ 1
  await writeFile(file, body)
  const refused = await (await node()).install('tool')
  assert.notEqual(refused.code, 0)
  assert.equal(refused.version, '')
  assert.ok(
    reported.some((said) => said.includes('DigestMismatch')),
    'it was the cache that saw it',
  )
})
