import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { CacheRequest } from '../door/request.ts'
import type { Events } from '../events.ts'
import type { Headers } from '../headers.ts'
import { isFresh, mayKeep, validators } from '../rules/freshness.ts'
import { holes } from '../store/extents.ts'
import type { Extent, Incoming, Store } from '../store/port.ts'
import type { Upstream, UpstreamResponse } from '../upstream/ask.ts'
import type { Counters } from '../watch/counters.ts'
import type { Traffic } from '../watch/traffic.ts'
import { type AskedRange, extentOf, rangeFor } from './asked-range.ts'
import { judge, rangeHeaders, readContentRange, strongValidator } from './continuation.ts'
import { type ArrivingHead, Fill, type FillEnd } from './fill.ts'
import { askFirst } from './first-answer.ts'
import { type Limits, usualLimits } from './limits.ts'
import { RecentBlocks } from './recent-blocks.ts'
import { drop } from './transfers.ts'
import type { Wanted } from './wanted.ts'

/** How a URL can be answered: from the store (read it there), or from a body on its way. */
export type Answer =
  | { readonly kind: 'kept'; readonly outcome: 'hit' | 'revalidated' | 'stale' }
  | { readonly kind: 'arriving'; readonly fill: Fill }

/** How something is wanted. */
export interface Join {
  /** Only this part; default: all of it. */
  readonly range?: AskedRange | undefined
  /** A client waits for it (default), or the cache itself brings it ahead of need. */
  readonly urgency?: 'client' | 'ahead'
  /** The origin is to be asked also about what is kept and fresh. */
  readonly askAgain?: boolean
}

export interface FetchesDeps {
  readonly store: Store
  readonly upstream: Upstream
  readonly counters: Counters
  readonly traffic: Traffic
  readonly events: Pick<Events, 'report'>
  readonly clock: Clock
  readonly log: Logger
  readonly limits?: Limits
}

/** A fetch under way. */
interface Flight {
  readonly wanted: Wanted
  readonly answer: Promise<Answer>
  /** Once it is there. */
  fill: Fill | undefined
  urgency: 'client' | 'ahead'
  /** Places that gave something wrong for this file: not asked again. */
  readonly avoid: readonly string[]
}

/** A body for a status other than 200 that is this small is not written to disk. */
const smallBytes = 256 * 1024

/**
 * Asks origins, once per URL at a time: whoever wants a URL that is already being asked for joins.
 *
 * A fetch begins with a look into the store, so that a request that comes just after another's end finds its result
 * instead of asking again; and goes on with what an earlier one left there.
 */
export class Fetches {
  readonly #deps: FetchesDeps
  readonly #limits: Limits
  readonly #recent: RecentBlocks
  readonly #running = new Map<string, Flight>()
  readonly #fills = new Set<Fill>()
  /** By origin: how many connections have proven worthwhile. */
  readonly #ways = new Map<string, { proven: number }>()

  constructor(deps: FetchesDeps) {
    this.#deps = deps
    this.#limits = deps.limits ?? usualLimits
    this.#recent = new RecentBlocks(this.#limits.recentBytes)
  }

  isRunning(key: string): boolean {
    return this.#running.has(key)
  }

  /** How many files are on their way for clients. */
  clientFetches(): number {
    let count = 0
    for (const { urgency } of this.#running.values()) if (urgency === 'client') count += 1
    return count
  }

  /** What is on its way, for showing progress. */
  underWay(): {
    readonly key: string
    readonly urgency: 'client' | 'ahead'
    readonly bytes: number
    readonly length: number | undefined
    readonly readers: number
  }[] {
    return [...this.#running.values()].map(({ wanted, urgency, fill }) => {
      const { bytes, length, readers } = fill?.progress ?? { bytes: 0, length: undefined, readers: 0 }
      return { key: wanted.key, urgency, bytes, length, readers }
    })
  }

