import { CausewayError } from '../../base/errors.ts'
import type { Events } from '../events.ts'
import type { AtHand } from './at-hand.ts'
import { isWhole } from './blocks.ts'
import { closeFile, openToRead, readAll } from './files.ts'
import { isHarmed } from './harm.ts'
import { KeptBody } from './kept-body.ts'
import { type Layout, unlinkIfThere } from './layout.ts'
import type { Stored } from './port.ts'
import type { Room } from './room.ts'
import type { BodyRow, GoneBody, Rows } from './rows.ts'
import type { Trouble } from './trouble.ts'
import type { Turns } from './turns.ts'

/** Bodies up to this many bytes are read whole, and kept in memory for a while. */
const smallBytes = 64 * 1024

export interface BodiesDeps {
  readonly layout: Layout
  readonly rows: Rows
  readonly atHand: AtHand
  /** By SHA-256: a body's file appears and goes in turns. */
  readonly turns: Turns
  readonly room: Room
  readonly trouble: Trouble
  readonly events: Pick<Events, 'report'>
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** The bodies on disk: finding them, and removing those that are gone from the rows. */
export class Bodies {
  readonly #deps: BodiesDeps

  constructor(deps: BodiesDeps) {
    this.#deps = deps
  }

  /** What is kept for a key, read from the disk. A disk that fails has nothing: that is noted. */
  async find(key: string): Promise<Stored | undefined> {
    try {
      for (;;) {
        const body = this.#deps.rows.find(key)?.body
        if (!body) return undefined
        const stored = await this.#load(key, body)
        if (stored !== 'other') return stored
      }
    } catch (error) {
      this.#deps.trouble.note(error)
      return undefined
    }
  }

  /** @returns 'other' when the key has another body by now: it may have been evicted, or replaced, while it was being opened. */
  async #load(key: string, row: BodyRow): Promise<Stored | undefined | 'other'> {
    const { layout, rows, atHand } = this.#deps
    const path = layout.body(row.sha256)
    const body = await (row.length <= smallBytes
      ? readSmall(row, path)
      : KeptBody.open(row, path, this.#deps.now)
    ).catch((error: unknown) => error as Error)
    const now = rows.find(key)
    if (now?.body.id !== row.id) {
      if (body instanceof KeptBody) atHand.letGo(body)
      return 'other'
    }
    if (Buffer.isBuffer(body)) return atHand.putSmall(now.kept, body)
    if (body instanceof KeptBody) return atHand.putLarge(now.kept, body)
    await this.failed(row, body)
    return undefined
  }

  /** A body could not be read: it goes, with all its keys, if it is the one to blame. It never rejects. */
  async failed(row: BodyRow, error: unknown): Promise<readonly string[]> {
    const { layout, trouble } = this.#deps
    try {
      if (isHarmed(error, layout.body(row.sha256))) return await this.#damaged(row, error)
      trouble.note(error)
    } catch (also) {
      trouble.note(also)
    }
    return []
  }

  async #damaged(row: BodyRow, cause: unknown): Promise<readonly string[]> {
    const { rows, events } = this.#deps
    const gone = rows.dropBodies([row.id])
    for (const { sha256, keys } of gone) {
      const why = cause instanceof Error ? cause.message : String(cause)
      events.report('DamagedBody', keys.join(' '), `${sha256} was damaged and is no longer kept: ${why}`, cause)
    }
    await this.release(gone)
    return gone.flatMap(({ keys }) => keys)
  }

  /** Bodies that are gone from the rows go from memory and from the disk. It never rejects. */
  async release(gone: readonly GoneBody[]): Promise<void> {
    const { room, atHand } = this.#deps
    for (const { length, keys } of gone) {
      room.freed(length)
      for (const key of keys) atHand.forget(key)
    }
    await Promise.all(gone.map(({ sha256 }) => this.#unlink(sha256)))
  }

  /** Removes a body's file, unless it has come to be kept again. What stays is removed at the next start. */
  async #unlink(sha256: string): Promise<void> {
    const { turns, rows, layout, trouble } = this.#deps
    try {
      await turns.take(sha256, async () => {
        if (!rows.body(sha256)) await unlinkIfThere(layout.body(sha256))
      })
    } catch (error) {
      trouble.note(error)
    }
  }
}

async function readSmall(row: BodyRow, path: string): Promise<Buffer> {
  const fd = await openToRead(path)
  try {
    // One byte more, to see a file that has become longer.
    const body = Buffer.allocUnsafeSlow(row.length + 1)
    const bytes = await readAll(fd, body, 0)
    const whole = body.subarray(0, row.length)
    if (bytes !== row.length || (row.length > 0 && !isWhole(row.sums, 0, whole))) {
      throw new CausewayError('DamagedBody', `${row.sha256} is not what was written`)
    }
    return whole
  } finally {
    await closeFile(fd)
  }
}
