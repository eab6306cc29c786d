import { statfs } from 'node:fs/promises'
import type { Clock } from '../../base/clock.ts'
import type { CacheDatabase } from '../database.ts'
import type { Events } from '../events.ts'
import type { Headers } from '../headers.ts'
import { AtHand } from './at-hand.ts'
import { blockBytes } from './blocks.ts'
import { Bodies } from './bodies.ts'
import { Evictor } from './evictor.ts'
import { FileIncoming } from './incoming.ts'
import { Keeping } from './keeping.ts'
import { Layout } from './layout.ts'
import type { PartialFile } from './partial-file.ts'
import { PartialRows } from './partial-rows.ts'
import { Partials } from './partials.ts'
import type { Incoming, IncomingHead, Kept, Listed, Purged, Selection, Store, Stored, Usage, Verified } from './port.ts'
import { recover } from './recovery.ts'
import { mayResume } from './resumable.ts'
import { Room, stepBytes } from './room.ts'
import { Rows } from './rows.ts'
import { SmallIncoming } from './small-incoming.ts'
import { Statements } from './statements.ts'
import { Trouble } from './trouble.ts'
import { Turns } from './turns.ts'
import { Upkeep } from './upkeep.ts'
import { Uses } from './uses.ts'

/**
 * Bodies up to this many bytes come in memory and go to the disk when complete: a block, of which nothing would be left to
 * go on with after a crash anyway. They stay at hand for a while, for those who ask for the same at the same time.
 */
const inMemoryBytes = blockBytes

/** Milliseconds between looks at how full the file system is. */
const lookMs = 10_000

export interface DiskStoreDeps {
  readonly folder: string
  /** Opened with `storeTables`; closed by whoever opened it, after the store. */
  readonly database: CacheDatabase
  readonly clock: Clock
  readonly events: Pick<Events, 'report'>
  /** Bytes that bodies may take; undefined: no limit but `keepFree`. */
  readonly quota: number | undefined
  /** Bytes of the file system that stay free. */
  readonly keepFree: number
}

/** What of the store is there before it is open. */
interface Ground {
  readonly layout: Layout
  readonly trouble: Trouble
  readonly rows: Rows
  readonly partialRows: PartialRows
}

/**
 * The store on a disk: bodies as files named by their SHA-256, all else in SQLite.
 *
 * Order of events: bytes are in a file before a row says so, and a row is gone before its file goes. So whatever moment
 * the process dies at, a row's file is there, and a file without a row is removed at the next start. Nothing is forced
 * to the disk: what a power cut damages is found out by the checksums when it is read.
 */
export class DiskStore implements Store {
  readonly #deps: DiskStoreDeps
  readonly #trouble: Trouble
  readonly #rows: Rows
  readonly #partialRows: PartialRows
  readonly #turns = new Turns()
  readonly #uses: Uses
  readonly #room: Room
  readonly #atHand: AtHand
  readonly #bodies: Bodies
  readonly #partials: Partials
  readonly #evictor: Evictor
  readonly #keeping: Keeping
  readonly #upkeep: Upkeep
  readonly #timer: NodeJS.Timeout
  #relieving: Promise<void> = Promise.resolve()

