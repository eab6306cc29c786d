import { setImmediate as turn } from 'node:timers/promises'
import type { Logger } from '../../base/log.ts'
import type { Events } from '../events.ts'
import type { Format, IndexFile } from '../formats/format.ts'
import { kindOf } from '../formats/kinds.ts'
import { keyOf, type Origin } from '../origins.ts'
import type { Store } from '../store/port.ts'
import type { Catalogue, PackageIndex } from '../verify/catalogue.ts'
import { isOtherThan } from '../verify/expected.ts'
import { type Version, versionKey } from './version.ts'

export interface LearnerDeps {
  readonly catalogue: Pick<Catalogue, 'learn' | 'retain' | 'expected'>
  readonly store: Store
  readonly events: Pick<Events, 'report'>
  readonly log: Logger
}

/** Bytes that are read from the store at a time. */
const step = 256 * 1024

/** Packages that are compared before others get their turn. */
const compareAtOnce = 200

/** Has the catalogue read the indexes that come into use, one after the other. */
export class Learner {
  readonly #deps: LearnerDeps
  #last: Promise<void> = Promise.resolve()
  #closed = false

  constructor(deps: LearnerDeps) {
    this.#deps = deps
  }

  /** Gives up what waits to be learned. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#last
  }

  /** Resolves when all that was to be learned until now is. */
  get idle(): Promise<void> {
    return this.#last
  }

  /** Learns an index in the background, if it is kept and lists packages. */
  learn(format: Format, version: Version, file: IndexFile): void {
    if (!format.listsPackages(file.path)) return
    this.#last = this.#last.then(async () => {
      if (this.#closed) return
      try {
        await this.learnNow(format, version, file)
        await this.#compare(version.origin)
      } catch (error) {
        if (this.#closed) return
        this.#deps.log.warn({ host: version.origin.host, index: file.path, err: error }, 'an index can not be learned')
      }
    })
  }

  /** Drops packages of an origin that were kept before an index said that they must be something else. */
  async #compare(origin: Origin): Promise<void> {
    const { store, catalogue, events } = this.#deps
    const root = keyOf(origin, '/')
    let compared = 0
    for (const kept of store.each({ prefix: root })) {
      if (this.#closed) return
      const path = kept.key.slice(root.length - 1)
      // What has a # is one version of an index.
      if (kept.key.includes('#') || kindOf(origin, path) !== 'package') continue
      if (isOtherThan(catalogue.expected(origin, path), kept)) {
        await store.remove(kept.key)
        events.report('ContentChanged', kept.key, 'what is kept is not what the index says; it is fetched anew')
      }
      compared += 1
      if (compared % compareAtOnce === 0) await turn()
    }
  }

  /**
   * Learns an index, if it is kept; resolves to what the catalogue knows it by.
   * @throws CausewayError `MalformedOutput`
   */
  async learnNow(format: Format, version: Version, file: IndexFile): Promise<PackageIndex | undefined> {
    const { store, catalogue } = this.#deps
    const key = versionKey(version.origin, file)
    const stored = await store.find(key)
    if (!stored) return undefined
    const { sha256 } = stored
    await stored.close()
    const index: PackageIndex = { origin: version.origin, suite: version.suite, file: file.path, sha256 }
    if (format.listsPackages(file.path)) await catalogue.learn(index, () => chunksOf(store, key))
    return index
  }

  /** Lets the catalogue forget what these don't list. */
  async retain(kept: readonly { readonly version: Version; readonly file: IndexFile }[]): Promise<void> {
    const indexes: PackageIndex[] = []
    for (const { version, file } of kept) {
      const { origin, suite } = version
      const sha256 = this.#deps.store.lastDigest(versionKey(origin, file))
      if (sha256 !== undefined) indexes.push({ origin, suite, file: file.path, sha256 })
    }
    await this.#deps.catalogue.retain(indexes)
  }
}

async function* chunksOf(store: Store, key: string): AsyncGenerator<Buffer> {
  const stored = await store.find(key)
  if (!stored) return
  try {
    for (let at = 0; at < stored.length; ) {
      const chunk = Buffer.alloc(Math.min(step, stored.length - at))
      const bytes = await stored.read(chunk, at)
      if (bytes === 0) return
      at += bytes
      yield chunk.subarray(0, bytes)
    }
  } finally {
    await stored.close()
  }
}
