import { createHash } from 'node:crypto'
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Ran, run, runChecked } from './run.ts'

const spec = (version: number) => `Name: tool
Version: ${version}
Release: 1
Summary: of the lab
License: none
BuildArch: noarch
Requires: tool-data = ${version}
%description
Of the lab.
%package -n tool-data
Summary: of the lab
%description -n tool-data
Of the lab.
%install
mkdir -p %{buildroot}/usr/share/tool
echo ${version} > %{buildroot}/usr/share/tool/version
echo ${version} > %{buildroot}/usr/share/tool/data
%files
/usr/share/tool/version
%files -n tool-data
/usr/share/tool/data
`

/** How the indexes of a repository are named: with their digest in the name (usual), or without. */
export type Naming = 'unique' | 'simple'

/**
 * A repository made with RPM's own tools: the packages `tool` and `tool-data`, of as many versions as are asked for.
 * Versions are made first and shown later, whole or part by part.
 */
export class RpmRepository {
  /** What the mirror shows: `rpm/` below it is the repository. */
  readonly folder: string
  readonly #work: string
  readonly #naming: Naming

  constructor(work: string, naming: Naming) {
    this.#work = work
    this.#naming = naming
    this.folder = join(work, 'shown')
  }

  /** Makes a version: its packages and their indexes. */
  async build(version: number): Promise<void> {
    const root = this.#made(version)
    await mkdir(root, { recursive: true })
    const file = join(this.#work, `tool-${version}.spec`)
    await writeFile(file, spec(version))
    const top = join(this.#work, 'top')
    const defined = [`_topdir ${top}`, `_rpmdir ${root}`, '_build_id_links none', `_tmppath ${this.#work}`]
    await runChecked(['rpmbuild', '-bb', '--quiet', ...defined.flatMap((one) => ['--define', one]), file])
    await rm(top, { recursive: true, force: true })
    const naming = this.#naming === 'unique' ? '--unique-md-filenames' : '--simple-md-filenames'
    await runChecked(['createrepo_c', '--quiet', '--zck', naming, root])
  }

  /** Shows one part of a version; the indexes of other versions go, as after createrepo_c and a sync that deletes. */
  async show(version: number, ...parts: readonly ('packages' | 'indexes' | 'top')[]): Promise<void> {
    const from = this.#made(version)
    const to = join(this.folder, 'rpm')
    await mkdir(join(to, 'repodata'), { recursive: true })
    for (const part of parts) {
      if (part === 'packages') await cp(join(from, 'noarch'), join(to, 'noarch'), { recursive: true })
      else if (part === 'top') await copyFile(join(from, 'repodata/repomd.xml'), join(to, 'repodata/repomd.xml'))
      else {
        for (const name of await readdir(join(to, 'repodata')))
          if (name !== 'repomd.xml') await rm(join(to, 'repodata', name))
        for (const name of await readdir(join(from, 'repodata')))
          if (name !== 'repomd.xml') await copyFile(join(from, 'repodata', name), join(to, 'repodata', name))
      }
    }
  }

  publish(version: number): Promise<void> {
    return this.show(version, 'packages', 'indexes', 'top')
  }

  /** Writes a metalink that vouches for what is shown now. */
  async writeMetalink(): Promise<void> {
    const body = await readFile(join(this.folder, 'rpm/repodata/repomd.xml'))
    const digest = createHash('sha256').update(body).digest('hex')
    const text = `<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/">
<files><file name="repomd.xml"><size>${body.length}</size>
<verification><hash type="sha256">${digest}</hash></verification>
<resources maxconnections="1"><url protocol="http" type="http" location="DE" preference="100">http://mirror.lab/rpm/repodata/repomd.xml</url></resources>
</file></files></metalink>
`
    await writeFile(join(this.folder, 'metalink'), text)
  }

  #made(version: number): string {
    return join(this.#work, `version-${version}`)
  }
}

/** A node's dnf, with folders of its own; what it installs goes into `root`. */
export class DnfClient {
  readonly root: string
  readonly #config: string

  private constructor(folder: string) {
    this.root = join(folder, 'root')
    this.#config = join(folder, 'dnf.conf')
  }

  /**
   * @param source `baseurl=...` or `metalink=...`.
   * @param port Of its proxy, the cache, on this machine.
   */
  static async make(folder: string, { port, source }: { port: number; source: string }): Promise<DnfClient> {
    const client = new DnfClient(folder)
    await mkdir(join(folder, 'repos'), { recursive: true })
    const main = {
      gpgcheck: '0',
      reposdir: join(folder, 'repos'),
      varsdir: join(folder, 'vars'),
      cachedir: join(folder, 'cache'),
      persistdir: join(folder, 'persist'),
      logdir: folder,
      plugins: '0',
      retries: '1',
      proxy: `http://127.0.0.1:${port}`,
    }
    const lines = Object.entries(main).map(([name, value]) => `${name}=${value}\n`)
    await writeFile(client.#config, `[main]\n${lines.join('')}`)
    // Never by its age: dnf would note the repository as expired whenever it works for longer than a second.
    const repository = `[lab]\nname=lab\n${source}\nenabled=1\nmetadata_expire=-1\nskip_if_unavailable=0\n`
    await writeFile(join(folder, 'repos/lab.repo'), repository)
    return client
  }

  makecache(): Promise<Ran> {
    return this.#dnf('--refresh', 'makecache')
  }

  /** Installs for good; resolves with the version that is there then. */
  async install(name: string): Promise<Ran & { readonly version: string }> {
    const ran = await this.#dnf('--assumeyes', '--refresh', 'install', name)
    const version = await readFile(join(this.root, 'usr/share/tool/version'), 'utf8').catch(() => '')
    return { ...ran, version: version.trim() }
  }

  /** Installs by what it has read of the repository, without looking at that again. */
  installFromCache(name: string): Promise<Ran> {
    return this.#dnf('--assumeyes', 'install', name)
  }

  #dnf(...argv: readonly string[]): Promise<Ran> {
    return run(['dnf', '--config', this.#config, '--installroot', this.root, '--releasever', '1', ...argv])
  }
}