  /**
   * Joins the fetch of a URL, or begins it. The answer rejects when the origin gives none and nothing is kept. What was
   * asked for is fetched to its end, whether anybody reads it or not.
   */
  join(wanted: Wanted, join: Join = {}): { answer: Promise<Answer>; joined: boolean } {
    const flight = this.#running.get(wanted.key)
    if (!flight) return { answer: this.#begin(wanted, join, []).answer, joined: false }
    if (join.urgency !== 'ahead') flight.urgency = 'client'
    return { answer: this.#board(flight, wanted, join), joined: true }
  }

  async #board(flight: Flight, wanted: Wanted, join: Join): Promise<Answer> {
    const answer = await flight.answer
    if (answer.kind === 'kept') {
      // That one found it fresh, and asked nobody.
      return join.askAgain && answer.outcome === 'hit' ? this.join(wanted, join).answer : answer
    }
    const { fill } = answer
    const extent = extentOf(join.range, fill.head.length)
    // One for a part that the file doesn't have says nothing of the rest.
    if (fill.isOpen && fill.head.status !== 416 && fill.mayBring(extent?.start, extent?.end)) {
      demand(fill, join.range)
      return answer
    }
    await fill.over
    return this.join(wanted, join).answer
  }

  #begin(wanted: Wanted, join: Join, avoid: readonly string[]): Flight {
    const { counters, events } = this.#deps
    const flight: Flight = {
      wanted,
      answer: this.#answer(wanted, join, avoid, (fill) => (flight.fill = fill)),
      fill: undefined,
      urgency: join.urgency ?? 'client',
      avoid,
    }
    this.#running.set(wanted.key, flight)
    counters.fetching += 1
    const forget = () => {
      if (this.#running.get(wanted.key) === flight) this.#running.delete(wanted.key)
      counters.fetching -= 1
    }
    // What goes wrong is told to whoever asked; what no place has right, to the admin too.
    flight.answer.then(
      (given) => (given.kind === 'arriving' ? given.fill.over.then(forget) : forget()),
      (error: unknown) => {
        forget()
        if (!(error instanceof CausewayError) || error.code !== 'DigestMismatch') return
        events.report('DigestMismatch', wanted.key, error.message)
      },
    )
    return flight
  }

  async #answer(wanted: Wanted, join: Join, avoid: readonly string[], onFill: (fill: Fill) => void): Promise<Answer> {
    const { store, clock, log } = this.#deps
    const { key, kind } = wanted
    const arriving = (fill: Fill): Answer => {
      onFill(fill)
      return { kind: 'arriving', fill }
    }
    const kept = await store.find(key)
    await kept?.close()
    if (!kept) return arriving(await this.#fetch(wanted, join, avoid))
    const fresh = isFresh(kind, kept.headers, kept.validatedAtMs, clock.now())
    if (fresh && !(join.askAgain && kind !== 'package')) return { kind: 'kept', outcome: 'hit' }

    let response: UpstreamResponse
    try {
      response = await askFirst(this.#ask(wanted), { wanted, headers: validators(kept.headers), avoid })
    } catch (error) {
      log.warn({ key, err: error }, 'origin is away; serving what is kept')
      return { kind: 'kept', outcome: 'stale' }
    }
    if (response.status === 304) {
      drop(response)
      const { age: _, ...before } = kept.headers
      await store.touch(key, { ...before, ...response.headers }, clock.now())
      return { kind: 'kept', outcome: 'revalidated' }
    }
    if (response.status >= 500) {
      drop(response)
      log.warn({ key, status: response.status }, 'origin is in trouble; serving what is kept')
      return { kind: 'kept', outcome: 'stale' }
    }
    if (response.status === 404 || response.status === 410) await store.remove(key)
    return arriving(await this.#whole(wanted, response, join))
  }

  /** Fetches what isn't kept: goes on with what there is of it, or begins. */
  async #fetch(wanted: Wanted, join: Join, avoid: readonly string[]): Promise<Fill> {
    const { store } = this.#deps
    const left = store.troubled ? undefined : await this.#resume(wanted)
    if (left) return this.#goOn(wanted, left, join, avoid)
    const { range } = join
    if (!range) return this.#whole(wanted, await askFirst(this.#ask(wanted), { wanted, headers: {}, avoid }), join)
    const headers = { range: rangeFor(range) }
    return this.#part(wanted, await askFirst(this.#ask(wanted), { wanted, headers, avoid }), join)
  }

  /** What an earlier transfer left, if it fits what is wanted now. */
  async #resume({ key, expected }: Wanted): Promise<Incoming | undefined> {
    const left = await this.#deps.store.resume(key)
    if (!left) return undefined
    const { head } = left
    const fits = expected
      ? head.expected?.digest === expected.digest
      : head.expected !== undefined || strongValidator(head.headers) !== undefined
    if (fits && left.present.length > 0) return left
    await left.discard()
    await left.close()
    return undefined
  }

  /** Asks for the first part that is missing, to see whether the file is still the same. */
  async #goOn(wanted: Wanted, left: Incoming, join: Join, avoid: readonly string[]): Promise<Fill> {
    const { head, present } = left
    const { length } = head
    try {
      const end = length ?? Number.POSITIVE_INFINITY
      const asked = extentOf(join.range, length) ?? { start: 0, end }
      // What is of one version must be sure where a part is wanted: by a validator, or in the end by its digest.
      const strong = strongValidator(head.headers) !== undefined
      if (join.range && !strong) return await this.#goOn(wanted, left, { ...join, range: undefined }, avoid)
      const verified = head.expected !== undefined && !join.range
      const [missing] = holes(present, asked)
      if (!missing && (verified || wanted.kind === 'package')) return this.#filling(wanted, left, undefined, join)
      const part = missing ?? { start: 0, end: 1 }
      const same = { headers: head.headers, length, verified }
      const response = await askFirst(this.#ask(wanted), { wanted, headers: rangeHeaders(part, same), avoid })
      const verdict = judge(part, same, response)
      if (verdict.is === 'part' && missing)
        return this.#filling(wanted, left, { response, extent: verdict.extent }, join, head, verified)
      if (verdict.is === 'part') {
        drop(response)
        return this.#filling(wanted, left, undefined, join)
      }
      await left.discard()
      await left.close()
      if (response.status === 200) return this.#whole(wanted, response, join)
      // A range that isn't there any more, or nonsense: the file itself may be.
      drop(response)
      return this.#whole(wanted, await askFirst(this.#ask(wanted), { wanted, headers: {}, avoid }), join)
    } catch (error) {
      await left.suspend()
      await left.close()
      throw error
    }
  }

  /** A fill that begins with an answer to a request for the whole. */
  #whole(wanted: Wanted, response: UpstreamResponse, join: Join): Promise<Fill> {
    const { status, headers } = response
    const length = response.length ?? (status === 200 ? wanted.expected?.bytes : undefined)
    const extent = { start: 0, end: length ?? Number.POSITIVE_INFINITY }
    return this.#fresh(wanted, { status, headers, length }, response, extent, join)
  }

