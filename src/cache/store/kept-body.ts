import { fstatSync } from 'node:fs'
import { CausewayError } from '../../base/errors.ts'
import { blockBytes, blockCount, blockLength, isWhole } from './blocks.ts'
import { closeFile, openToRead, readAll } from './files.ts'
import type { BodyRow } from './rows.ts'

/** Blocks to read into when the reader's own buffer can't take a whole one. */
const spare: Buffer[] = []

/** The file of a kept body, open, for any number of readers at once. It is closed when the last one has left. */
export class KeptBody {
  readonly row: BodyRow
  readonly #fd: number
  #holders = 1

  private constructor(row: BodyRow, fd: number) {
    this.row = row
    this.#fd = fd
  }

  /**
   * Opens it, with the caller as its first holder.
   * @throws CausewayError `DamagedBody` when it hasn't the length that it should have; an `ENOENT`
   */
  static async open(row: BodyRow, path: string): Promise<KeptBody> {
    const fd = await openToRead(path)
    const { size } = fstatSync(fd)
    if (size === row.length && row.sums.length === 4 * blockCount(row.length)) return new KeptBody(row, fd)
    await closeFile(fd)
    throw new CausewayError('DamagedBody', `${row.sha256} has ${size} of ${row.length} bytes`)
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

  /** Fills `into` with blocks from `first` on, and checks each. */
  async #readBlocks(into: Buffer, first: number): Promise<void> {
    const bytes = await readAll(this.#fd, into, first * blockBytes)
    for (let index = first, offset = 0; offset < into.length; index += 1, offset += blockBytes) {
      const block = into.subarray(offset, Math.min(offset + blockBytes, into.length))
      if (offset + block.length > bytes || !isWhole(this.row.sums, index, block)) {
        throw new CausewayError('DamagedBody', `block ${index} of ${this.row.sha256} is not what was written`)
      }
    }
  }
}
