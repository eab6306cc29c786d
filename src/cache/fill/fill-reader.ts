import { nextTurn } from './next-turn.ts'
import type { OwnWay } from './own-way.ts'

/** What a reader needs of a fill. */
export interface ReadableFill {
  /** Up to where one that reads to `end` may read now. */
  limit(end: number): number
  /** Bytes at a position that are in memory. */
  view(position: number, end: number): Buffer | undefined
  /** Whether bytes at a position are on disk. */
  onDisk(position: number): boolean
  /** Reads from the disk; resolves to 0 where it isn't there. */
  readDisk(into: Buffer, position: number): Promise<number>
  /** Whether there is nothing to wait for at a position where there is nothing to read. */
  isOver(position: number): boolean
  /** Whether a position is the end of the body. @throws CausewayError as the transfer broke */
  isEnd(position: number): boolean
  /** Resolves when there may be more. */
  wait(position: number, urgent: boolean): Promise<void>
  /** Another way to the rest of the body, when this one doesn't lead there; `whole`: it is read from beginning to end. */
  ownWay(whole: boolean, position: number): Promise<OwnWay>
  /** It reads no more. */
  leave(): void
}

/** One client's way through a fill. Positions only grow. Close it when done. */
export class FillReader {
  readonly #fill: ReadableFill
  readonly #start: number
  readonly #end: number
  #own: OwnWay | undefined
  #gotSome = false
  /** It got bytes without a wait: others come first before it gets more. */
  #served = false
  #closed = false

  constructor(fill: ReadableFill, start: number, end: number) {
    this.#fill = fill
    this.#start = start
    this.#end = end
  }

  /**
   * Resolves when there is something at a position, or nothing to wait for any more; undefined when that is so already.
   * One that catches up in memory lets others have a turn after each step: a quick client's socket takes megabytes at
   * once, and meanwhile nobody else would get a first byte.
   */
  ready(position: number): Promise<void> | undefined {
    const served = this.#served
    this.#served = false
    if (!this.#mayRead(position)) return this.#wait(position)
    return served ? nextTurn() : undefined
  }

  async #wait(position: number): Promise<void> {
    while (!this.#mayRead(position)) await this.#fill.wait(position, !this.#gotSome)
  }

  #mayRead(position: number): boolean {
    if (this.#own) return true
    const fill = this.#fill
    if (position >= fill.limit(this.#end)) return fill.isOver(position)
    return fill.view(position, position + 1) !== undefined || fill.onDisk(position) || fill.isOver(position)
  }

  /** Bytes at a position that are in memory, at most up to `end`; nobody changes them. Undefined: use `read`. */
  view(position: number, end: number): Buffer | undefined {
    const until = Math.min(end, this.#fill.limit(this.#end))
    if (this.#own || until <= position) return undefined
    const found = this.#fill.view(position, until)
    if (found) this.#gotSome = this.#served = true
    return found
  }

  /**
   * Resolves to how many bytes were read, at least one; 0 at the body's end.
   * @throws CausewayError `TransferBroken`, `DigestMismatch`
   */
  async read(into: Buffer, position: number): Promise<number> {
    const fill = this.#fill
    for (;;) {
      if (this.#own) return (await this.#own.take(position, into.length)).copy(into)
      const until = Math.min(position + into.length, fill.limit(this.#end))
      const shared = until > position ? fill.view(position, until) : undefined
      const bytes = shared
        ? shared.copy(into)
        : await fill.readDisk(into.subarray(0, Math.max(0, until - position)), position)
      if (bytes > 0) {
        this.#gotSome = true
        return bytes
      }
      if (!fill.isOver(position)) await this.#wait(position)
      else if (fill.isEnd(position)) return 0
      else if (!this.#mayStillRead(position)) await this.#takeOwnWay(position)
    }
  }

  async #takeOwnWay(position: number): Promise<void> {
    const whole = this.#start === 0 && (this.#end === Number.POSITIVE_INFINITY || this.#fill.isEnd(this.#end))
    const own = await this.#fill.ownWay(whole, position)
    if (this.#closed) own.close()
    this.#own = own
  }

  /** Whether what is there may be read after all: it came, and then the fill was over. */
  #mayStillRead(position: number): boolean {
    if (position >= this.#fill.limit(this.#end)) return false
    return this.#fill.view(position, position + 1) !== undefined || this.#fill.onDisk(position)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#own?.close()
    this.#fill.leave()
  }
}
