import { rename } from 'node:fs/promises'
import type { Events } from '../events.ts'
import type { AtHand } from './at-hand.ts'
import type { Bodies } from './bodies.ts'
import { closeFile, createFile, writeAll } from './files.ts'
import type { Keeper } from './keeper.ts'
import { type Layout, unlinkIfThere } from './layout.ts'
import type { PartialFile } from './partial-file.ts'
import type { Partials } from './partials.ts'
import type { IncomingHead, Kept } from './port.ts'
import type { Room } from './room.ts'
import type { GoneBody, Rows, Whole } from './rows.ts'
import type { Trouble } from './trouble.ts'
import type { Turns } from './turns.ts'
import type { Uses } from './uses.ts'

export interface KeepingDeps {
  readonly layout: Layout
  readonly rows: Rows
  readonly partials: Partials
  readonly bodies: Bodies
  readonly atHand: AtHand
  readonly uses: Uses
  /** By SHA-256: a body's file appears and goes in turns. */
  readonly turns: Turns
  readonly room: Room
  readonly trouble: Trouble
  readonly events: Pick<Events, 'report'>
  readonly now: () => number
}

/** Makes bodies that have come kept ones: the file gets its name, and then its row, from where on it is found. */
export class Keeping implements Keeper {
  readonly #deps: KeepingDeps
  #named = 0

  constructor(deps: KeepingDeps) {
    this.#deps = deps
  }

  async keep(head: IncomingHead, came: Omit<Whole, 'storedAtMs'>, from: PartialFile | Buffer): Promise<Kept> {
    const { layout, turns, partials, bodies, trouble, now } = this.#deps
    const { key, status, headers } = head
    const { sha256, length, validatedAtMs } = came
    const whole = { ...came, storedAtMs: now() }
    const kept = { key, status, headers, length, sha256, validatedAtMs }
    const gone = await turns.take(sha256, async () => {
      const path = layout.body(sha256)
      await trouble.noting(Buffer.isBuffer(from) ? this.#write(from, path) : partials.become(from, whole, path))
      return this.#enter(kept, head, whole, from)
    })
    if (!Buffer.isBuffer(from)) await partials.leave(from)
    await bodies.release(gone)
    return kept
  }

  /** A small body: beside first, so that it appears whole. */
  async #write(body: Buffer, path: string): Promise<void> {
    const { layout, trouble } = this.#deps
    this.#named += 1
    const beside = layout.partial(`small-${this.#named}`)
    const fd = await createFile(beside)
    try {
      try {
        await writeAll(fd, body, 0)
      } finally {
        await closeFile(fd)
      }
      await rename(beside, path)
    } catch (error) {
      await unlinkIfThere(beside).catch((also: unknown) => trouble.note(also))
      throw error
    }
  }

  /** All at once, so that nobody sees half of it. */
  async #enter(kept: Kept, head: IncomingHead, whole: Whole, from: PartialFile | Buffer): Promise<GoneBody[]> {
    const { layout, rows, partials, uses, room, atHand } = this.#deps
    const small = Buffer.isBuffer(from)
    try {
      const { gone, known } = rows.keep(head, whole, uses.floor, small ? undefined : partials.id(from))
      if (small) room.wrote(whole.length)
      if (known) room.freed(whole.length)
      atHand.forget(kept.key)
      if (small) atHand.putSmall(kept, from)
      return gone
    } catch (error) {
      if (!rows.body(whole.sha256)) await unlinkIfThere(layout.body(whole.sha256))
      throw error
    }
  }

  remember(file: PartialFile, head: IncomingHead): Promise<void> {
    return this.#deps.partials.remember(file, head)
  }

  suspend(file: PartialFile, bytes: number): Promise<void> {
    return this.#deps.partials.suspend(file, bytes)
  }

  drop(file: PartialFile, bytes: number): Promise<void> {
    return this.#deps.partials.drop(file, bytes)
  }

  mismatch({ key }: IncomingHead, message: string): void {
    this.#deps.events.report('DigestMismatch', key, message)
  }

  noting<T>(operation: Promise<T>): Promise<T> {
    return this.#deps.trouble.noting(operation)
  }
}
