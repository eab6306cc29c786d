import { Worker } from 'node:worker_threads'
import type Database from 'better-sqlite3'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import { expectedByName } from '../formats/digests.ts'
import type { Package } from '../formats/format.ts'
import { plainPath } from '../formats/paths.ts'
import type { Origin } from '../origins.ts'
import type { Catalogue, PackageIndex } from './catalogue.ts'
import type { Order, Report } from './catalogue-messages.ts'
import type { Expected } from './expected.ts'
import { openRows, PackageReader, type VersionName } from './package-rows.ts'

/** How many answers are remembered for each origin between two changes. */
const mostRemembered = 20_000

/** Milliseconds after which a thread that has nothing to do is let go, and its memory with it. */
const idleMs = 5_000

/** What keeps the thread's memory small; an index is read piece by piece, and a piece has at most 16 MiB. */
const resourceLimits = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 }

/** The catalogue in the store's folder. This thread only reads it; another one writes, when there is something to learn. */
export class DiskCatalogue implements Catalogue {
  readonly #folder: string
  readonly #clock: Clock
  readonly #database: Database.Database
  readonly #rows: PackageReader
  /** By host, then by path as it was asked for. */
  readonly #remembered = new Map<string, Map<string, Expected | null>>()
  readonly #learning = new Map<string, Promise<void>>()
  /** What the thread does, one after the other. */
  #last: Promise<void> = Promise.resolve()
  #worker: Worker | undefined
  #idle = new AbortController()
  #closed = false

  constructor(folder: string, clock: Clock) {
    this.#folder = folder
    this.#clock = clock
    this.#database = openRows(folder)
    this.#rows = new PackageReader(this.#database)
  }

  expected(origin: Origin, path: string): Expected | undefined {
    let remembered = this.#remembered.get(origin.host)
    if (!remembered) this.#remembered.set(origin.host, (remembered = new Map()))
    const known = remembered.get(path)
    if (known !== undefined) return known ?? undefined
    const file = plainPath(path)
    const found = file === undefined ? undefined : (expectedByName(file) ?? this.#rows.expected(origin.host + file))
    if (remembered.size >= mostRemembered) remembered.clear()
    remembered.set(path, found ?? null)
    return found
  }

  knows(index: PackageIndex): boolean {
    return this.#rows.idOf(versionOf(index)) !== undefined
  }

  named(indexes: readonly PackageIndex[], name: string): readonly Package[] {
    return indexes.flatMap((index) => {
      const id = this.#rows.idOf(versionOf(index))
      return id === undefined ? [] : this.#rows.named(id, name)
    })
  }

  async learn(index: PackageIndex, read: () => AsyncIterable<Buffer>): Promise<void> {
    if (this.knows(index)) return
    const { host, file, sha256 } = versionOf(index)
    const name = `${host}${file}#${sha256}`
    const running = this.#learning.get(name)
    if (running) return running
    const learning = this.#then(async () => {
      const { origin, suite } = index
      await this.#order({ does: 'learn', version: { host, file, sha256 }, suite, speaksFor: origin.redirects }, read)
    })
    this.#learning.set(name, learning)
    try {
      await learning
    } finally {
      this.#learning.delete(name)
    }
  }

  async retain(indexes: readonly PackageIndex[]): Promise<void> {
    await this.#then(() => this.#order({ does: 'retain', versions: indexes.map(versionOf) }))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#idle.abort()
    await this.#worker?.terminate()
    await this.#last.catch(() => {})
    if (this.#database.open) this.#database.close()
  }

  #then(act: () => Promise<void>): Promise<void> {
    const done = this.#last.then(act)
    this.#last = done.catch(() => {})
    return done
  }

  /** Has the thread do something; `read` is what it is fed with. */
  async #order(order: Order, read?: () => AsyncIterable<Buffer>): Promise<void> {
    if (this.#closed) throw closed()
    this.#idle.abort()
    const worker = (this.#worker ??= this.#start())
    const source = read?.()[Symbol.asyncIterator]()
    let broken: unknown
    const feed = async () => {
      try {
        const next = await source?.next()
        const chunk = next === undefined || next.done === true ? null : next.value
        worker.postMessage({ does: 'feed', chunk } satisfies Order, [])
      } catch (error) {
        broken = error
        worker.postMessage({ does: 'break' } satisfies Order, [])
      }
    }
    let listeners: (() => void) | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        const hear = (report: Report) => {
          if (report.said === 'more') void feed()
          else if (report.failure) reject(new CausewayError(report.failure.code, report.failure.message))
          else resolve()
        }
        const exit = () => reject(closed())
        worker.on('message', hear).on('error', reject).on('exit', exit)
        listeners = () => worker.off('message', hear).off('error', reject).off('exit', exit)
        worker.postMessage(order, [])
      })
    } catch (error) {
      throw broken ?? error
    } finally {
      listeners?.()
      this.#remembered.clear()
      await source?.return?.()
      this.#letGoLater(worker)
    }
  }

  #start(): Worker {
    // The sources and the built package differ in their files' extension.
    const main = import.meta.filename.endsWith('.ts')
      ? new URL('./catalogue-main.ts', import.meta.url)
      : new URL('./catalogue-main.js', import.meta.url)
    const worker = new Worker(main, { workerData: { folder: this.#folder }, resourceLimits })
    worker.unref()
    // Whoever waits for it hears of it by a listener of its own; without one here it would end this thread.
    worker.on('error', () => {})
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
    })
    return worker
  }

  #letGoLater(worker: Worker): void {
    this.#idle = new AbortController()
    const { signal } = this.#idle
    void this.#clock.sleep(idleMs, signal).then(() => {
      if (signal.aborted) return
      if (this.#worker === worker) this.#worker = undefined
      return worker.terminate()
    })
  }
}

function versionOf({ origin, file, sha256 }: PackageIndex): VersionName {
  return { host: origin.host, file, sha256 }
}

function closed(): CausewayError {
  return new CausewayError('Internal', 'the catalogue is closed', { retryable: true })
}
