import { createHash, type Hash } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Headers } from '../headers.ts'
import { bytesOf, covers } from '../store/extents.ts'
import type { Extent, Incoming, Kept } from '../store/port.ts'
import type { UpstreamResponse } from '../upstream/ask.ts'
import type { Expected } from '../verify/expected.ts'
import { alignedRange } from './asked-range.ts'
import { Body } from './body.ts'
import { continues } from './continuation.ts'
import { FillReader } from './fill-reader.ts'
import type { Limits } from './limits.ts'
import { Reading, type Standing } from './reading.ts'
import type { RecentBlocks } from './recent-blocks.ts'
import { type AskPart, Transfers } from './transfers.ts'

/** The head of a response that is arriving. */
export interface ArrivingHead {
  readonly status: number
  readonly headers: Headers
  /** Bytes of the whole body; undefined when its origin didn't say. */
  readonly length: number | undefined
}

export interface FillOptions {
  readonly head: ArrivingHead
  /** Where it goes; null when it isn't written to disk. */
  readonly incoming: Incoming | null
  readonly expected: Expected | undefined
  /** Whether its origin gives parts of it, as far as is known. */
  readonly parts: boolean
  /** What began it, and which part of the body that is; undefined when all that is wanted is there already. */
  readonly first: { readonly response: UpstreamResponse; readonly extent: Extent } | undefined
  /** It goes on with what is there without being sure that both are of one version. */
  readonly patched: boolean
  /** Whether it is kept once complete. */
  readonly keep: boolean
  /** It is for one reader, and ends when that leaves. */
  readonly alone: boolean
  readonly ask: AskPart
  /** Told of the bytes that came from upstream. */
  readonly received: (bytes: number) => void
  /** How many connections have proven worthwhile on the way to its origin; written when more is known. */
  readonly way: { proven: number }
  readonly recent: RecentBlocks
  readonly limits: Limits
  readonly clock: Clock
  /** Told, just before `over` resolves, how it ended. */
  readonly onEnd: (end: FillEnd) => void
  /** Told of what went wrong with the disk afterwards. */
  readonly onTrouble: (error: unknown) => void
}

/** How a fill ended. */
export type FillEnd =
  | { readonly how: 'kept'; readonly kept: Kept }
  /** It came whole, for its readers only. */
  | { readonly how: 'done' }
  /** No more of it is wanted now; what has come waits in the store. */
  | { readonly how: 'suspended' }
  /** The disk did not take it, or it can't be told whether it is right: each reader gets the rest for itself. */
  | { readonly how: 'lost'; readonly error: unknown }
  | { readonly how: 'broken'; readonly error: CausewayError; readonly changed: boolean }

/**
 * One body on its way, read by any number of clients as it comes: the whole of it, or parts.
 *
 * What somebody asked for is fetched, whether they stay or not; what nobody asked for isn't. What is there is read from
 * memory or from the disk, each reader at its own pace; a slow one holds up nobody. Where a digest is expected, those who
 * read to the end get the last bytes only when it turned out right.
 */
export class Fill {
  readonly head: ArrivingHead
  /** Resolves when there is no sense in joining any more. Neither promise rejects. */
  readonly over: Promise<void>
  /** Resolves when nobody reads it any more, and the disk is done with it. */
  readonly finished: Promise<void>
  readonly #options: FillOptions
  readonly #body: Body
  readonly #transfers: Transfers
  readonly #begunMs: number
  /** Of what has come in order, where the store doesn't look at the digest. */
  readonly #hash: Hash | undefined
  #hashed = 0
  readonly #reading: Reading
  readonly #standing: Standing = { state: 'arriving', failure: undefined }
  #completing = false
  #ended = false
  #end: FillEnd | undefined
  #closing = false
  #readers = 0
  #lingering: NodeJS.Timeout | undefined
  readonly #over = Promise.withResolvers<void>()
  readonly #finished = Promise.withResolvers<void>()

