import { Worker } from 'node:worker_threads'
import type Database from 'better-sqlite3'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import { isDatabaseDamage, Unusable } from '../database.ts'
import type { Events } from '../events.ts'
import { expectedByName } from '../formats/digests.ts'
import type { Package } from '../formats/format.ts'
import { plainPath } from '../formats/paths.ts'
import type { Origin } from '../origins.ts'
import type { Catalogue, PackageIndex } from './catalogue.ts'
import { catalogueFile, openCatalogue, removeCatalogue } from './catalogue-file.ts'
import type { Failure, Order, Report } from './catalogue-messages.ts'
import type { Expected } from './expected.ts'
import { PackageReader, type VersionName } from './package-rows.ts'

/** How many answers are remembered for each origin between two changes. */
const mostRemembered = 20_000

/** Milliseconds after which a thread that has nothing to do is let go, and its memory with it. */
const idleMs = 5_000

/** What keeps the thread's memory small; an index is read piece by piece, and a piece has at most 16 MiB. */
const resourceLimits = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 }

/**
 * The catalogue in the store's folder. This thread only reads it; another one writes, when there is something to learn.
 *
 * Where the disk fails it knows nothing until something can be learned; one that is found damaged is begun anew at once. An event
 * tells of both.
 */
export class DiskCatalogue implements Catalogue {
  readonly #folder: string
  readonly #clock: Clock
  readonly #events: Pick<Events, 'report'>
  #database: Database.Database | undefined
  /** Undefined while the database can't be opened. */
  #rows: PackageReader | undefined
  /** Whether that it fails has been told. */
  #failing = false
  /** By host, then by path as it was asked for. */
  readonly #remembered = new Map<string, Map<string, Expected | null>>()
  readonly #learning = new Map<string, Promise<void>>()
  /** What the thread does, one after the other. */
  #last: Promise<void> = Promise.resolve()
  #worker: Worker | undefined
  #idle = new AbortController()
  #closed = false

  constructor(folder: string, clock: Clock, events: Pick<Events, 'report'>) {
    this.#folder = folder
    this.#clock = clock
    this.#events = events
    this.#open()
  }

  #open(): void {
    if (this.#rows) return
    try {
      const database = (this.#database ??= openCatalogue(this.#folder))
      this.#rows = new PackageReader(database)
    } catch (error) {
      this.#fails(error)
    }
  }

  /** What is read, or `otherwise` when it can't be. */
  #read<T>(read: (rows: PackageReader) => T, otherwise: T): T {
    try {
      return this.#rows ? read(this.#rows) : otherwise
    } catch (error) {
      this.#fails(error)
      return otherwise
    }
  }

  #fails(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if (!this.#failing) {
      const what = `packages are not compared with their indexes until these can be read again: ${message}`
      this.#events.report('DiskTrouble', catalogueFile(this.#folder), what, error)
    }
    this.#failing = true
    if (isDatabaseDamage(error)) this.#beginAnew()
  }

  #beginAnew(): void {
    void this.#worker?.terminate()
    this.#worker = undefined
    this.#database?.close()
    this.#database = undefined
    this.#rows = undefined
    this.#remembered.clear()
    try {
      removeCatalogue(this.#folder)
    } catch {
      // It has been told that the catalogue fails; the next order to learn tries again.
    }
  }

  expected(origin: Origin, path: string): Expected | undefined {
    let remembered = this.#remembered.get(origin.host)
    if (!remembered) this.#remembered.set(origin.host, (remembered = new Map()))
    const known = remembered.get(path)
    if (known !== undefined) return known ?? undefined
    const file = plainPath(path)
    const said = (at: string) => this.#read((rows) => rows.expected(origin.host + at), undefined)
    const found = file === undefined ? undefined : (expectedByName(file) ?? said(file))
    if (remembered.size >= mostRemembered) remembered.clear()
    remembered.set(path, found ?? null)
    return found
  }

  knows(index: PackageIndex): boolean {
    return this.#read((rows) => rows.idOf(versionOf(index)), undefined) !== undefined
  }

  named(indexes: readonly PackageIndex[], name: string): readonly Package[] {
    const namedIn = (rows: PackageReader) =>
      indexes.flatMap((index) => {
        const id = rows.idOf(versionOf(index))
        return id === undefined ? [] : rows.named(id, name)
      })
    return this.#read(namedIn, [])
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
    this.#database?.close()
    this.#database = undefined
    this.#rows = undefined
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
    this.#open()
    if (!this.#rows) throw new CausewayError('Internal', `${catalogueFile(this.#folder)} can't be opened`)
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
          else if (report.failure) reject(failureOf(report.failure))
          else resolve()
        }
        const exit = () => reject(closed())
        worker.on('message', hear).on('error', reject).on('exit', exit)
        listeners = () => worker.off('message', hear).off('error', reject).off('exit', exit)
        worker.postMessage(order, [])
      })
      this.#failing = false
    } catch (error) {
      if (isDatabaseDamage(error)) this.#fails(error)
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

function failureOf({ code, message, damage }: Failure): Error {
  return damage ? new Unusable(message) : new CausewayError(code, message)
}

function closed(): CausewayError {
  return new CausewayError('Internal', 'the catalogue is closed', { retryable: true })
}
