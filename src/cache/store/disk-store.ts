import { rename, statfs } from 'node:fs/promises'
import type { Clock } from '../../base/clock.ts'
import type { CacheDatabase } from '../database.ts'
import type { Events } from '../events.ts'
import type { Headers } from '../headers.ts'
import { blockBytes } from './blocks.ts'
import { Bodies, isDamaged } from './bodies.ts'
import { closeFile, createFile, isMissing, writeAll } from './files.ts'
import { FileIncoming, type Keeper, SmallIncoming } from './incoming.ts'
import { inspect } from './inspect.ts'
import { Layout, unlinkIfThere } from './layout.ts'
import type { PartialFile } from './partial-file.ts'
import { Partials } from './partials.ts'
import type { Incoming, IncomingHead, Kept, Listed, Selection, Store, Stored, Usage, Verified } from './port.ts'
import { recover } from './recovery.ts'
import { mayResume } from './resumable.ts'
import { Room } from './room.ts'
import { type GoneBody, Rows, type Whole } from './rows.ts'
import { Trouble } from './trouble.ts'
import { Turns } from './turns.ts'
import { Uses } from './uses.ts'

/**
 * Bodies up to this many bytes come in memory and go to the disk when complete: a block, of which nothing would be left to
 * go on with after a crash anyway. They stay at hand for a while, for those who ask for the same at the same time.
 */
const inMemoryBytes = blockBytes

/** Milliseconds between looks at how full the file system is. */
const lookMs = 10_000

/** Keys listed at a time where each is worked on. */
const pageSize = 200

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

/**
 * The store on a disk: bodies as files named by their SHA-256, all else in SQLite.
 *
 * Order of events: bytes are in a file before a row says so, and a row is gone before its file goes. So whatever moment
 * the process dies at, a row's file is there, and a file without a row is removed at the next start. Nothing is forced
 * to the disk: what a power cut damages is found out by the checksums when it is read.
 */
export class DiskStore implements Store {
  readonly #deps: DiskStoreDeps
  readonly #layout: Layout
  readonly #rows: Rows
  readonly #trouble: Trouble
  readonly #turns = new Turns()
  readonly #uses: Uses
  readonly #bodies: Bodies
  readonly #partials: Partials
  readonly #room: Room
  readonly #keeper: Keeper
  readonly #timer: NodeJS.Timeout
  #relieving: Promise<void> = Promise.resolve()
  #evictedBytes = 0
  #named = 0

  private constructor(deps: DiskStoreDeps, layout: Layout, rows: Rows) {
    const { folder, clock, events, quota, keepFree } = deps
    const now = () => clock.now()
    const room = () => this.#room
    this.#deps = deps
    this.#layout = layout
    this.#rows = rows
    this.#trouble = new Trouble(folder, clock, events)
    const [turns, trouble] = [this.#turns, this.#trouble]
    const floor = () => this.#bodies.floor
    this.#uses = new Uses({ rows, floor, now, failed: (error) => trouble.note(error) })
    this.#bodies = new Bodies({ layout, rows, turns, trouble, uses: this.#uses, events, room })
    this.#partials = new Partials({ layout, rows, trouble, room, now })
    this.#room = new Room({ quota, keepFree, free: () => this.#free(), evict: (bytes) => this.#evict(bytes), now })
    this.#room.found(rows.totals().bytes + rows.partialBytes())
    this.#keeper = {
      keep: (head, whole, from) => this.#keep(head, { ...whole, storedAtMs: now() }, from),
      remember: (file, head) => this.#partials.remember(file, head),
      suspend: (file, bytes) => this.#partials.suspend(file, bytes),
      drop: (file, bytes) => this.#partials.drop(file, bytes),
      mismatch: (head, message) => events.report('DigestMismatch', head.key, message),
      noting: (operation) => trouble.noting(operation),
    }
    this.#timer = setInterval(() => (this.#relieving = this.#relieve()), lookMs).unref()
  }