  constructor(options: FillOptions) {
    const { head, incoming, first, expected, keep, limits, clock } = options
    this.#options = options
    this.head = head
    this.over = this.#over.promise
    this.finished = this.#finished.promise
    this.#begunMs = clock.now()
    this.#hash = expected && !(incoming && keep) ? createHash(expected.algorithm) : undefined
    this.#body = new Body({
      length: head.length,
      incoming,
      recent: options.recent,
      windowBytes: limits.windowBytes,
      onLost: (error) => this.#lose(error),
    })
    this.#transfers = new Transfers({
      body: this.#body,
      headers: head.headers,
      verified: expected !== undefined,
      patched: options.patched,
      parts: options.parts,
      inOrder: incoming === null || this.#hash !== undefined,
      sink: { add: (chunk, position) => this.#add(chunk, position), room: () => this.#reading.room() },
      ask: options.ask,
      received: options.received,
      waiting: () => this.#reading.positions,
      way: options.way,
      clock,
      limits,
      onIdle: () => this.#idle(),
      onBroken: (error, changed) => this.#break(error, changed),
    })
    this.#reading = new Reading({
      standing: this.#standing,
      body: this.#body,
      hasDisk: incoming !== null,
      transfers: this.#transfers,
      way: { ask: options.ask, received: options.received, expected, headers: head.headers },
      alone: options.alone,
      limits,
      onLeave: () => this.#leave(),
    })
    if (first) {
      this.#transfers.want(first.extent)
      this.#transfers.begin(first.response, first.extent)
    }
    this.#linger()
  }

  /** Whether it makes sense to join: more of it can be wanted. */
  get isOpen(): boolean {
    return this.#standing.state === 'arriving' || (this.#standing.state === 'complete' && !this.#ended)
  }

  /** How it ended; undefined while it goes on. */
  get end(): FillEnd | undefined {
    return this.#end
  }

  /** What has come of it, for showing progress. */
  get progress(): { readonly bytes: number; readonly length: number | undefined; readonly readers: number } {
    return { bytes: bytesOf(this.#body.present), length: this.#body.length, readers: this.#readers }
  }

  /** Whether parts can be had that nobody has asked for yet; where nothing identifies the version, they can't. */
  mayBring(start = 0, end?: number): boolean {
    const { head, expected } = this.#options
    const length = this.#body.length ?? Number.POSITIVE_INFINITY
    const extent = { start, end: Math.min(end ?? length, length) }
    const whole = start === 0 && extent.end === length
    const verified = expected !== undefined && (whole || this.#transfers.comesWhole)
    return covers(this.#transfers.wanted, extent) || continues({ headers: head.headers, verified })
  }

  /** Wants the bytes from `start` to `end` (default: all) to come, whether anybody reads them or not. */
  want(start = 0, end?: number): void {
    if (this.#standing.state !== 'arriving') return
    const length = this.#body.length ?? Number.POSITIVE_INFINITY
    const until = Math.min(end ?? length, length)
    const whole = start === 0 && until === length
    const aligned = whole ? { start, end: length } : alignedRange(start, until)
    if (aligned.start >= Math.min(length, aligned.end)) return
    this.#transfers.want({ start: aligned.start, end: Math.min(length, aligned.end) })
    this.#linger()
    this.#transfers.pump()
  }

  /** Begins to read the bytes from `start` to `end` (default: all of it), and so wants them. Close the answer. */
  read(start = 0, end?: number): FillReader {
    this.want(start, end)
    this.#readers += 1
    return new FillReader(this.#reading, start, end ?? Number.POSITIVE_INFINITY)
  }

  /** Gives up what is on its way; what has come is left for later. */
  stop(): void {
    this.#break(new CausewayError('TransferBroken', 'the cache stops'), false)
  }

  #leave(): void {
    this.#readers -= 1
    if (this.#readers > 0) return
    if (this.#options.alone) this.#break(new CausewayError('TransferBroken', 'its only reader left'), false)
    this.#close()
  }

  #add(chunk: Buffer, position: number): void {
    this.#body.add(chunk, position)
    if (this.#hash && position === this.#hashed) {
      this.#hash.update(chunk)
      this.#hashed += chunk.length
    }
    this.#reading.came(chunk.length)
  }

  /** All that is wanted has come. */
  #idle(): void {
    if (this.#standing.state === 'arriving' && this.#body.isWhole) void this.#complete()
  }

  /** Looks after a moment without anybody asking for more whether it can end before it is complete. */
  #linger(): void {
    clearTimeout(this.#lingering)
    this.#lingering = setTimeout(() => {
      if (this.#standing.state !== 'arriving' || this.#completing) return
      const needless = this.#readers === 0 && (this.#options.incoming === null || !this.#transfers.busy)
      if (!needless) this.#linger()
      else this.#finish('suspended', { how: 'suspended' })
    }, this.#options.limits.lingerMs).unref()
  }

  async #complete(): Promise<void> {
    if (this.#completing) return
    this.#completing = true
    const { incoming, keep, expected, clock } = this.#options
    try {
      if (this.#hash && this.#hashed !== this.#body.length) {
        // Part of it had come before somebody wanted the whole. Whoever reads that gets it alone, and looks at its digest.
        return this.#lose(new CausewayError('TransferBroken', 'it did not come in the order of its digest'))
      }
      if (this.#hash && this.#hash.digest('hex') !== expected?.digest) {
        throw new CausewayError('DigestMismatch', 'the body is not what its index says')
      }
      if (!incoming || !keep) return this.#finish('complete', { how: 'done' })
      // Only what the disk is to check is kept from readers until then.
      if (!expected) this.#settle('complete')
      await this.#body.written()
      if (this.#ended) return
      const now = clock.now()
      const length = this.#body.length ?? 0
      const kept = await incoming.commit({ length, validatedAtMs: now, fetchMs: Math.max(0, now - this.#begunMs) })
      this.#finish('complete', { how: 'kept', kept })
    } catch (error) {
      const failure = toCausewayError(error)
      if (failure.code === 'DigestMismatch') this.#break(failure, false)
      else this.#lose(error)
    }
  }

  /** The disk takes no more: what has come is there to read, the rest each reader gets for itself. */
  #lose(error: unknown): void {
    this.#finish(this.#standing.state === 'complete' ? 'complete' : 'lost', { how: 'lost', error })
  }

  #break(error: CausewayError, changed: boolean): void {
    if (this.#standing.state !== 'arriving') return
    this.#standing.failure = error
    this.#finish('broken', { how: 'broken', error, changed })
  }

  #settle(state: Standing['state']): void {
    this.#standing.state = state
    this.#reading.wake()
  }

  #finish(state: Standing['state'], end: FillEnd): void {
    if (this.#ended) return
    this.#ended = true
    this.#end = end
    clearTimeout(this.#lingering)
    this.#settle(state)
    this.#transfers.end(new CausewayError('TransferBroken', 'the fill is over'))
    this.#reading.goOn()
    void this.#putAway(end)
  }

  /** Tells the disk what becomes of what has come, and everybody else that it is over. */
  async #putAway(end: FillEnd): Promise<void> {
    const { incoming, keep, onEnd, onTrouble } = this.#options
    // What is not kept is over at once; else the next fetch is to find what this one leaves.
    if (!keep) this.#over.resolve()
    try {
      await this.#body.written()
      if (incoming && mayGoOn(end) && keep) await incoming.suspend()
      else if (incoming && end.how !== 'kept') await incoming.discard()
    } catch (error) {
      onTrouble(error)
    }
    onEnd(end)
    this.#over.resolve()
    // Those who were promised this fill a moment ago have not begun to read yet: let them in before the file is closed.
    setTimeout(() => {
      this.#closing = true
      this.#close()
    }, 0)
  }

  #close(): void {
    if (!this.#closing || this.#readers > 0) return
    this.#closing = false
    const closed = this.#options.incoming?.close() ?? Promise.resolve()
    closed.catch(this.#options.onTrouble).finally(() => this.#finished.resolve())
  }
}

/** Whether a later fill can go on with what has come. */
function mayGoOn(end: FillEnd): boolean {
  return end.how === 'suspended' || (end.how === 'broken' && !end.changed && end.error.code !== 'DigestMismatch')
}