  private constructor(deps: DiskStoreDeps, { layout, trouble, rows, partialRows }: Ground) {
    const { clock, events, quota, keepFree } = deps
    const now = () => clock.now()
    const turns = this.#turns
    this.#deps = deps
    this.#trouble = trouble
    this.#rows = rows
    this.#partialRows = partialRows
    const uses = (this.#uses = new Uses(rows, now))
    const evict = (bytes: number) => this.#evictor.evict(bytes)
    const room = (this.#room = new Room({ quota, keepFree, free: () => this.#free(), evict, now }))
    room.found(rows.totals().bytes + partialRows.bytes())
    const atHand = (this.#atHand = new AtHand(async (row, error) => void (await this.#bodies.failed(row, error))))
    const bodies = (this.#bodies = new Bodies({ layout, rows, atHand, turns, room, trouble, events, now }))
    const partials = (this.#partials = new Partials({ layout, rows: partialRows, trouble, room, now }))
    const shared = { layout, rows, partials, bodies, atHand, uses, trouble }
    this.#evictor = new Evictor(shared)
    this.#keeping = new Keeping({ ...shared, turns, room, events, now })
    this.#upkeep = new Upkeep(shared)
    this.#timer = setInterval(() => {
      this.#relieving = this.#relieve()
    }, lookMs).unref()
  }

  static async open(deps: DiskStoreDeps): Promise<DiskStore> {
    const { folder, database, clock, events } = deps
    const layout = new Layout(folder)
    const trouble = new Trouble(folder, clock, events)
    const sql = new Statements(database, (error) => trouble.note(error))
    const [rows, partialRows] = [new Rows(sql), new PartialRows(sql)]
    await layout.prepare()
    await recover(layout, rows, partialRows)
    return new DiskStore(deps, { layout, trouble, rows, partialRows })
  }

  get troubled(): boolean {
    return this.#trouble.now
  }

  failed(error: unknown): void {
    this.#trouble.note(error)
  }

  peek(key: string): Stored | undefined {
    const stored = this.#atHand.get(key)
    if (stored) this.#uses.note(key)
    return stored
  }

  async find(key: string): Promise<Stored | undefined> {
    const ready = this.peek(key)
    if (ready) return ready
    const stored = await this.#bodies.find(key)
    if (stored) this.#uses.note(key)
    return stored
  }

  async begin(head: IncomingHead): Promise<Incoming> {
    const { length } = head
    const promised = length ?? stepBytes
    await this.#partials.giveUp(head.key)
    await this.#room.take(promised)
    if (length !== undefined && length <= inMemoryBytes) {
      return new SmallIncoming({ ...head, length }, this.#keeping, this.#room)
    }
    try {
      return this.#incoming(head, await this.#partials.create(head), promised)
    } catch (error) {
      this.#room.giveBack(promised)
      throw error
    }
  }

  async resume(key: string): Promise<Incoming | undefined> {
    try {
      const left = await this.#partials.reopen(key)
      return left && (await this.#goOn(left))
    } catch {
      // The rows have told of it.
      return undefined
    }
  }

  async #goOn({ file, head }: { file: PartialFile; head: IncomingHead }): Promise<Incoming | undefined> {
    const missing = Math.max(0, (head.length ?? 0) - file.bytes)
    try {
      await this.#room.take(missing)
      return this.#incoming(head, file, missing)
    } catch {
      // There is no room for the rest, and `begin` will say so too.
      await this.#partials.drop(file, file.bytes)
      await file.close()
      return undefined
    }
  }

  #incoming(head: IncomingHead, file: PartialFile, promised: number): Incoming {
    const resumable = mayResume(head)
    return new FileIncoming(head, file, { keeper: this.#keeping, room: this.#room, resumable, promised })
  }

  async link(sha256: string, kept: Omit<Kept, 'length' | 'sha256'>): Promise<boolean> {
    const body = this.#rows.body(sha256)
    if (!body) return false
    const gone = this.#rows.link(kept, body, this.#deps.clock.now())
    this.#atHand.forget(kept.key)
    await this.#bodies.release(gone)
    return true
  }

  touch(key: string, headers: Headers, validatedAtMs: number): Promise<void> {
    // The worst is that the origin is asked once more.
    told(() => this.#rows.touch(key, headers, validatedAtMs))
    this.#atHand.confirm(key, headers, validatedAtMs)
    return Promise.resolve()
  }

  remove(key: string): Promise<void> {
    return this.#removeAll([key])
  }

  async #removeAll(keys: readonly string[]): Promise<void> {
    const gone = this.#rows.remove(keys)
    for (const key of keys) this.#atHand.forget(key)
    await this.#bodies.release(gone)
  }

  lastDigest(key: string): string | undefined {
    return told(() => this.#rows.lastDigest(key))
  }

  pin(name: string, keys: readonly string[]): void {
    told(() => this.#rows.pin(name, keys))
  }

  unpin(name: string): void {
    told(() => this.#rows.unpin(name))
  }

  list(selection: Selection): Listed[] {
    return [...this.each(selection)]
  }

  each(selection: Selection): Iterable<Listed> {
    this.#uses.flush()
    return this.#upkeep.each(selection)
  }

  verify(selection: Selection, progress?: (soFar: Verified) => void): Promise<Verified> {
    return this.#upkeep.verify(selection, progress)
  }

  purge(selection: Selection): Promise<Purged> {
    return this.#upkeep.purge(selection, (keys) => this.#removeAll(keys))
  }

  async usage(): Promise<Usage> {
    const { evictedBytes } = this.#evictor
    const { quota } = this.#deps
    const kept = told(() => ({ ...this.#rows.totals(), partialBytes: this.#partialRows.bytes() }))
    const { responses = 0, bytes = 0, partialBytes = 0 } = kept ?? {}
    return { responses, bytes, partialBytes, evictedBytes, quota, freeBytes: await this.#free().catch(() => 0) }
  }

  async #free(): Promise<number> {
    const { bavail, bsize } = await this.#trouble.noting(statfs(this.#deps.folder))
    return bavail * bsize
  }

  async #relieve(): Promise<void> {
    try {
      await this.#room.relieve()
    } catch (error) {
      this.#trouble.note(error)
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#relieving
    this.#uses.flush()
    await this.#atHand.close()
    await this.#turns.idle()
  }
}

/** What an operation on the rows gives; nothing where it fails, as the rows have told of that. */
function told<T>(operation: () => T): T | undefined {
  try {
    return operation()
  } catch {
    return undefined
  }
}
