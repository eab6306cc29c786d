import { copyFile, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { atEnd } from '../cleanup.ts'
import { run, runChecked } from './run.ts'

/** Where a mirror is when it shows only some of a release. */
export type Part = 'pool' | 'indexes' | 'top'

/**
 * A signed repository made with Debian's own tools: the suite `lab` with the packages `tool` and `tool-data`, of as many
 * versions as are asked for. Versions are made first and shown later, whole or part by part.
 */
export class AptRepository {
  /** What the mirror shows: `debian/` below it is the repository. */
  readonly folder: string
  /** The public key that signs it. */
  readonly key: string
  readonly #work: string
  readonly #byHash: boolean

  private constructor(work: string, byHash: boolean) {
    this.#work = work
    this.#byHash = byHash
    this.folder = join(work, 'shown')
    this.key = join(work, 'key.gpg')
  }

  static async make(t: TestContext, work: string, { byHash = false } = {}): Promise<AptRepository> {
    const made = new AptRepository(work, byHash)
    await mkdir(made.#home, { recursive: true, mode: 0o700 })
    atEnd(t, () => runChecked(['gpgconf', '--homedir', made.#home, '--kill', 'all']))
    const gpg = ['gpg', '--homedir', made.#home, '--batch', '--quiet']
    await runChecked([
      ...gpg,
      '--passphrase',
      '',
      '--quick-generate-key',
      'Lab <lab@mirror.lab>',
      'ed25519',
      'sign',
      'never',
    ])
    await runChecked([...gpg, '--output', made.key, '--export'])
    return made
  }

  get #home(): string {
    return join(this.#work, 'gnupg')
  }

  /** Makes a version: new contents of both packages, of which `tool` needs just this version of `tool-data`. */
  async build(version: number): Promise<void> {
    const root = this.#made(version)
    const pool = join(root, 'debian/pool/main')
    await mkdir(pool, { recursive: true })
    for (const [name, depends] of [
      ['tool', `Depends: tool-data (= ${version})\n`],
      ['tool-data', ''],
    ] as const) {
      const tree = join(this.#work, 'tree')
      await mkdir(join(tree, 'DEBIAN'), { recursive: true })
      await mkdir(join(tree, 'usr/share', name), { recursive: true })
      await writeFile(join(tree, 'usr/share', name, 'version'), `${name} ${version}\n`)
      const control = `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nMaintainer: Lab <lab@mirror.lab>\n${depends}Description: of the lab\n`
      await writeFile(join(tree, 'DEBIAN/control'), control)
      await runChecked(['dpkg-deb', '-Znone', '--root-owner-group', '--build', tree, pool])
      await rm(tree, { recursive: true })
    }
    const binary = join(root, 'debian/dists/lab/main/binary-amd64')
    await mkdir(binary, { recursive: true })
    const listed = await runChecked([
      'sh',
      '-c',
      'cd "$1" && exec apt-ftparchive packages pool',
      'sh',
      join(root, 'debian'),
    ])
    await writeFile(join(binary, 'Packages'), listed)
    await runChecked(['xz', '--keep', '-0', join(binary, 'Packages')])
    await this.#sign(join(root, 'debian/dists/lab'))
  }

  async #sign(suite: string): Promise<void> {
    const field = (name: string, value: string) => ['-o', `APT::FTPArchive::Release::${name}=${value}`]
    const fields = [
      ...field('Suite', 'lab'),
      ...field('Codename', 'lab'),
      ...field('Components', 'main'),
      ...field('Architectures', 'amd64'),
      ...(this.#byHash ? field('Acquire-By-Hash', 'yes') : []),
    ]
    const release = join(suite, 'Release')
    await writeFile(release, await runChecked(['apt-ftparchive', ...fields, 'release', suite]))
    const gpg = ['gpg', '--homedir', this.#home, '--batch', '--quiet', '--yes']
    await runChecked([...gpg, '--clearsign', '--output', join(suite, 'InRelease'), release])
    await runChecked([...gpg, '--detach-sign', '--armor', '--output', join(suite, 'Release.gpg'), release])
    if (!this.#byHash) return
    const binary = join(suite, 'main/binary-amd64')
    for (const name of ['Packages', 'Packages.xz']) {
      for (const [algorithm, program] of [
        ['SHA256', 'sha256sum'],
        ['SHA512', 'sha512sum'],
      ] as const) {
        const [digest = ''] = (await runChecked([program, join(binary, name)])).split(' ')
        await mkdir(join(binary, 'by-hash', algorithm), { recursive: true })
        await copyFile(join(binary, name), join(binary, 'by-hash', algorithm, digest))
      }
    }
  }

  /** Lets the mirror show some parts of a version; packages of other versions stay, indexes are overwritten. */
  async show(version: number, ...parts: readonly Part[]): Promise<void> {
    const from = join(this.#made(version), 'debian')
    const to = join(this.folder, 'debian')
    for (const part of parts) {
      if (part === 'pool') await cp(join(from, 'pool'), join(to, 'pool'), { recursive: true })
      else if (part === 'indexes')
        await cp(join(from, 'dists/lab/main'), join(to, 'dists/lab/main'), { recursive: true })
      else {
        for (const name of ['Release', 'Release.gpg', 'InRelease']) {
          await mkdir(join(to, 'dists/lab'), { recursive: true })
          await copyFile(join(from, 'dists/lab', name), join(to, 'dists/lab', name))
        }
      }
    }
  }

  /** Shows a whole version. */
  publish(version: number): Promise<void> {
    return this.show(version, 'pool', 'indexes', 'top')
  }

  /** Takes away the packages of a version, as mirrors do with what is no longer listed. */
  async removePackages(version: number): Promise<void> {
    const pool = join(this.#made(version), 'debian/pool/main')
    for (const name of await readdir(pool)) await rm(join(this.folder, 'debian/pool/main', name), { force: true })
  }

  #made(version: number): string {
    return join(this.#work, `version-${version}`)
  }
}

/** A node's apt, with folders of its own. */
export class AptClient {
  readonly #root: string
  readonly #config: string

  private constructor(root: string) {
    this.#root = root
    this.#config = join(root, 'apt.conf')
  }

  /**
   * @param port Of its proxy, the cache, on this machine.
   */
  static async make(root: string, { key, port, retries = 0 }: { key: string; port: number; retries?: number }) {
    const client = new AptClient(root)
    const lists = join(root, 'var/lib/apt/lists/partial')
    const archives = join(root, 'var/cache/apt/archives/partial')
    for (const folder of [lists, archives, join(root, 'etc/apt/apt.conf.d'), join(root, 'etc/apt/preferences.d')])
      await mkdir(folder, { recursive: true })
    const status = join(root, 'var/lib/dpkg/status')
    await mkdir(dirname(status), { recursive: true })
    await writeFile(status, '')
    await writeFile(join(root, 'etc/apt/sources.list'), `deb [signed-by=${key}] http://mirror.lab/debian lab main\n`)
    const options = {
      Dir: root,
      'Dir::State::status': status,
      'APT::Architecture': 'amd64',
      'APT::Sandbox::User': 'root',
      'Acquire::http::Proxy': `http://127.0.0.1:${port}`,
      'Acquire::Languages': 'none',
      'Acquire::Retries': String(retries),
    }
    const lines = Object.entries(options).map(([name, value]) => `${name} "${value}";\n`)
    await writeFile(client.#config, lines.join(''))
    return client
  }

  /** `apt-get update`; a single index that can't be had is a failure. */
  update() {
    return this.#apt('update', '--error-on=any')
  }

  /** `apt-get install --download-only`: resolves, fetches, and compares with the digests of the index. */
  async install(name: string) {
    const ran = await this.#apt('install', '--yes', '--download-only', name)
    const files = await readdir(join(this.#root, 'var/cache/apt/archives'))
    return { ...ran, debs: files.filter((file) => file.endsWith('.deb')).toSorted() }
  }

  #apt(...argv: readonly string[]) {
    return run(['apt-get', ...argv], { APT_CONFIG: this.#config })
  }
}
