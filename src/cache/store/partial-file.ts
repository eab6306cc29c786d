import { fstatSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { CausewayError } from '../../base/errors.ts'
import { blockBytes, blockCount, blockLength, extentsOf, type Sums } from './blocks.ts'
import { Digester } from './digester.ts'
import { bytesOf, type Extents, withExtent } from './extents.ts'
import { closeFile, createFile, openToWrite, readAll, writeAll } from './files.ts'
import type { IncomingHead } from './port.ts'

/** Bytes read at a time for the digest of what did not come in order. */
const stepBytes = 1024 * 1024

/** Bytes that the digest may lag behind before it catches up while the body is still coming. */
const lagBytes = 4 * 1024 * 1024

/** Bytes of a record in the side file: CRC-32 and number of bytes of one block, little-endian, at 8 times its index. */
const recordBytes = 8

/** A block that is not all there: its first `next` bytes have the checksum `crc`, `bytes` of it have come in all. */
interface Block {
  next: number
  crc: number
  bytes: number
}

/**
 * The file of a body that is not complete, and beside it the file `.sums` that says what of it is there.
 *
 * A block's record is written after the block, so whatever moment the process dies at, a block whose record fits it is
 * what came.
 */
export class PartialFile {
  readonly #path: string
  readonly #fd: number
  readonly #length: number | undefined
  readonly #digester: Digester
  #sideFd: number | undefined
  #extents: Extents = []
  #sums: Sums = Buffer.alloc(64)
  readonly #unfinished = new Map<number, Block>()
  #catching: Promise<void> | undefined

  private constructor(path: string, fd: number, { length, expected }: IncomingHead) {
    this.#path = path
    this.#fd = fd
    this.#length = length
    this.#digester = new Digester(expected?.algorithm)
  }

  static async create(path: string, head: IncomingHead): Promise<PartialFile> {
    return new PartialFile(path, await createFile(path), head)
  }

  /** Opens what an earlier transfer left. Blocks that are not what their records say count as missing. */
  static async reopen(path: string, head: IncomingHead): Promise<PartialFile> {
    const file = new PartialFile(path, await openToWrite(path), head)
    try {
      file.#sideFd = await openToWrite(sidePath(path))
      await file.#check(file.#sideFd)
      return file
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async #check(sideFd: number): Promise<void> {
    const length = Math.min(this.#length ?? Number.POSITIVE_INFINITY, fstatSync(this.#fd).size)
    const records = Buffer.alloc(blockCount(length) * recordBytes)
    const claimed = (await readAll(sideFd, records, 0)) / recordBytes
    const block = Buffer.allocUnsafeSlow(blockBytes)
    const lengths: number[] = []
    for (let index = 0; index + 1 <= claimed; index += 1) {
      const crc = records.readUInt32LE(index * recordBytes)
      const bytes = records.readUInt32LE(index * recordBytes + 4)
      const within = block.subarray(0, Math.min(bytes, blockBytes))
      const start = index * blockBytes
      const whole =
        bytes > 0 &&
        bytes <= blockLength(index, length) &&
        (await readAll(this.#fd, within, start)) === bytes &&
        crc32(within) === crc
      lengths[index] = whole ? bytes : 0
      if (!whole) continue
      if (bytes === this.#fullLength(index)) this.#noteSum(index, crc)
      else this.#unfinished.set(index, { next: bytes, crc, bytes })
      if (this.#digester.position === start) this.#digester.update(within)
    }
    this.#extents = extentsOf(lengths)
  }

  /** What is there, in order. */
  get extents(): Extents {
    return this.#extents
  }

  get bytes(): number {
    return bytesOf(this.#extents)
  }

  /** From now on notes what is there in the side file, so that it can be reopened. */
  async remember(): Promise<void> {
    this.#sideFd ??= await createFile(sidePath(this.#path))
  }

  get remembers(): boolean {
    return this.#sideFd !== undefined
  }

  async write(chunk: Buffer, position: number): Promise<void> {
    const end = position + chunk.length
    if (this.#extents.some((extent) => position < extent.end && extent.start < end)) {
      throw new CausewayError('TransferBroken', `bytes from ${position} on come twice`)
    }
    await writeAll(this.#fd, chunk, position)
    this.#extents = withExtent(this.#extents, { start: position, end })
    if (this.#digester.position === position && !this.#catching) this.#digester.update(chunk)
    else if (this.#ready() - this.#digester.position >= lagBytes) this.#catchUp()
    for (let at = position; at < end; ) {
      const index = Math.floor(at / blockBytes)
      const to = Math.min(end, (index + 1) * blockBytes)
      await this.#add(index, at - index * blockBytes, chunk.subarray(at - position, to - position))
      at = to
    }
  }

  async #add(index: number, offset: number, piece: Buffer): Promise<void> {
    const block = this.#unfinished.get(index) ?? { next: 0, crc: 0, bytes: 0 }
    if (block.bytes === 0) this.#unfinished.set(index, block)
    if (offset === block.next) {
      block.crc = crc32(piece, block.crc)
      block.next += piece.length
    }
    block.bytes += piece.length
    if (block.bytes === this.#fullLength(index)) await this.#finish(index, block)
  }

  /** Bytes of a block once all of it has come, as far as is known by now. */
  #fullLength(index: number): number {
    return this.#length === undefined ? blockBytes : blockLength(index, this.#length)
  }

  async #finish(index: number, { next, crc, bytes }: Block): Promise<void> {
    this.#unfinished.delete(index)
    if (next !== bytes) {
      const block = Buffer.allocUnsafe(bytes)
      if ((await readAll(this.#fd, block, index * blockBytes)) !== bytes)
        throw new Error(`${this.#path} became shorter`)
      crc = crc32(block)
    }
    this.#noteSum(index, crc)
    await this.#record(index, crc, bytes)
  }

  #noteSum(index: number, crc: number): void {
    if ((index + 1) * 4 > this.#sums.length) {
      this.#sums = Buffer.concat([this.#sums, Buffer.alloc(Math.max(this.#sums.length, (index + 1) * 4))])
    }
    this.#sums.writeUInt32LE(crc, index * 4)
  }

  async #record(index: number, crc: number, bytes: number): Promise<void> {
    if (this.#sideFd === undefined) return
    const record = Buffer.alloc(recordBytes)
    record.writeUInt32LE(crc, 0)
    record.writeUInt32LE(bytes, 4)
    await writeAll(this.#sideFd, record, index * recordBytes)
  }

  /** Reads what is there; throws for what isn't. */
  async read(into: Buffer, position: number): Promise<number> {
    const extent = this.#extents.find(({ start, end }) => start <= position && position < end)
    if (!extent) throw new CausewayError('Internal', `byte ${position} of ${this.#path} has not come`)
    return readAll(this.#fd, into.subarray(0, Math.min(into.length, extent.end - position)), position)
  }

  /** Bytes from the beginning on that are there without a gap. */
  #ready(): number {
    const [first] = this.#extents
    return first?.start === 0 ? first.end : 0
  }

  /** Digests what has come, from the file, in steps. A failure shows again when the body is completed. */
  #catchUp(): void {
    this.#catching ??= this.#digestReady()
      .catch(() => {})
      .finally(() => (this.#catching = undefined))
  }

  async #digestReady(): Promise<void> {
    const buffer = Buffer.allocUnsafe(stepBytes)
    for (;;) {
      const step = buffer.subarray(0, Math.min(stepBytes, this.#ready() - this.#digester.position))
      if (step.length === 0) return
      if ((await readAll(this.#fd, step, this.#digester.position)) !== step.length) {
        throw new Error(`${this.#path} became shorter`)
      }
      this.#digester.update(step)
    }
  }

  /**
   * What the complete body is. Can be called once.
   * @throws CausewayError `TransferBroken` when it isn't complete
   */
  async complete(length: number): Promise<{ sha256: string; asked: string; sums: Sums }> {
    if (this.bytes !== length || this.#ready() !== length) {
      throw new CausewayError('TransferBroken', `${this.bytes} of ${length} bytes have come`)
    }
    for (const [index, block] of this.#unfinished) await this.#finish(index, block)
    await this.#catching
    await this.#digestReady()
    return { ...this.#digester.end(), sums: Buffer.from(this.#sums.subarray(0, blockCount(length) * 4)) }
  }

  /** Notes also the blocks of which only the beginning is there. */
  async settle(): Promise<void> {
    for (const [index, { next, crc }] of this.#unfinished) if (next > 0) await this.#record(index, crc, next)
  }

  async close(): Promise<void> {
    await this.#catching
    await closeFile(this.#fd)
    if (this.#sideFd !== undefined) await closeFile(this.#sideFd)
  }
}

/** The file that says what of a partial one is there. */
export function sidePath(path: string): string {
  return `${path}.sums`
}
