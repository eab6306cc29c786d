import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { HostImages } from './host-images.ts'
import { hostImageFolder, imageFile, readImageReference } from './image-name.ts'
import type { ImageStore } from './image-store.ts'

/** Where drivers get the images of their machines from. */
export interface ImageSource {
  /**
   * The file that an image is on every host that has it. Asks no host.
   * @param image a path, `sha256:HEX`, or a name of the head's store
   * @throws CausewayError `ImageMissing` for a name that the head does not know
   */
  pathOf(image: string): Promise<string>
  /**
   * Has the image on a host and returns its path there, as `pathOf`; a path is taken as it is. Whoever brings the same image
   * to the same host at the same time shares one transfer, which goes on where an earlier one stopped.
   * @throws CausewayError `ImageMissing`, `InsufficientCapacity`, `HostUnreachable`, `CommandTimeout` when it takes longer
   *   than the patience (it goes on coming), `CommandFailed`
   */
  bring(host: Host, image: string): Promise<string>
}

/** How `HeadImages` works. */
export interface HeadImagesOptions {
  readonly store: ImageStore
  /** URLs of folders where the site's hosts may get images, the best first; none: hosts have what they have. */
  readonly sources: readonly string[]
  readonly clock: Clock
  /** How long a bringer waits, ms. */
  readonly patienceMs?: number
  /** Folder of the images on the hosts. */
  readonly folder?: string
  /** Folder of the script on the hosts. */
  readonly bin?: string
}

/** A host is asked no more often about an image that is coming, ms. */
const leastMs = 1000

/** The images of the head, brought to the hosts of one site. */
export class HeadImages implements ImageSource {
  readonly #options: HeadImagesOptions
  readonly #folder: string
  readonly #coming = new Map<string, Promise<string>>()

  constructor(options: HeadImagesOptions) {
    this.#options = options
    this.#folder = options.folder ?? hostImageFolder
  }

  async pathOf(image: string): Promise<string> {
    const reference = readImageReference(image)
    return reference.kind === 'path' ? reference.path : this.#pathOf(await this.#options.store.resolve(image))
  }

  async bring(host: Host, image: string): Promise<string> {
    const reference = readImageReference(image)
    if (reference.kind === 'path') return reference.path
    const digest = await this.#options.store.resolve(image)
    const key = `${host.name} ${digest}`
    const coming = this.#coming.get(key) ?? this.#wait(host, image, digest).finally(() => this.#coming.delete(key))
    this.#coming.set(key, coming)
    return await coming
  }

  #pathOf(digest: string): string {
    return join(this.#folder, imageFile(digest))
  }

  async #wait(host: Host, image: string, digest: string): Promise<string> {
    const { store, sources, clock, patienceMs = 900_000, bin } = this.#options
    const images = new HostImages(host, { folder: this.#folder, bin })
    // A digest that the head does not have may still be on the host.
    const stored = (await store.list()).find((one) => one.digest === digest)
    const bytes = stored?.bytes ?? 1
    const from = stored ? sources : []
    for (const until = clock.now() + patienceMs; ; ) {
      const askedMs = clock.now()
      const answer = await images.bring(digest, bytes, from).catch((thrown: unknown) => {
        throw this.#explained(toCausewayError(thrown), host, image, stored !== undefined)
      })
      if (answer.state === 'there') return this.#pathOf(digest)
      if (clock.now() < until) {
        // Usually the host has waited by itself; not where its fetcher dies each time.
        await clock.sleep(Math.max(0, askedMs + leastMs - clock.now()))
        continue
      }
      const part = `${Math.floor((answer.bytes / bytes) * 100)} %`
      throw new CausewayError('CommandTimeout', `${host.name}: image ${image} is still coming, ${part} of it is there`)
    }
  }

  /** Where there was nowhere to get it from, what to do about that. */
  #explained(error: CausewayError, host: Host, image: string, stored: boolean): CausewayError {
    if (error.code !== 'CommandFailed' || (stored && this.#options.sources.length > 0)) return error
    const wayOut = stored
      ? "set images.listen in the controller's configuration, so that hosts can fetch it"
      : 'the head does not have it either: bring it with "causeway image add" or name another image'
    return new CausewayError('ImageMissing', `${host.name} does not have the image ${image}; ${wayOut}`, {
      cause: error,
    })
  }
}