  /** A fill that begins with an answer to a request for a part. */
  #part(wanted: Wanted, response: UpstreamResponse, join: Join): Promise<Fill> {
    const part = response.status === 206 ? readContentRange(response.headers['content-range']) : undefined
    if (!part) return this.#whole(wanted, response, join)
    const { 'content-range': _, ...headers } = response.headers
    return this.#fresh(wanted, { status: 200, headers, length: part.length }, response, part, join)
  }

  async #fresh(
    wanted: Wanted,
    head: ArrivingHead,
    response: UpstreamResponse,
    extent: Extent,
    join: Join,
  ): Promise<Fill> {
    const { store, log } = this.#deps
    const { key, expected } = wanted
    const { status, headers, length } = head
    const small = status !== 200 && length !== undefined && length <= smallBytes
    let incoming: Incoming | null = null
    if (!store.troubled && !small) {
      try {
        incoming = await store.begin({ key, status, headers, length, expected: status === 200 ? expected : undefined })
      } catch (error) {
        log.warn({ key, err: error }, 'the store takes nothing in; passing it through')
      }
    }
    return this.#filling(wanted, incoming, { response, extent }, join, head)
  }

  #filling(
    wanted: Wanted,
    incoming: Incoming | null,
    first: { response: UpstreamResponse; extent: Extent } | undefined,
    join: Join,
    head: ArrivingHead = incoming?.head ?? { status: 200, headers: {}, length: undefined },
    patched = false,
  ): Fill {
    const { store, clock, log } = this.#deps
    const { status, headers } = head
    const framed = first?.response.framed ?? true
    const before = store.lastDigest(wanted.key)
    const fill = new Fill({
      head,
      incoming,
      expected: status === 200 ? wanted.expected : undefined,
      parts: status === 200 && (first === undefined || first.response.status === 206 || givesParts(headers)),
      first,
      patched,
      keep: framed && mayKeep(status, headers),
      alone: false,
      ask: this.#askPart(wanted),
      received: this.#received(wanted),
      way: this.#wayOf(wanted),
      recent: this.#recent,
      limits: this.#limits,
      clock,
      onEnd: (end) => this.#onEnd(wanted, end, before, first?.response.place),
      onTrouble: (error) => log.warn({ key: wanted.key, err: error }, 'the store did not put a transfer away'),
    })
    this.#remember(fill)
    demand(fill, join.range)
    return fill
  }

  #onEnd(wanted: Wanted, end: FillEnd, before: string | undefined, place: string | undefined): void {
    const { events, log } = this.#deps
    const { key, kind } = wanted
    if (end.how === 'kept' && kind === 'package' && before !== undefined && before !== end.kept.sha256) {
      events.report('ContentChanged', key, `its content is ${end.kept.sha256} now, and was ${before}`)
    }
    if (end.how === 'lost') log.warn({ key, err: end.error }, 'the disk did not take a body; passing it through')
    if (end.how !== 'broken') return
    log.warn({ key, err: end.error }, 'fetch broke')
    const flight = this.#running.get(key)
    if (end.error.code !== 'DigestMismatch' || !flight || flight.avoid.length > 0 || place === undefined) return
    // Those who were reading are broken off; for those who come again another place may have the right one.
    const retry = this.#begin(wanted, { urgency: flight.urgency }, [place])
    retry.answer.catch(() => {})
  }

  /** A fetch for one client alone: with its credentials, or of the head only; nothing is kept. */
  async alone(wanted: Wanted, { method, headers }: CacheRequest): Promise<Fill | ArrivingHead> {
    const credentials: Record<string, string> = {}
    for (const name of ['authorization', 'cookie']) {
      const value = headers[name]
      if (value !== undefined) credentials[name] = value
    }
    const response = await askFirst(this.#ask(wanted, method), { wanted, headers: credentials, avoid: [] })
    const { status, length } = response
    if (method !== 'GET') {
      drop(response)
      return response
    }
    const { clock } = this.#deps
    const fill = new Fill({
      head: { status, headers: response.headers, length },
      incoming: null,
      expected: undefined,
      parts: false,
      first: { response, extent: { start: 0, end: length ?? Number.POSITIVE_INFINITY } },
      patched: false,
      keep: false,
      alone: true,
      ask: this.#askPart(wanted, credentials),
      received: this.#received(wanted),
      way: { proven: 1 },
      recent: this.#recent,
      limits: this.#limits,
      clock,
      onEnd: () => {},
      onTrouble: () => {},
    })
    this.#remember(fill)
    return fill
  }

  #remember(fill: Fill): void {
    this.#fills.add(fill)
    void fill.finished.then(() => this.#fills.delete(fill))
  }

  #ask({ origin, path, kind, via }: Wanted, method: 'GET' | 'HEAD' = 'GET') {
    const { counters, upstream } = this.#deps
    return (headers: Headers, from: { place?: string; avoid?: readonly string[]; signal?: AbortSignal }) => {
      counters.upstreamRequests += 1
      const all = via === undefined ? headers : { ...headers, via }
      return upstream.ask({ origin, method, path, kind, headers: all, ...from })
    }
  }

  #askPart(wanted: Wanted, credentials: Headers = {}) {
    const ask = this.#ask(wanted)
    return (headers: Headers, from: { place?: string; avoid: readonly string[]; signal: AbortSignal }) =>
      ask({ ...credentials, ...headers }, from)
  }

  #received({ origin }: Wanted): (bytes: number) => void {
    const { counters, traffic } = this.#deps
    return (bytes) => {
      counters.upstreamBytes += bytes
      traffic.received(origin.host, bytes)
    }
  }

  #wayOf({ origin }: Wanted): { proven: number } {
    let way = this.#ways.get(origin.host)
    if (!way) this.#ways.set(origin.host, (way = { proven: 1 }))
    return way
  }

  /** Resolves when no body is on its way any more. */
  async idle(): Promise<void> {
    while (this.#fills.size > 0) await Promise.all([...this.#fills].map((fill) => fill.finished))
  }

  /** Gives up what is on its way; what has come is left for later. Resolves when nobody reads any more. */
  async stop(): Promise<void> {
    for (const fill of this.#fills) fill.stop()
    await this.idle()
  }
}

function demand(fill: Fill, range: AskedRange | undefined): void {
  const extent = extentOf(range, fill.head.length)
  if (extent) fill.want(extent.start, extent.end)
  else fill.want()
}

function givesParts(headers: Headers): boolean {
  return headers['accept-ranges']?.toLowerCase() === 'bytes'
}
