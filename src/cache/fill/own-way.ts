import { createHash, type Hash } from 'node:crypto'
import { CausewayError } from '../../base/errors.ts'
import type { UpstreamResponse } from '../upstream/ask.ts'
import type { Expected } from '../verify/expected.ts'
import { judge, rangeHeaders, type Same } from './continuation.ts'
import type { AskPart } from './transfers.ts'

/** The end of a body that is held back until its digest is known to be right; bytes. */
export const heldBytes = 64 * 1024

export interface OwnWayOptions {
  readonly ask: AskPart
  /** Told of the bytes that came. */
  readonly received: (bytes: number) => void
  readonly same: Same
  /** Where the body came from so far. */
  readonly place: string | undefined
  /** Where the reader is. */
  readonly position: number
  /** What the body's digest must be; only for a reader of the whole. */
  readonly expected: Expected | undefined
  /** How long its origin may send nothing while the reader waits; milliseconds. */
  readonly stallMs: number
}

/**
 * The rest of a body for one reader alone, straight from its origin: for when the disk doesn't take the body any more, and
 * memory holds only its end.
 *
 * Where a digest is expected and the reader wants the whole, the body is asked for from its beginning, and its last bytes
 * are held back until the digest is right.
 */
export class OwnWay {
  readonly #options: OwnWayOptions
  readonly #response: UpstreamResponse
  readonly #chunks: AsyncIterator<Buffer>
  readonly #hash: Hash | undefined
  /** Where in the body `#left` begins. */
  #at: number
  #left: Buffer = Buffer.alloc(0)
  #held: Buffer = Buffer.alloc(0)
  #ended = false

  private constructor(options: OwnWayOptions, response: UpstreamResponse, at: number) {
    const { expected } = options
    this.#options = options
    this.#response = response
    this.#chunks = response.body[Symbol.asyncIterator]()
    this.#at = at
    this.#hash = expected && createHash(expected.algorithm)
  }

  /** @throws CausewayError `TransferBroken` when the origin has another version by now, or gives nothing */
  static async begin(options: OwnWayOptions): Promise<OwnWay> {
    const { ask, same, place, position, expected } = options
    const extent = { start: expected ? 0 : position, end: same.length ?? Number.POSITIVE_INFINITY }
    const headers = extent.start === 0 ? {} : rangeHeaders(extent, same)
    const from = { ...(place === undefined ? {} : { place }), avoid: [], signal: new AbortController().signal }
    const response = await ask(headers, from)
    const verdict = judge(extent, same, response)
    if (verdict.is === 'part') return new OwnWay(options, response, extent.start)
    if (verdict.is === 'whole') return new OwnWay(options, response, 0)
    response.body.on('error', () => {}).destroy()
    throw new CausewayError('TransferBroken', `the rest of the body can't be had: ${verdict.why}`)
  }

  /** Bytes from `position` on, at most `most`; none at the end. Positions only grow. */
  async take(position: number, most: number): Promise<Buffer> {
    for (;;) {
      const from = position - this.#at
      if (from < this.#left.length) return this.#left.subarray(from, from + most)
      this.#at += this.#left.length
      this.#left = Buffer.alloc(0)
      if (this.#ended) return this.#left
      await this.#more()
    }
  }

  async #more(): Promise<void> {
    const { place, body } = this.#response
    const { stallMs } = this.#options
    const stalled = () => body.destroy(new CausewayError('TransferBroken', `${place} sent nothing in ${stallMs} ms`))
    const timer = setTimeout(stalled, stallMs)
    const next = await this.#chunks.next().finally(() => clearTimeout(timer))
    if (next.done === true) return this.#end()
    this.#options.received(next.value.length)
    if (!this.#hash) {
      this.#left = next.value
      return
    }
    this.#hash.update(next.value)
    const have = Buffer.concat([this.#held, next.value])
    this.#left = have.subarray(0, Math.max(0, have.length - heldBytes))
    this.#held = have.subarray(this.#left.length)
  }

  #end(): void {
    const { same, expected } = this.#options
    const length = this.#at + this.#held.length
    if (same.length !== undefined && length !== same.length) {
      throw new CausewayError('TransferBroken', `the body ended after ${length} of ${same.length} bytes`)
    }
    if (this.#hash && this.#hash.digest('hex') !== expected?.digest) {
      throw new CausewayError('DigestMismatch', 'the body is not what its index says')
    }
    this.#left = this.#held
    this.#held = Buffer.alloc(0)
    this.#ended = true
  }

  close(): void {
    this.#response.body.destroy()
  }
}
