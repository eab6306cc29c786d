import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import { execChecked } from '../../base/exec.ts'
import type { Host } from '../../base/host.ts'
import { imageFile, readImageReference } from './image-name.ts'
import { type Manifest, readManifest } from './manifest.ts'

/** The folder with names within the store; each is a link to an image. */
const namesFolder = 'names'

/** What the names of work folders within the store begin with. */
const workPrefix = '.new-'

/** A manifest with the names that point to its image. */
export interface StoredImage extends Manifest {
  readonly names: readonly string[]
}

/**
 * The images of the head: a folder with `sha256-HEX.qcow2`, `sha256-HEX.json` beside each, and links `names/NAME`. Every
 * change is one rename: whoever reads sees the state before or after it. Files of the same content are one file.
 */
export class ImageStore {
  readonly folder: string
  readonly #host: Host
  readonly #clock: Clock

  /** @param host the head itself, for `qemu-img` */
  constructor(folder: string, host: Host, clock: Clock) {
    this.folder = folder
    this.#host = host
    this.#clock = clock
  }

  /**
   * Takes a qcow2 file in under a name, which then points to it and no longer to what it pointed to before. The file is
   * moved where it lies in a work folder of the store, else copied.
   * @throws CausewayError `InvalidRequest` when it is no qcow2 that stands alone
   */
  async add(file: string, name: string, built: Manifest['built']): Promise<Manifest> {
    const virtualBytes = await this.#virtualBytesOf(file)
    const work = await this.workFolder()
    try {
      const own = join(work, 'image')
      await (file.startsWith(join(this.folder, workPrefix)) ? rename(file, own) : copyFile(file, own))
      const [digest, { size: bytes }] = [await digestOf(own), await stat(own)]
      const known = await this.#manifest(digest)
      if (!known) {
        await chmod(own, 0o444)
        await syncToDisk(own)
        const manifest = { digest, name, bytes, virtualBytes, addedAtMs: this.#clock.now(), built }
        await writeFile(join(work, 'manifest'), `${JSON.stringify(manifest, null, 2)}\n`)
        await rename(own, join(this.folder, imageFile(digest)))
        // Last: what has no manifest is not in the store.
        await rename(join(work, 'manifest'), join(this.folder, manifestFile(digest)))
      }
      await this.#point(name, digest, work)
      return known ?? (await this.get(digest))
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }

  /** A new folder in the store's file system for an image in the making; whoever asked for it removes it. */
  async workFolder(): Promise<string> {
    await mkdir(join(this.folder, namesFolder), { recursive: true })
    return await mkdtemp(join(this.folder, workPrefix))
  }

  /**
   * The digest that a name, or `sha256:HEX`, means now. A digest need not be in the store.
   * @throws CausewayError `ImageMissing` for a name that is not there; `InvalidRequest` for what names no image
   */
  async resolve(image: string): Promise<string> {
    const reference = readImageReference(image)
    if (reference.kind === 'digest') return reference.digest
    if (reference.kind === 'path') {
      throw new CausewayError('InvalidRequest', `${image} is a path: the head's store knows names and digests`)
    }
    const digest = await this.#target(reference.name)
    if (digest !== null) return digest
    throw new CausewayError(
      'ImageMissing',
      `there is no image ${reference.name} in ${this.folder} on the head: make it with "causeway image build" or bring it with "causeway image add"`,
    )
  }

  /** @throws CausewayError `ImageMissing` when the store does not have it */
  async get(digest: string): Promise<StoredImage> {
    const manifest = await this.#manifest(digest)
    if (!manifest) {
      throw new CausewayError('ImageMissing', `there is no image sha256:${digest} in ${this.folder} on the head`)
    }
    return { ...manifest, names: namesOf(await this.#names(), digest) }
  }

  /** All images, the newest first. */
  async list(): Promise<readonly StoredImage[]> {
    const names = await this.#names()
    const images: StoredImage[] = []
    for (const file of await filesIn(this.folder)) {
      const [, digest] = /^sha256-([0-9a-f]{64})\.json$/.exec(file) ?? []
      const manifest = digest === undefined ? null : await this.#manifest(digest)
      if (manifest) images.push({ ...manifest, names: namesOf(names, manifest.digest) })
    }
    return images.toSorted((a, b) => b.addedAtMs - a.addedAtMs || a.digest.localeCompare(b.digest))
  }

  /** Removes an image with the names that point to it; one that is not there is removed. */
  async remove(digest: string): Promise<void> {
    for (const name of namesOf(await this.#names(), digest)) await rm(join(this.folder, namesFolder, name))
    await rm(join(this.folder, manifestFile(digest)), { force: true })
    await rm(join(this.folder, imageFile(digest)), { force: true })
  }

  /** Removes what builds and additions that were killed left behind, once it is as old as said. */
  async sweep(ageMs: number): Promise<void> {
    for (const file of await filesIn(this.folder)) {
      const path = join(this.folder, file)
      if (!file.startsWith(workPrefix) || this.#clock.now() - (await stat(path)).mtimeMs < ageMs) continue
      await rm(path, { recursive: true, force: true })
    }
  }

  async #virtualBytesOf(file: string): Promise<number> {
    const argv = ['qemu-img', 'info', '--output=json', '-f', 'qcow2', file]
    const result = await this.#host.exec(argv)
    if (result.code === 127) {
      throw new CausewayError('CommandFailed', 'qemu-img is missing on the head (apt-get install qemu-utils)')
    }
    const said = result.code === 0 ? (JSON.parse(result.stdout) as Record<string, unknown>) : null
    const size = said?.['virtual-size']
    if (typeof size !== 'number') {
      throw new CausewayError('InvalidRequest', `${file} is no qcow2 image: ${result.stderr.trim().slice(-500)}`)
    }
    if (said?.['backing-filename'] !== undefined) {
      throw new CausewayError(
        'InvalidRequest',
        `${file} needs another file under it: "qemu-img convert" makes it whole`,
      )
    }
    if (dataFileOf(said) !== undefined) {
      // A machine would get what lies there at the host, whatever that is.
      throw new CausewayError(
        'InvalidRequest',
        `${file} has its data in another file: "qemu-img convert" makes it whole`,
      )
    }
    await execChecked(this.#host, ['qemu-img', 'check', '-q', '-f', 'qcow2', file], { timeoutMs: 600_000 })
    return size
  }

  async #point(name: string, digest: string, work: string): Promise<void> {
    const link = join(work, 'name')
    await symlink(`../${imageFile(digest)}`, link)
    await rename(link, join(this.folder, namesFolder, name))
  }

  async #names(): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>()
    for (const name of await filesIn(join(this.folder, namesFolder))) {
      const digest = await this.#target(name)
      if (digest !== null) names.set(name, digest)
    }
    return names
  }

  /** The digest that a name leads to; null where it is gone, or is no link to an image. */
  async #target(name: string): Promise<string | null> {
    try {
      const target = basename(await readlink(join(this.folder, namesFolder, name)))
      return /^sha256-([0-9a-f]{64})\.qcow2$/.exec(target)?.[1] ?? null
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'EINVAL') return null
      throw error
    }
  }

  async #manifest(digest: string): Promise<Manifest | null> {
    const path = join(this.folder, manifestFile(digest))
    try {
      return readManifest(path, await readFile(path, 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }
}

/** The file beside a qcow2 that has its data, as `qemu-img info` tells. */
function dataFileOf(info: Record<string, unknown> | null): unknown {
  const specific = info?.['format-specific'] as { readonly data?: Record<string, unknown> } | undefined
  return specific?.data?.['data-file']
}

function manifestFile(digest: string): string {
  return `sha256-${digest}.json`
}

function namesOf(names: ReadonlyMap<string, string>, digest: string): readonly string[] {
  return [...names].filter(([, target]) => target === digest).map(([name]) => name)
}

/** The files of a folder; one that is not there has none. */
async function filesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).toSorted()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

async function syncToDisk(file: string): Promise<void> {
  const handle = await open(file, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
