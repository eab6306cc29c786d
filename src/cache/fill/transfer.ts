import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { UpstreamResponse } from '../upstream/ask.ts'
import type { Limits } from './limits.ts'
import type { Running } from './next-range.ts'

/** Rates are taken over at least this many milliseconds. */
const rateMs = 100

/** Ends the watch. An `abort` without a reason makes an error each time, with all its stack. */
const reachedEnd = 'it has come to its end'

/** What takes in the bytes of a transfer. */
export interface Sink {
  add(chunk: Buffer, position: number): void
  /** Told of all that came, also of what is there already. */
  received(bytes: number): void
  /** A promise when the transfer must wait before it brings more. */
  room(): Promise<void> | undefined
}

/** Part of a body on its way: one response of an origin, from its first byte that is missing to where it is to end. */
export class Transfer implements Running {
  at: number
  /** May be lowered while it runs; then it is cut short there. Infinite where nobody knows. */
  end: number
  /** It can be cut short at any time. */
  readonly open = true
  bytesPerMs = 0
  readonly #response: UpstreamResponse
  /** Bytes at the beginning of the response that are there already. */
  #skip: number
  /** Where the response itself ends, if that was announced. */
  readonly #natural: number | undefined
  #received = 0
  /** It waits for the disk or for readers, not for its origin. */
  #held = false
  #stopped: Error | undefined

  constructor(options: { response: UpstreamResponse; at: number; end: number; skip: number }) {
    const { response, at, end, skip } = options
    this.#response = response
    this.at = at
    this.end = end
    this.#skip = skip
    this.#natural = response.length === undefined ? undefined : at - skip + response.length
    response.body.on('error', () => {})
  }

  get place(): string {
    return this.#response.place
  }

  /** Breaks it off; `run` rejects with this. */
  stop(error: Error): void {
    this.#stopped ??= error
    this.#response.body.destroy()
  }

  /**
   * Resolves when all up to `end` is in; where no end is known, at the end of the stream.
   * @throws CausewayError `TransferBroken`: too short, too long, too slow; whatever the connection breaks with
   */
  async run(sink: Sink, { clock, limits }: { clock: Clock; limits: Limits }): Promise<void> {
    const over = new AbortController()
    const watch = this.#watch(clock, limits, over.signal)
    try {
      await this.#receive(sink, clock, limits)
    } catch (error) {
      throw this.#stopped ?? error
    } finally {
      over.abort(reachedEnd)
      this.#response.body.destroy()
      await watch
    }
    if (Number.isFinite(this.end) && this.at < this.end) {
      throw new CausewayError('TransferBroken', `the body ended at byte ${this.at}, not at ${this.end}`)
    }
  }

  async #receive(sink: Sink, clock: Clock, limits: Limits): Promise<void> {
    let since = clock.now()
    let bytes = 0
    for await (const received of this.#response.body) {
      this.#received += received.length
      sink.received(received.length)
      const from = Math.min(this.#skip, received.length)
      this.#skip -= from
      const chunk = received.subarray(from, from + this.end - this.at)
      if (chunk.length > 0) {
        const position = this.at
        this.at += chunk.length
        sink.add(chunk, position)
      }
      if (!Number.isFinite(this.end) && this.at > limits.unannouncedBytes) {
        throw new CausewayError('TransferBroken', `the body goes on after ${this.at} bytes`, { retryable: false })
      }
      bytes += received.length
      const passed = clock.now() - since
      if (passed >= rateMs || passed < 0) {
        const rate = bytes / Math.max(1, passed)
        this.bytesPerMs = this.bytesPerMs === 0 ? rate : this.bytesPerMs * 0.7 + rate * 0.3
        since = clock.now()
        bytes = 0
      }
      // One that ends here by itself is read to its end, so that its connection can be used again.
      if (this.at >= this.end && this.end !== this.#natural) return
      const wait = sink.room()
      if (!wait) continue
      this.#held = true
      await wait
      this.#held = false
      if (this.#stopped) throw this.#stopped
    }
    if (this.#stopped) throw this.#stopped
  }

  async #watch(clock: Clock, { stallMs, stallBytes }: Limits, over: AbortSignal): Promise<void> {
    for (let seen = 0; ; seen = this.#received) {
      await clock.sleep(stallMs, over)
      if (over.aborted) return
      const bytes = this.#received - seen
      if (this.#held || bytes >= stallBytes) continue
      this.stop(new CausewayError('TransferBroken', `${this.place} sent ${bytes} bytes in ${stallMs} ms`))
      return
    }
  }
}
