import { createHash } from 'node:crypto'
import { CausewayError } from '../../base/errors.ts'
import type { Expected } from '../verify/expected.ts'
import { blockBytes, sumsOf } from './blocks.ts'
import { bytesOf, type Extents, withExtent } from './extents.ts'
import type { PartialFile } from './partial-file.ts'
import type { Completion, Extent, Incoming, IncomingHead, Kept } from './port.ts'
import { type Room, stepBytes } from './room.ts'
import type { Whole } from './rows.ts'

/** What a body on its way needs of the store. */
export interface Keeper {
  /** Makes a complete body the one kept for its key, out of its file or its bytes. */
  keep(head: IncomingHead, whole: Omit<Whole, 'storedAtMs'>, from: PartialFile | Buffer): Promise<Kept>
  /** The transfer can be continued after a crash from now on, as one with this head. */
  remember(file: PartialFile, head: IncomingHead): Promise<void>
  /** Puts away the bytes that have come, for a later transfer to go on with. */
  suspend(file: PartialFile, bytes: number): Promise<void>
  /** Removes the bytes that have come. It never rejects. */
  drop(file: PartialFile, bytes: number): Promise<void>
  /** Told of a body that is not what its index says. */
  mismatch(head: IncomingHead, message: string): void
  /** Passes a result on, and remembers a failure of the disk. */
  noting<T>(operation: Promise<T>): Promise<T>
}

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

/** A small body of known length: held in memory until it is complete, so that it takes the disk one file and one row. */
export class SmallIncoming implements Incoming {
  readonly head: IncomingHead
  readonly present: readonly Extent[] = []
  readonly #length: number
  readonly #keeper: Keeper
  readonly #room: Room
  /** Undefined before the first bytes. */
  #body: Buffer | undefined
  #extents: Extents = []
  #ended = false

  /** The room has promised its bytes already. */
  constructor(head: IncomingHead & { readonly length: number }, keeper: Keeper, room: Room) {
    this.head = head
    this.#length = head.length
    this.#keeper = keeper
    this.#room = room
  }

  write(chunk: Buffer, position: number): Promise<void> {
    const end = position + chunk.length
    const { key } = this.head
    if (this.#ended) return failed('Internal', `${key} is not being received any more`)
    if (end > this.#length) return failed('TransferBroken', `more than ${this.#length} bytes of ${key} come`)
    if (this.#extents.some((extent) => position < extent.end && extent.start < end)) {
      return failed('TransferBroken', `bytes from ${position} on of ${key} come twice`)
    }
    // One that comes in one piece is held as it came: nobody writes to it any more.
    if (chunk.length === this.#length && ownsMemory(chunk)) this.#body = chunk
    else chunk.copy((this.#body ??= Buffer.allocUnsafeSlow(this.#length)), position)
    this.#extents = withExtent(this.#extents, { start: position, end })
    return Promise.resolve()
  }

  /** Nothing of it is left for later. */
  mix(): Promise<void> {
    return Promise.resolve()
  }

  read(into: Buffer, position: number): Promise<number> {
    const extent = this.#extents.find(({ start, end }) => start <= position && position < end)
    if (!extent || !this.#body) return failed('Internal', `byte ${position} of ${this.head.key} has not come`)
    return Promise.resolve(this.#body.copy(into, 0, position, Math.min(extent.end, position + into.length)))
  }

  async commit({ length, validatedAtMs, fetchMs }: Completion): Promise<Kept> {
    if (this.#ended) throw new CausewayError('Internal', `${this.head.key} has been ended`)
    this.#ended = true
    const body = this.#body ?? Buffer.alloc(0)
    const bytes = bytesOf(this.#extents)
    try {
      if (bytes !== length || bytes !== this.#length) {
        throw new CausewayError('TransferBroken', `${bytes} of ${this.#length} bytes have come`)
      }
      const sha256 = createHash('sha256').update(body).digest('hex')
      const algorithm = this.head.expected?.algorithm ?? 'sha256'
      const asked = algorithm === 'sha256' ? sha256 : createHash(algorithm).update(body).digest('hex')
      compare(this.head, length, asked, this.#keeper)
      const whole = { sha256, length, sums: sumsOf(body), fetchMs, validatedAtMs }
      return await this.#keeper.keep(this.head, whole, body)
    } catch (error) {
      this.#room.giveBack(this.#length)
      throw error
    }
  }

  /** Too small to be worth going on with. */
  suspend(): Promise<void> {
    return this.discard()
  }

  discard(): Promise<void> {
    if (!this.#ended) this.#room.giveBack(this.#length)
    this.#ended = true
    return Promise.resolve()
  }

  close(): Promise<void> {
    return this.discard()
  }
}

/** Whether nothing else is kept in memory with it. */
function ownsMemory({ length, buffer }: Buffer): boolean {
  return buffer.byteLength === length
}

function failed(code: 'Internal' | 'TransferBroken', message: string): Promise<never> {
  return Promise.reject(new CausewayError(code, message))
}

/** @throws CausewayError `DigestMismatch` */
function compare({ key, expected, ...head }: IncomingHead, length: number, digest: string, keeper: Keeper): void {
  if (!expected || fits(expected, length, digest)) return
  const message = `${key} is not what its index says: ${expected.algorithm} ${digest}, ${length} bytes`
  keeper.mismatch({ key, expected, ...head }, message)
  throw new CausewayError('DigestMismatch', message, { facts: { expected } })
}

function fits(expected: Expected, length: number, digest: string): boolean {
  return expected.digest === digest && (expected.bytes === undefined || expected.bytes === length)
}