  static async open(deps: DiskStoreDeps): Promise<DiskStore> {
    const layout = new Layout(deps.folder)
    const rows = new Rows(deps.database)
    await layout.prepare()
    await recover(layout, rows)
    return new DiskStore(deps, layout, rows)
  }

  get troubled(): boolean {
    return this.#trouble.now
  }

  peek(key: string): Stored | undefined {
    return this.#bodies.peek(key)
  }

  find(key: string): Promise<Stored | undefined> {
    return this.#bodies.find(key)
  }

  async begin(head: IncomingHead): Promise<Incoming> {
    const { length } = head
    await this.#partials.giveUp(head.key)
    if (length !== undefined) await this.#room.take(length)
    if (length !== undefined && length <= inMemoryBytes) {
      return new SmallIncoming({ ...head, length }, this.#keeper, this.#room)
    }
    try {
      return this.#incoming(head, await this.#partials.create(head), length ?? 0)
    } catch (error) {
      this.#room.giveBack(length ?? 0)
      throw error
    }
  }

  async resume(key: string): Promise<Incoming | undefined> {
    const left = await this.#partials.reopen(key)
    if (!left) return undefined
    const { file, head } = left
    const missing = Math.max(0, (head.length ?? 0) - file.bytes)
    try {
      await this.#room.take(missing)
      return this.#incoming(head, file, missing)
    } catch (error) {
      await this.#partials.drop(file, file.bytes)
      await file.close()
      throw error
    }
  }

  #incoming(head: IncomingHead, file: PartialFile, promised: number): Incoming {
    const resumable = mayResume(head)
    return new FileIncoming(head, file, { keeper: this.#keeper, room: this.#room, resumable, promised })
  }

  /** Gives a body its name, and then its row: from there on it is found. */
  async #keep(head: IncomingHead, whole: Whole, from: PartialFile | Buffer): Promise<Kept> {
    const { key, status, headers } = head
    const { sha256, length, validatedAtMs } = whole
    const kept = { key, status, headers, length, sha256, validatedAtMs }
    const gone = await this.#turns.take(sha256, async () => {
      const path = this.#layout.body(sha256)
      if (Buffer.isBuffer(from)) await this.#trouble.noting(this.#writeSmall(from, path))
      else await this.#trouble.noting(this.#partials.become(from, whole, path))
      return this.#enter(kept, head, whole, from)
    })
    if (!Buffer.isBuffer(from)) await this.#partials.leave(from)
    await this.#bodies.release(gone)
    return kept
  }

  async #writeSmall(body: Buffer, path: string): Promise<void> {
    this.#named += 1
    const beside = this.#layout.partial(`small-${this.#named}`)
    const fd = await createFile(beside)
    try {
      try {
        await writeAll(fd, body, 0)
      } finally {
        await closeFile(fd)
      }
      await rename(beside, path)
    } catch (error) {
      await unlinkIfThere(beside).catch((also: unknown) => this.#trouble.note(also))
      throw error
    }
  }

  /** All at once, so that nobody sees half of it. */
  async #enter(kept: Kept, head: IncomingHead, whole: Whole, from: PartialFile | Buffer): Promise<GoneBody[]> {
    const small = Buffer.isBuffer(from)
    const partial = small ? undefined : this.#partials.id(from)
    try {
      const { gone, known } = this.#trouble.attempt(() => this.#rows.keep(head, whole, this.#bodies.floor, partial))
      if (small) this.#room.wrote(whole.length)
      if (known) this.#room.freed(whole.length)
      this.#bodies.forget(kept.key)
      if (small) this.#bodies.remember(kept, from)
      return gone
    } catch (error) {
      if (!this.#rows.body(whole.sha256)) await unlinkIfThere(this.#layout.body(whole.sha256))
      throw error
    }
  }

  async link(sha256: string, kept: Omit<Kept, 'length' | 'sha256'>): Promise<boolean> {
    const body = this.#rows.body(sha256)
    if (!body) return false
    const gone = this.#trouble.attempt(() => this.#rows.link(kept, body, this.#deps.clock.now()))
    this.#bodies.forget(kept.key)
    await this.#bodies.release(gone)
    return true
  }

  touch(key: string, headers: Headers, validatedAtMs: number): Promise<void> {
    this.#trouble.attempt(() => this.#rows.touch(key, headers, validatedAtMs))
    this.#bodies.confirm(key, headers, validatedAtMs)
    return Promise.resolve()
  }

  async remove(key: string): Promise<void> {
    await this.#removeAll([key])
  }

  async #removeAll(keys: readonly string[]): Promise<void> {
    const gone = this.#trouble.attempt(() => this.#rows.remove(keys))
    for (const key of keys) this.#bodies.forget(key)
    await this.#bodies.release(gone)
  }

  lastDigest(key: string): string | undefined {
    return this.#rows.lastDigest(key)
  }

  pin(name: string, keys: readonly string[]): void {
    this.#trouble.attempt(() => this.#rows.pin(name, keys))
  }

  unpin(name: string): void {
    this.#trouble.attempt(() => this.#rows.unpin(name))
  }

  list(selection: Selection): Listed[] {
    this.#uses.flush()
    return this.#rows.list(selection, undefined)
  }

  /** What is selected, in pages. What comes to be kept meanwhile may be missing. */
  *#pages({ prefix = '', limit = Number.POSITIVE_INFINITY }: Selection): Generator<Listed[]> {
    let after: string | undefined
    for (let left = limit; left > 0; ) {
      const page = this.#rows.list({ prefix, limit: Math.min(left, pageSize) }, after)
      if (page.length === 0) return
      yield page
      left -= page.length
      after = page.at(-1)?.key
    }
  }

  async verify(selection: Selection, progress?: (soFar: Verified) => void): Promise<Verified> {
    let soFar: Verified = { responses: 0, bytes: 0, damaged: [] }
    for (const page of this.#pages(selection)) {
      for (const { key, length } of page) {
        const damaged = await this.#inspect(key)
        if (soFar.damaged.includes(key)) continue
        soFar = {
          responses: soFar.responses + 1,
          bytes: soFar.bytes + length,
          damaged: [...soFar.damaged, ...damaged],
        }
        progress?.(soFar)
      }
    }
    return soFar
  }

  /** @returns The keys that were damaged with it. */
  async #inspect(key: string): Promise<readonly string[]> {
    const found = this.#rows.find(key)
    if (!found) return []
    try {
      await inspect(this.#layout.body(found.body.sha256), found.body)
      return []
    } catch (error) {
      if (!isMissing(error) && !isDamaged(error)) {
        this.#trouble.note(error)
        throw error
      }
      return this.#rows.find(key)?.body.id === found.body.id ? this.#bodies.damaged(found.body, error) : []
    }
  }

  async purge(selection: Selection): Promise<number> {
    let purged = 0
    for (const page of this.#pages(selection)) {
      const keys = page.filter(({ pins }) => pins.length === 0).map(({ key }) => key)
      await this.#removeAll(keys)
      purged += keys.length
    }
    return purged
  }

  async usage(): Promise<Usage> {
    return {
      ...this.#rows.totals(),
      partialBytes: this.#rows.partialBytes(),
      evictedBytes: this.#evictedBytes,
      quota: this.#deps.quota,
      freeBytes: await this.#free(),
    }
  }

  async #free(): Promise<number> {
    const { bavail, bsize } = await this.#trouble.noting(statfs(this.#deps.folder))
    return bavail * bsize
  }

  /** What was broken off long ago goes first, then bodies by their value, then what was broken off lately. */
  async #evict(need: number): Promise<number> {
    let freed = await this.#partials.evict(need, 'old')
    if (freed < need) freed += await this.#bodies.evict(need - freed)
    if (freed < need) freed += await this.#partials.evict(need - freed, 'all')
    this.#evictedBytes += freed
    return freed
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
    await this.#bodies.close()
    await this.#turns.idle()
  }
}
