import type { Headers } from '../headers.ts'
import type { Incoming } from '../store/port.ts'

/** The head of a response that is arriving. */
export interface ArrivingHead {
  readonly status: number
  readonly headers: Headers
  /** Bytes that the origin announced; undefined when it didn't. */
  readonly length: number | undefined
}

/** Something went wrong between the origin and the disk while the body came. */
class BrokenFill extends Error {
  override readonly name = 'BrokenFill'
}

/**
 * One body on its way from its origin to the disk, read by any number of clients as it grows.
 *
 * It goes to its end whether clients stay or not. Clients read from the file, each at its own pace; a slow one holds up
 * nobody.
 */
export class Fill {
  readonly head: ArrivingHead
  /** Resolves when there is no sense in joining any more: it broke, it is not to be kept, or the store has it. */
  readonly over: Promise<void>
  /** Resolves when the disk is done with it. Neither promise rejects. */
  readonly finished: Promise<void>
  readonly #incoming: Incoming
  #written = 0
  #state: 'arriving' | 'complete' | 'broken' = 'arriving'
  #failure: unknown
  #readers = 1
  #waiting: (() => void)[] = []

  /**
   * @param keep Keeps the complete body, told its bytes; null when it is for its readers only.
   * @param onBroken Told when something went wrong.
   */
  constructor(
    head: ArrivingHead,
    incoming: Incoming,
    body: AsyncIterable<Buffer>,
    keep: ((length: number) => Promise<void>) | null,
    onBroken: (error: unknown) => void,
  ) {
    this.head = head
    this.#incoming = incoming
    const over = Promise.withResolvers<void>()
    this.over = over.promise
    this.finished = this.#run(body, keep, over.resolve, onBroken)
  }

  async #run(
    body: AsyncIterable<Buffer>,
    keep: ((length: number) => Promise<void>) | null,
    over: () => void,
    onBroken: (error: unknown) => void,
  ): Promise<void> {
    try {
      await this.#receive(body)
      if (keep) await keep(this.#written)
    } catch (error) {
      keep = null
      onBroken(error)
    }
    over()
    if (!keep) await this.#incoming.discard().catch(onBroken)
    // Those who were promised this fill a moment ago have not begun to read yet: let them in before the file is closed.
    setImmediate(() => this.#leave())
  }

  async #receive(body: AsyncIterable<Buffer>): Promise<void> {
    try {
      for await (const chunk of body) {
        await this.#incoming.write(chunk, this.#written)
        this.#written += chunk.length
        this.#wake()
      }
      const { length } = this.head
      if (length !== undefined && length !== this.#written) {
        throw new BrokenFill(`the origin sent ${this.#written} of ${length} bytes`)
      }
      this.#state = 'complete'
    } catch (error) {
      this.#state = 'broken'
      this.#failure = error
      throw error
    } finally {
      this.#wake()
    }
  }

  /** Begins to read. The answer must be closed. */
  read(): { read(into: Buffer, position: number): Promise<number>; close(): void } {
    this.#readers += 1
    let open = true
    return {
      read: (into, position) => this.#readAt(into, position),
      close: () => {
        if (open) this.#leave()
        open = false
      },
    }
  }

  async #readAt(into: Buffer, position: number): Promise<number> {
    while (position >= this.#written) {
      if (this.#state === 'complete') return 0
      if (this.#state === 'broken') throw new BrokenFill('the transfer from the origin broke', { cause: this.#failure })
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return this.#incoming.read(into.subarray(0, Math.min(into.length, this.#written - position)), position)
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  #leave(): void {
    this.#readers -= 1
    if (this.#readers === 0) void this.#incoming.close()
  }
}
