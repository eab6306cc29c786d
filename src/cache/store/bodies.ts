import { CausewayError } from '../../base/errors.ts'
import type { Events } from '../events.ts'
import type { Headers } from '../headers.ts'
import { blockCount, isWhole } from './blocks.ts'
import { type Candidate, chooseVictims } from './eviction.ts'
import { closeFile, isMissing, openToRead, readAll } from './files.ts'
import { KeptBody } from './kept-body.ts'
import { type Layout, unlinkIfThere } from './layout.ts'
import { Lru } from './lru.ts'
import type { Kept, Stored } from './port.ts'
import type { Room } from './room.ts'
import type { BodyRow, GoneBody, Rows } from './rows.ts'
import type { Trouble } from './trouble.ts'
import type { Turns } from './turns.ts'
import type { Uses } from './uses.ts'

/** Bodies up to this many bytes are read whole, and kept in memory for a while. */
const smallBytes = 64 * 1024

/** Bytes of small bodies in memory. */
const memoryBytes = 32 * 1024 * 1024

/** Bytes that a small body in memory takes besides its own. */
const entryBytes = 1024

/** Files of large bodies that stay open after their last reader. */
const openFiles = 256

/** Bodies looked at in one step of evicting. */
const pageSize = 64

interface Large {
  readonly kept: Kept
  readonly body: KeptBody
}

/** The bodies that are kept: finding them, holding the ones in use at hand, and letting them go. */
export class Bodies {
  readonly #layout: Layout
  readonly #rows: Rows
  readonly #turns: Turns
  readonly #trouble: Trouble
  readonly #uses: Uses
  readonly #events: Pick<Events, 'report'>
  readonly #room: () => Room
  readonly #small = new Lru<Stored>(memoryBytes)
  readonly #large = new Lru<Large>(openFiles, ({ body }) => this.#letGo(body))
  /** Files that are being closed: until then those that are gone still take their bytes. */
  readonly #closing = new Set<Promise<void>>()
  /** Readers by the id of the body. */
  readonly #readers = new Map<number, number>()
  /** The value of what was evicted last. */
  #floor: number

  constructor(deps: {
    layout: Layout
    rows: Rows
    turns: Turns
    trouble: Trouble
    uses: Uses
    events: Pick<Events, 'report'>
    room: () => Room
  }) {
    this.#layout = deps.layout
    this.#rows = deps.rows
    this.#turns = deps.turns
    this.#trouble = deps.trouble
    this.#uses = deps.uses
    this.#events = deps.events
    this.#room = deps.room
    this.#floor = deps.rows.leastValue()
  }

  get floor(): number {
    return this.#floor
  }

  peek(key: string): Stored | undefined {
    const small = this.#small.get(key)
    const found = small ?? this.#reader(this.#large.get(key))
    if (found) this.#uses.note(key)
    return found
  }

  async find(key: string): Promise<Stored | undefined> {
    const ready = this.peek(key)
    if (ready) return ready
    for (;;) {
      const found = this.#trouble.attempt(() => this.#rows.find(key))
      if (!found) return undefined
      try {
        const stored = await this.#load(key, found.body)
        if (!stored) continue
        this.#uses.note(key)
        return stored
      } catch (error) {
        if (!isMissing(error) && !isDamaged(error)) {
          this.#trouble.note(error)
          throw error
        }
        // It may have been evicted, or replaced, while it was being opened.
        if (this.#rows.find(key)?.body.id !== found.body.id) continue
        await this.damaged(found.body, error)
        return undefined
      }
    }
  }

  /** @returns undefined when the key has another body by now. */
  async #load(key: string, row: BodyRow): Promise<Stored | undefined> {
    const path = this.#layout.body(row.sha256)
    if (row.length <= smallBytes) {
      const body = await readSmall(row, path)
      const now = this.#rows.find(key)
      return now?.body.id === row.id ? this.remember(now.kept, body) : undefined
    }
    const body = await KeptBody.open(row, path)
    const now = this.#rows.find(key)
    if (now?.body.id !== row.id) {
      this.#letGo(body)
      return undefined
    }
    const large = { kept: now.kept, body }
    this.#large.set(key, large, 1)
    return this.#reader(large)
  }

  /** Holds a small body in memory. */
  remember(kept: Kept, body: Buffer): Stored {
    const stored = inMemory(kept, body)
    this.#small.set(kept.key, stored, body.length + entryBytes)
    return stored
  }

