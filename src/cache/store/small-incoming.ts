import { createHash } from 'node:crypto'
import { CausewayError } from '../../base/errors.ts'
import { sumsOf } from './blocks.ts'
import { bytesOf, type Extents, withExtent } from './extents.ts'
import { compare, type Keeper } from './keeper.ts'
import type { Completion, Extent, Incoming, IncomingHead, Kept } from './port.ts'
import type { Room } from './room.ts'

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
