import { fstatSync, readSync } from 'node:fs'
import { CausewayError } from '../../base/errors.ts'
import { blockBytes, blockCount, blockLength, isWhole } from './blocks.ts'
import { closeFile, openToRead, readAll } from './files.ts'
import type { BodyRow } from './rows.ts'

/**
 * Milliseconds for which a block that was checked is taken to be in the kernel's memory still. What is read from there has
 * been checked already, and takes no longer than asking another thread for it.
 */
const atHandMs = 10_000

/** Milliseconds that two changes of a file may be apart and bear the same time. */
const sameTimeMs = 100

/** Blocks to read into when the reader's own buffer can't take a whole one. */
const spare: Buffer[] = []

/** The file of a kept body, open, for any number of readers at once. It is closed when the last one has left. */
export class KeptBody {
  readonly row: BodyRow
  readonly #fd: number
  readonly #now: () => number
  readonly #openedMs: number
  /** When each block was checked last, in milliseconds from `#openedMs` and one more; 0: never. */
  #checked: Uint32Array | undefined
  /** The file's time of last change that these checks speak of, milliseconds. */
  #changedMs: number
  #holders = 1

  private constructor(row: BodyRow, fd: number, now: () => number, changedMs: number) {
    this.row = row
    this.#fd = fd
    this.#now = now
    this.#openedMs = now()
    this.#changedMs = changedMs
  }

  /**
   * Opens it, with the caller as its first holder.
   * @param now Milliseconds since the epoch.
   * @throws CausewayError `DamagedBody` when it hasn't the length that it should have; an `ENOENT`
   */
  static async open(row: BodyRow, path: string, now: () => number): Promise<KeptBody> {
    const fd = await openToRead(path)
    try {
      const { size, ctimeMs } = fstatSync(fd)
      if (size !== row.length || row.sums.length !== 4 * blockCount(row.length)) {
        throw new CausewayError('DamagedBody', `${row.sha256} has ${size} of ${row.length} bytes`)
      }
      return new KeptBody(row, fd, now, ctimeMs)
    } catch (error) {
      await closeFile(fd)
      throw error
    }
  }

  hold(): void {
    this.#holders += 1
  }

  /** One holder less. @returns When the file is closed, which only the last holder does. */
  letGo(): Promise<void> | undefined {
    this.#holders -= 1
    return this.#holders === 0 ? closeFile(this.#fd) : undefined
  }

  /**
   * Reads a block at once, where it was checked a moment ago and its file has not been changed since.
   * @param position Where a block begins.
   * @returns Its bytes; undefined: use `read`, which also says what is wrong where something is.
   */
  readAtHand(into: Buffer, position: number): number | undefined {
    const index = position / blockBytes
    const checked = this.#checked?.[index] ?? 0
    const bytes = blockLength(index, this.row.length)
    if (checked === 0 || bytes === 0 || into.length < bytes) return undefined
    const sinceMs = this.#ticks() - checked
    if (sinceMs < 0 || sinceMs >= atHandMs) return undefined
    try {
      if (fstatSync(this.#fd).ctimeMs !== this.#changedMs) {
        this.#checked = undefined
        return undefined
      }
      return readSync(this.#fd, into, 0, bytes, position) === bytes ? bytes : undefined
    } catch {
      // A failure of the disk, which `read` will meet too.
      return undefined
    }
  }

  /**
   * Reads from `position` on: as many whole blocks as fit into `into`, or the rest of one block; 0 at the end. Nothing is
   * handed out that isn't what was written.
   * @throws CausewayError `DamagedBody`
   */
  async read(into: Buffer, position: number): Promise<number> {
    const { length } = this.row
    if (position >= length || into.length === 0) return 0
    const first = Math.floor(position / blockBytes)
    const fits = Math.min(into.length, length - position)
    if (position === first * blockBytes && (fits >= blockBytes || position + fits === length)) {
      const bytes = position + fits === length ? fits : fits - (fits % blockBytes)
      await this.#readBlocks(into.subarray(0, bytes), first)
      return bytes
    }
    const block = spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
    const within = block.subarray(0, blockLength(first, length))
    await this.#readBlocks(within, first)
    const bytes = within.copy(into, 0, position - first * blockBytes)
    if (spare.length < 16) spare.push(block)
    return bytes
  }

  /** Milliseconds since it was opened, and one more; 0 when the clock was put back to before that. */
  #ticks(): number {
    return Math.max(0, Math.floor(this.#now() - this.#openedMs) + 1)
  }

  /** Fills `into` with blocks from `first` on, and checks each. */
  async #readBlocks(into: Buffer, first: number): Promise<void> {
    const { ctimeMs } = fstatSync(this.#fd)
    const bytes = await readAll(this.#fd, into, first * blockBytes)
    if (ctimeMs !== this.#changedMs) this.#checked = undefined
    this.#changedMs = ctimeMs
    const checked = (this.#checked ??= new Uint32Array(blockCount(this.row.length)))
    // What was changed just now could be changed again and not look like it.
    const ticks = this.#now() - ctimeMs > sameTimeMs ? this.#ticks() : 0
    for (let index = first, offset = 0; offset < into.length; index += 1, offset += blockBytes) {
      const block = into.subarray(offset, Math.min(offset + blockBytes, into.length))
      if (offset + block.length > bytes || !isWhole(this.row.sums, index, block)) {
        throw new CausewayError('DamagedBody', `block ${index} of ${this.row.sha256} is not what was written`)
      }
      checked[index] = ticks
    }
  }
}
