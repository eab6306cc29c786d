import type { Clock } from '../../base/clock.ts'
import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Headers } from '../headers.ts'
import { bytesOf, covers, type Extents, holes, withExtent } from '../store/extents.ts'
import type { Extent } from '../store/port.ts'
import { strongValidator } from '../store/resumable.ts'
import type { UpstreamResponse } from '../upstream/ask.ts'
import { drop } from '../upstream/drop.ts'
import type { Body } from './body.ts'
import { continues, judge, rangeHeaders, sameVersion } from './continuation.ts'
import type { Limits } from './limits.ts'
import { largeBytes, nextRange } from './next-range.ts'
import { Sampling } from './sampling.ts'
import { type Sink, Transfer } from './transfer.ts'

/** Asks for a part of the body; where from, and where not. */
export type AskPart = (
  headers: Headers,
  from: { readonly place?: string; readonly avoid: readonly string[]; readonly signal: AbortSignal },
) => Promise<UpstreamResponse>

export interface TransfersOptions {
  readonly body: Body
  /** Of the first response; those after it must fit. */
  readonly headers: Headers
  /** The digest is known, so parts may come from several places where all of it is to come. */
  readonly verified: boolean
  /** What is there already was continued without being sure that it is of the same version. */
  readonly patched: boolean
  /** Whether the origin gives parts, as far as the first response says. */
  readonly parts: boolean
  /** One part after the other: there is no disk to put them together, or the digest is computed as they come. */
  readonly inOrder: boolean
  readonly sink: Omit<Sink, 'received'>
  readonly ask: AskPart
  /** Told of the bytes that came. */
  readonly received: (bytes: number) => void
  /** Where readers are that wait. */
  readonly waiting: () => readonly number[]
  /** How many connections have proven worthwhile on this way; written when that is found out. */
  readonly way: { proven: number }
  readonly clock: Clock
  readonly limits: Limits
  /** Told when there is nothing to do any more: all that is wanted is there. */
  readonly onIdle: () => void
  /** Told when there is no way to go on; `changed`: the file is another one by now. */
  readonly onBroken: (error: CausewayError, changed: boolean) => void
}

/** The transfers of one body: which parts are asked for, when, where, and what is done when one breaks. */
export class Transfers {
  readonly #options: TransfersOptions
  readonly #running = new Set<Transfer>()
  readonly #asked = new Set<Extent>()
  #avoid: readonly string[] = []
  readonly #ended = new AbortController()
  #wanted: Extents = []
  #place: string | undefined
  #firstPlace: string | undefined
  #parts: boolean
  #failures = 0
  #failedAt = -1
  /** Failures that counted. What was under way at one of them and breaks too breaks for the same reason. */
  #outages = 0
  #pausing = false
  readonly #sampling: Sampling
  #patched: boolean

