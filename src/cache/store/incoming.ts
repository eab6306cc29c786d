import { CausewayError } from '../../base/errors.ts'
import { blockBytes } from './blocks.ts'
import { compare, type Keeper } from './keeper.ts'
import type { PartialFile } from './partial-file.ts'
import type { Completion, Extent, Incoming, IncomingHead, Kept } from './port.ts'
import { type Room, stepBytes } from './room.ts'

/** A body that goes to a file as it comes. */
export class FileIncoming implements Incoming {
  readonly head: IncomingHead
  readonly present: readonly Extent[]
  readonly #file: PartialFile
  readonly #keeper: Keeper
  readonly #room: Room
  readonly #resumable: boolean
  /** What is noted of it for a later transfer. */
  #left: IncomingHead
  /** Bytes that the room has promised and that have not come. */
  #promised: number
  /** Bytes that the room knows to be on disk. */
  #written: number
  /** Under way or done, for all writes together. */
  #remembering: Promise<void> | undefined
  #ended = false
  #closed = false
  #writing = 0
  #settled: (() => void) | undefined

  /** @param promised Bytes that the room has promised already. */
  constructor(
    head: IncomingHead,
    file: PartialFile,
    { keeper, room, resumable, promised }: { keeper: Keeper; room: Room; resumable: boolean; promised: number },
  ) {
    this.head = head
    this.#left = head
    this.present = file.extents
    this.#file = file
    this.#keeper = keeper
    this.#room = room
    this.#resumable = resumable
    this.#promised = promised
    this.#written = file.bytes
  }

  async write(chunk: Buffer, position: number): Promise<void> {
    if (this.#ended) throw new CausewayError('Internal', `${this.head.key} is not being received any more`)
    // Counted from the beginning: the file is not closed before all that was begun is over.
    this.#writing += 1
    try {
      await this.#take(chunk.length)
      try {
        await this.#writeOne(chunk, position)
      } catch (error) {
        this.#promised += chunk.length
        throw error
      }
      this.#room.wrote(chunk.length)
      this.#written += chunk.length
    } finally {
      this.#writing -= 1
      if (this.#writing === 0) this.#settled?.()
    }
  }

  /** Takes bytes out of what the room has promised, and asks it for more where that is too little. */
  async #take(bytes: number): Promise<void> {
    if (bytes > this.#promised) {
      const more = Math.max(stepBytes, bytes)
      // What is written meanwhile asks for its own.
      await this.#room.take(more)
      this.#promised += more
    }
    this.#promised -= bytes
  }

  async #writeOne(chunk: Buffer, position: number): Promise<void> {
    const { length } = this.head
    if (length !== undefined && position + chunk.length > length) {
      throw new CausewayError('TransferBroken', `more than the announced ${length} bytes of ${this.head.key} come`)
    }
    if (this.#resumable && !this.#file.remembers && position + chunk.length >= blockBytes) {
      await (this.#remembering ??= this.#keeper.remember(this.#file, this.#left))
    }
    await this.#keeper.noting(this.#file.write(chunk, position))
  }

  async mix(): Promise<void> {
    if (this.#ended) return
    const { etag: _, 'last-modified': __, ...headers } = this.head.headers
    this.#left = { ...this.head, headers }
    // Of one that has left nothing yet, this is noted together with that.
    await this.#remembering
    if (this.#file.remembers) await this.#keeper.remember(this.#file, this.#left)
  }

  read(into: Buffer, position: number): Promise<number> {
    return this.#file.read(into, position)
  }

  async commit({ length, validatedAtMs, fetchMs }: Completion): Promise<Kept> {
    await this.#end()
    try {
      const { sha256, asked, sums } = await this.#keeper.noting(this.#file.complete(length))
      compare(this.head, length, asked, this.#keeper)
      return await this.#keeper.keep(this.head, { sha256, length, sums, fetchMs, validatedAtMs }, this.#file)
    } catch (error) {
      await this.#keeper.drop(this.#file, this.#written)
      throw error
    }
  }

  async suspend(): Promise<void> {
    if (this.#ended) return
    await this.#end()
    if (!this.#resumable || this.#file.bytes === 0) return this.#keeper.drop(this.#file, this.#written)
    try {
      if (!this.#file.remembers) await this.#keeper.remember(this.#file, this.#left)
      await this.#keeper.suspend(this.#file, this.#written)
    } catch (error) {
      await this.#keeper.drop(this.#file, this.#written)
      throw error
    }
  }

  async discard(): Promise<void> {
    if (this.#ended) return
    await this.#end()
    await this.#keeper.drop(this.#file, this.#written)
  }

  /** Nothing is written after this. */
  async #end(): Promise<void> {
    if (this.#ended) throw new CausewayError('Internal', `${this.head.key} has been ended`)
    this.#ended = true
    if (this.#writing > 0) await new Promise<void>((resolve) => (this.#settled = resolve))
    this.#room.giveBack(this.#promised)
    this.#promised = 0
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.discard()
    await this.#file.close()
  }
}
