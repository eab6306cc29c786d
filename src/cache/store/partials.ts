import { randomUUID } from 'node:crypto'
import { rename } from 'node:fs/promises'
import { isOld } from './eviction.ts'
import { isMissing } from './files.ts'
import { type Layout, unlinkIfThere } from './layout.ts'
import { PartialFile, sidePath } from './partial-file.ts'
import type { PartialRow, PartialRows } from './partial-rows.ts'
import type { IncomingHead } from './port.ts'
import type { Room } from './room.ts'
import type { Whole } from './rows.ts'
import type { Trouble } from './trouble.ts'

/** Transfers: the ones under way, and the ones that were broken off and may go on. */
export class Partials {
  readonly #layout: Layout
  readonly #rows: PartialRows
  readonly #trouble: Trouble
  readonly #room: Room
  readonly #now: () => number
  /** Under way now, by file. */
  readonly #ids = new Map<PartialFile, string>()
  readonly #busy = new Set<string>()

  constructor(deps: { layout: Layout; rows: PartialRows; trouble: Trouble; room: Room; now: () => number }) {
    this.#layout = deps.layout
    this.#rows = deps.rows
    this.#trouble = deps.trouble
    this.#room = deps.room
    this.#now = deps.now
  }

  async create(head: IncomingHead): Promise<PartialFile> {
    const id = randomUUID()
    const file = await this.#trouble.noting(PartialFile.create(this.#layout.partial(id), head))
    this.#ids.set(file, id)
    this.#busy.add(id)
    return file
  }

  /** What was broken off last for a key and is not being gone on with, opened and checked. */
  async reopen(key: string): Promise<{ file: PartialFile; head: IncomingHead } | undefined> {
    const row = this.#rows.of(key).find(({ id }) => !this.#busy.has(id))
    if (!row) return undefined
    this.#busy.add(row.id)
    let file: PartialFile
    try {
      file = await PartialFile.reopen(this.#layout.partial(row.id), row.head)
    } catch (error) {
      this.#busy.delete(row.id)
      if (!isMissing(error)) this.#trouble.note(error)
      await this.#give(row)
      return undefined
    }
    try {
      this.#rows.noteSuspended(row.id, 0, this.#now())
    } catch (error) {
      this.#busy.delete(row.id)
      await file.close()
      throw error
    }
    this.#ids.set(file, row.id)
    this.#room.freed(row.bytes)
    this.#room.found(file.bytes)
    return { file, head: row.head }
  }

  id(file: PartialFile): string {
    return this.#ids.get(file) as string
  }

  /**
   * From now on a crash leaves something to go on with, as a transfer with this head. The row comes first: what has a side
   * file is known by then.
   */
  async remember(file: PartialFile, head: IncomingHead): Promise<void> {
    this.#rows.note(this.id(file), head, this.#now())
    await this.#trouble.noting(file.remember())
  }

  async suspend(file: PartialFile, bytes: number): Promise<void> {
    await this.#trouble.noting(file.settle())
    this.#rows.noteSuspended(this.id(file), bytes, this.#now())
    this.#forget(file)
  }

  /** Notes what a complete file is about to be kept as, if that is worth finishing after a crash, and moves it there. */
  async become(file: PartialFile, whole: Whole, path: string): Promise<void> {
    const id = this.id(file)
    if (file.remembers) this.#rows.noteCompletion(id, whole)
    await rename(this.#layout.partial(id), path)
  }

  /** What has become a kept body needs no notes any more. It never rejects. */
  async leave(file: PartialFile): Promise<void> {
    const side = sidePath(this.#layout.partial(this.id(file)))
    this.#forget(file)
    try {
      if (file.remembers) await unlinkIfThere(side)
    } catch (error) {
      this.#trouble.note(error)
    }
  }

  #forget(file: PartialFile): void {
    this.#busy.delete(this.id(file))
    this.#ids.delete(file)
  }

  async drop(file: PartialFile, bytes: number): Promise<void> {
    const id = this.#ids.get(file)
    if (id === undefined) return
    await this.#remove(id)
    this.#room.freed(bytes)
    this.#forget(file)
  }

  /** Gives up what was broken off for a key. */
  async giveUp(key: string): Promise<void> {
    for (const row of this.#rows.of(key)) if (!this.#busy.has(row.id)) await this.#give(row)
  }

  /** Gives up what was broken off, the oldest first, until `need` bytes are free. @returns How many bytes went. */
  async evict(need: number, which: 'old' | 'all'): Promise<number> {
    let freed = 0
    for (const row of this.#rows.all()) {
      if (freed >= need) break
      if (this.#busy.has(row.id) || (which === 'old' && !isOld(row.suspendedAtMs, this.#now()))) continue
      await this.#give(row)
      freed += row.bytes
    }
    return freed
  }

  async #give(row: PartialRow): Promise<void> {
    this.#busy.add(row.id)
    await this.#remove(row.id)
    this.#room.freed(row.bytes)
    this.#busy.delete(row.id)
  }

  /** It never rejects: what can't be removed now is removed when the store is opened the next time. */
  async #remove(id: string): Promise<void> {
    try {
      const path = this.#layout.partial(id)
      await unlinkIfThere(path)
      await unlinkIfThere(sidePath(path))
      this.#rows.drop(id)
    } catch (error) {
      this.#trouble.note(error)
    }
  }
}