  constructor(options: TransfersOptions) {
    this.#options = options
    this.#parts = options.parts
    this.#patched = options.patched
    const { clock, way, limits } = options
    this.#sampling = new Sampling({
      clock,
      sampleMs: limits.sampleMs,
      way,
      missing: () => this.#missing(),
      matters: () => this.busy && this.#comesSeverally(),
      onSample: () => this.pump(),
      ended: this.#ended.signal,
    })
  }

  /** What is to be fetched in all. */
  get wanted(): Extents {
    const { length } = this.#options.body
    const last = this.#wanted.at(-1)
    if (length === undefined || last === undefined || last.end <= length) return this.#wanted
    return this.#wanted.flatMap(({ start, end }) => (start < length ? [{ start, end: Math.min(end, length) }] : []))
  }

  /** Whether bytes are on their way, or will be without anybody asking for more. */
  get busy(): boolean {
    return this.#running.size > 0 || this.#asked.size > 0 || this.#pausing
  }

  /** Whether only the digest can tell that its parts are of one version: until then no part may be shown. */
  get patched(): boolean {
    return this.#patched
  }

  /** Whether all of it is wanted, so that its digest will be looked at. */
  get comesWhole(): boolean {
    const { length = Number.POSITIVE_INFINITY } = this.#options.body
    return covers(this.#wanted, { start: 0, end: length })
  }

  /** The place that the body comes from. */
  get place(): string | undefined {
    return this.#place
  }

  /** Takes a response that has begun. */
  begin(response: UpstreamResponse, extent: Extent): void {
    this.#place = response.place
    this.#firstPlace = response.place
    this.#sampling.headCame(response.headMs)
    void this.#run(new Transfer({ response, at: extent.start, end: extent.end, skip: 0 }))
  }

  /** Wants a part more. */
  want(extent: Extent): void {
    if (!covers(this.#wanted, extent)) this.#wanted = withExtent(this.#wanted, extent)
  }

  /** Does what there is to do: asks for what is wanted and missing. Cheap when there is nothing. */
  pump(): void {
    if (this.#ended.signal.aborted || this.#pausing) return
    const { body } = this.#options
    for (;;) {
      const piece = this.#next(body.length)
      if (!piece) break
      for (const transfer of this.#running) {
        if (transfer.at < piece.start && piece.start < transfer.end) transfer.end = piece.start
      }
      void this.#fetch(piece)
    }
    if (!this.busy) this.#options.onIdle()
    else void this.#sampling.run()
  }

  /** Breaks off what is under way, and asks for nothing more. */
  end(error: Error): void {
    this.#ended.abort(error)
    for (const transfer of this.#running) transfer.stop(error)
  }

  #next(length: number | undefined): Extent | undefined {
    const { body, waiting } = this.#options
    const running = [
      ...this.#running,
      ...[...this.#asked].map((piece) => ({ at: piece.start, end: piece.end, open: false, bytesPerMs: 0 })),
    ]
    const { headers, verified, inOrder } = this.#options
    const parts = this.#parts && length !== undefined && continues({ headers, verified: verified && this.comesWhole })
    if (!parts || inOrder) {
      if (running.length > 0) return undefined
      const [missing] = this.wanted.flatMap((extent) => holes(body.present, extent))
      // Who gives no parts, or of what nobody knows the end, has to be asked for all that is missing.
      return missing && { start: missing.start, end: parts ? missing.end : (length ?? Number.POSITIVE_INFINITY) }
    }
    return nextRange({
      length,
      present: body.present,
      running,
      wanted: this.wanted,
      waiting: waiting(),
      connections: this.#sampling.connections(),
      roundTripMs: this.#sampling.roundTripMs,
    })
  }

  async #fetch(piece: Extent): Promise<void> {
    const { body, headers, verified, clock } = this.#options
    const place = this.#place
    const outages = this.#outages
    // Other places have other validators; what comes from one place is of one version by its own, if it began with that one.
    const other = this.#options.patched || place !== this.#firstPlace || strongValidator(headers) === undefined
    const trusting = verified && other && this.comesWhole
    const same = { headers, verified: trusting, length: body.length }
    this.#asked.add(piece)
    let response: UpstreamResponse | undefined
    try {
      const begunMs = clock.now()
      response = await this.#ask(rangeHeaders(piece, same), place)
      if (this.#ended.signal.aborted) return drop(response)
      this.#sampling.headCame(response.headMs ?? Math.max(0, clock.now() - begunMs))
      const verdict = judge(piece, same, response)
      if (verdict.is === 'changed' && response.place === place) {
        const error = new CausewayError(
          'TransferBroken',
          `the file changed at its origin while it came: ${verdict.why}`,
        )
        drop(response)
        return this.#break(error, true)
      }
      if (verdict.is === 'failed' || verdict.is === 'changed') {
        throw new CausewayError('TransferBroken', `${response.place}: ${verdict.why}`)
      }
      this.#place = response.place
      if (
        trusting &&
        !this.#patched &&
        !(response.place === this.#firstPlace && sameVersion(headers, response.headers))
      ) {
        this.#patched = true
        await body.mix()
        if (this.#ended.signal.aborted) return drop(response)
      }
      this.#asked.delete(piece)
      const { start } = piece
      this.#parts = verdict.is === 'part'
      if (verdict.is === 'part') body.length ??= verdict.length
      // One that gives the whole brings all that nobody else brings, also what others were asked for and haven't begun.
      const free = this.#free(start)
      const end = verdict.is === 'part' ? Math.min(verdict.extent.end, free) : free
      if (end <= start) {
        drop(response)
        return this.pump()
      }
      void this.#run(new Transfer({ response, at: start, end, skip: verdict.is === 'part' ? 0 : start }))
    } catch (error) {
      if (response) drop(response)
      this.#asked.delete(piece)
      this.#failed(error, outages)
    } finally {
      this.#asked.delete(piece)
    }
  }

  /** Asks where the body came from so far; else at the places that have not failed, and where none is left, at any. */
  async #ask(headers: Headers, place: string | undefined): Promise<UpstreamResponse> {
    const { ask } = this.#options
    const { signal } = this.#ended
    const avoid = this.#avoid
    try {
      return await ask(headers, { ...(place === undefined ? {} : { place }), avoid, signal })
    } catch (error) {
      const none = avoid.length > 0 && error instanceof CausewayError && error.code === 'OriginUnreachable'
      if (!none || signal.aborted) throw error
      this.#avoid = []
      return ask(headers, { avoid: [], signal })
    }
  }

  /** Up to where nobody has fetched or fetches what begins at `start`: `start` itself where somebody does. */
  #free(start: number): number {
    const { present, length = Number.POSITIVE_INFINITY } = this.#options.body
    const claimed = [...this.#running].reduce((all, { at, end }) => withExtent(all, { start: at, end }), present)
    const [hole] = holes(claimed, { start, end: length })
    return hole?.start === start ? hole.end : start
  }

  async #run(transfer: Transfer): Promise<void> {
    const { body, sink, clock, limits } = this.#options
    const outages = this.#outages
    this.#running.add(transfer)
    const counting: Sink = {
      add: (chunk, position) => sink.add(chunk, position),
      room: () => sink.room(),
      received: (bytes) => {
        this.#sampling.received(bytes)
        this.#options.received(bytes)
      },
    }
    try {
      await transfer.run(counting, { clock, limits })
      if (!Number.isFinite(transfer.end)) body.length = transfer.at
      this.#running.delete(transfer)
      body.rest(transfer.at)
      this.pump()
    } catch (error) {
      this.#running.delete(transfer)
      body.rest(transfer.at)
      this.#failed(error, outages)
    }
  }

  /** @param outages As many as there were when what failed began. */
  #failed(error: unknown, outages: number): void {
    if (this.#ended.signal.aborted) return
    const { body, limits, headers, verified } = this.#options
    const cause = toCausewayError(error)
    const hopeless = cause.code === 'TransferBroken' && !cause.retryable
    if (hopeless || !continues({ headers, verified: verified && this.comesWhole })) return this.#giveUp(cause)
    if (outages !== this.#outages) return this.pump()
    this.#outages += 1
    // Not what was received: who begins anew each time and dies at the same byte brings nothing.
    const have = bytesOf(body.present)
    this.#failures = have > this.#failedAt ? 1 : this.#failures + 1
    this.#failedAt = have
    if (this.#failures >= limits.failures) return this.#giveUp(cause)
    if (body.isWhole) return this.pump()
    if (this.#failures >= 2 && this.#place !== undefined) {
      // Perhaps another place has the same file; if it has another version, that says nothing about this one.
      this.#avoid = [...this.#avoid, this.#place]
      this.#place = undefined
    }
    if (!this.#pausing) void this.#pause(Math.min(limits.longestPauseMs, limits.pauseMs * 2 ** (this.#failures - 1)))
  }

  #giveUp(cause: CausewayError): void {
    const message = `the transfer from the origin broke: ${cause.message}`
    this.#break(new CausewayError('TransferBroken', message, { cause }), false)
  }

  async #pause(ms: number): Promise<void> {
    this.#pausing = true
    await this.#options.clock.sleep(ms, this.#ended.signal)
    this.#pausing = false
    this.pump()
  }

  #break(error: CausewayError, changed: boolean): void {
    if (this.#ended.signal.aborted) return
    this.end(error)
    this.#options.onBroken(error, changed)
  }

  /** Whether much is to come, and may come over several connections. */
  #comesSeverally(): boolean {
    const { length } = this.#options.body
    const severally = this.#parts && !this.#options.inOrder
    return severally && length !== undefined && length > largeBytes && this.#missing() > largeBytes
  }

  /** Bytes that are wanted and have not come. */
  #missing(): number {
    const { present } = this.#options.body
    return bytesOf(this.wanted.flatMap((extent) => holes(present, extent)))
  }
}