  /** One more reader of an open file. */
  #reader(large: Large | undefined): Stored | undefined {
    if (!large) return undefined
    const { kept, body } = large
    const { id } = body.row
    body.hold()
    this.#readers.set(id, (this.#readers.get(id) ?? 0) + 1)
    let open = true
    return {
      ...kept,
      body: null,
      read: async (into, position) => {
        try {
          return await body.read(into, position)
        } catch (error) {
          if (isDamaged(error)) await this.damaged(body.row, error)
          else this.#trouble.note(error)
          throw error
        }
      },
      close: () => {
        if (open) this.#leave(body)
        open = false
        return Promise.resolve()
      },
    }
  }

  #leave(body: KeptBody): void {
    const left = (this.#readers.get(body.row.id) ?? 1) - 1
    if (left === 0) this.#readers.delete(body.row.id)
    else this.#readers.set(body.row.id, left)
    this.#letGo(body)
  }

  #letGo(body: KeptBody): void {
    const closing = body.letGo()
    if (!closing) return
    this.#closing.add(closing)
    void closing.then(() => this.#closing.delete(closing))
  }

  /** What is held at hand for a key is not so any more. */
  forget(key: string): void {
    this.#small.delete(key)
    this.#large.delete(key)
  }

  /** What is held at hand for a key has been confirmed. */
  confirm(key: string, headers: Headers, validatedAtMs: number): void {
    const small = this.#small.get(key)
    if (small?.body) this.remember({ ...keptOf(small), headers, validatedAtMs }, small.body)
    const large = this.#large.get(key)
    if (!large) return
    large.body.hold()
    this.#large.set(key, { kept: { ...large.kept, headers, validatedAtMs }, body: large.body }, 1)
  }

  /** A body is not what was written: it goes, with all its keys. */
  async damaged(row: BodyRow, cause: unknown): Promise<readonly string[]> {
    const gone = this.#trouble.attempt(() => this.#rows.dropBodies([row.id]))
    for (const { sha256, keys } of gone) {
      const message = cause instanceof Error ? cause.message : String(cause)
      this.#events.report(
        'DamagedBody',
        keys.join(' '),
        `${sha256} was damaged and is no longer kept: ${message}`,
        cause,
      )
    }
    await this.release(gone)
    return gone.flatMap(({ keys }) => keys)
  }

  /** Bodies that are gone from the rows go from memory and from the disk. */
  async release(gone: readonly GoneBody[]): Promise<void> {
    for (const { length, keys } of gone) {
      this.#room().freed(length)
      for (const key of keys) this.forget(key)
    }
    await Promise.all(gone.map(({ sha256 }) => this.#unlink(sha256)))
  }

  /** Removes a body's file, unless it has come to be kept again. */
  async #unlink(sha256: string): Promise<void> {
    try {
      await this.#turns.take(sha256, async () => {
        if (!this.#rows.body(sha256)) await unlinkIfThere(this.#layout.body(sha256))
      })
    } catch (error) {
      this.#trouble.note(error)
    }
  }

  /** Throws away the least valuable bodies until `need` bytes are free. @returns How many bytes went. */
  async evict(need: number): Promise<number> {
    let freed = 0
    this.#uses.flush()
    for (let after: { id: number; value: number } | undefined; freed < need; ) {
      const page = this.#rows.cheapest(after, pageSize)
      const victims = chooseVictims(page, need - freed, (id) => this.#readers.has(id))
      freed += await this.#throwAway(victims)
      for (const { value } of victims) this.#floor = Math.max(this.#floor, value)
      after = page.at(-1)
      if (page.length < pageSize) break
    }
    return freed
  }

  async #throwAway(victims: readonly Candidate[]): Promise<number> {
    if (victims.length === 0) return 0
    const gone = await this.#dropRows(victims)
    await this.release(gone)
    return gone.reduce((sum, { length }) => sum + length, 0)
  }

  async #dropRows(victims: readonly Candidate[]): Promise<GoneBody[]> {
    const ids = victims.map(({ id }) => id)
    try {
      return this.#rows.dropBodies(ids)
    } catch (error) {
      // A disk that is full to the last byte takes no change of rows. Files first, then: rows without files do no harm.
      this.#trouble.note(error)
      for (const { id, sha256 } of victims) {
        for (const key of this.#rows.keysOf(id)) this.forget(key)
        await unlinkIfThere(this.#layout.body(sha256))
      }
      await Promise.all(this.#closing)
      return this.#trouble.attempt(() => this.#rows.dropBodies(ids))
    }
  }

  async close(): Promise<void> {
    this.#small.clear()
    this.#large.clear()
    await Promise.all(this.#closing)
  }
}

export function isDamaged(error: unknown): boolean {
  return error instanceof CausewayError && error.code === 'DamagedBody'
}

async function readSmall(row: BodyRow, path: string): Promise<Buffer> {
  const fd = await openToRead(path)
  try {
    // One byte more, to see a file that has become longer.
    const body = Buffer.allocUnsafeSlow(row.length + 1)
    const bytes = await readAll(fd, body, 0)
    const whole = body.subarray(0, row.length)
    if (bytes !== row.length || (blockCount(row.length) > 0 && !isWhole(row.sums, 0, whole))) {
      throw new CausewayError('DamagedBody', `${row.sha256} is not what was written`)
    }
    return whole
  } finally {
    await closeFile(fd)
  }
}

function inMemory(kept: Kept, body: Buffer): Stored {
  return {
    ...kept,
    body,
    read: (into, position) => Promise.resolve(body.copy(into, 0, Math.min(position, body.length))),
    close: () => Promise.resolve(),
  }
}

function keptOf({ key, status, headers, length, sha256, validatedAtMs }: Kept): Kept {
  return { key, status, headers, length, sha256, validatedAtMs }
}
