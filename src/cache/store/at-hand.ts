import type { Headers } from '../headers.ts'
import type { KeptBody } from './kept-body.ts'
import { Lru } from './lru.ts'
import type { Kept, Stored } from './port.ts'
import type { BodyRow } from './rows.ts'

/** Bytes of small bodies in memory. */
const memoryBytes = 32 * 1024 * 1024

/** Bytes that a small body in memory takes besides its own. */
const entryBytes = 1024

/** Files of large bodies that stay open after their last reader. */
const openFiles = 256

interface Large {
  readonly kept: Kept
  readonly body: KeptBody
}

/** What can be had at once: small bodies in memory, large ones by their open files. Knows who reads what. */
export class AtHand {
  readonly #failed: (row: BodyRow, error: unknown) => Promise<void>
  readonly #small = new Lru<Stored>(memoryBytes)
  readonly #large = new Lru<Large>(openFiles, ({ body }) => this.letGo(body))
  /** Files that are being closed: until then those that are gone still take their bytes. */
  readonly #closing = new Set<Promise<void>>()
  /** Readers by the id of the body. */
  readonly #readers = new Map<number, number>()

  /** @param failed Told of a body that can not be read, before its reader is. */
  constructor(failed: (row: BodyRow, error: unknown) => Promise<void>) {
    this.#failed = failed
  }

  get(key: string): Stored | undefined {
    return this.#small.get(key) ?? this.#reader(this.#large.get(key))
  }

  /** Holds a small body in memory. */
  putSmall(kept: Kept, body: Buffer): Stored {
    const stored = inMemory(kept, body)
    this.#small.set(kept.key, stored, body.length + entryBytes)
    return stored
  }

  /** Holds a large body open, and reads from it. */
  putLarge(kept: Kept, body: KeptBody): Stored {
    const large = { kept, body }
    this.#large.set(kept.key, large, 1)
    return this.#reader(large)
  }

  #reader(large: Large): Stored
  #reader(large: Large | undefined): Stored | undefined
  #reader(large: Large | undefined): Stored | undefined {
    if (!large) return undefined
    const { kept, body } = large
    const { row } = body
    body.hold()
    this.#readers.set(row.id, (this.#readers.get(row.id) ?? 0) + 1)
    let open = true
    return {
      ...kept,
      body: null,
      readAtHand: (into, position) => body.readAtHand(into, position),
      read: async (into, position) => {
        try {
          return await body.read(into, position)
        } catch (error) {
          await this.#failed(row, error)
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
    const { id } = body.row
    const left = (this.#readers.get(id) ?? 1) - 1
    if (left === 0) this.#readers.delete(id)
    else this.#readers.set(id, left)
    this.letGo(body)
  }

  /** One holder of an open file less. */
  letGo(body: KeptBody): void {
    const closing = body.letGo()
    if (!closing) return
    this.#closing.add(closing)
    void closing.then(() => this.#closing.delete(closing))
  }

  /** Whether somebody reads the large body with this id. */
  isRead(id: number): boolean {
    return this.#readers.has(id)
  }

  /** What is held for a key is not so any more. */
  forget(key: string): void {
    this.#small.delete(key)
    this.#large.delete(key)
  }

  /** What is held for a key has been confirmed. */
  confirm(key: string, headers: Headers, validatedAtMs: number): void {
    const small = this.#small.get(key)
    if (small?.body) this.putSmall({ ...keptOf(small), headers, validatedAtMs }, small.body)
    const large = this.#large.get(key)
    if (!large) return
    large.body.hold()
    this.#large.set(key, { kept: { ...large.kept, headers, validatedAtMs }, body: large.body }, 1)
  }

  /** Resolves when all files that nobody holds any more are closed. */
  async closed(): Promise<void> {
    await Promise.all(this.#closing)
  }

  /** Lets go of everything; readers keep what they have. */
  async close(): Promise<void> {
    this.#small.clear()
    this.#large.clear()
    await this.closed()
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
