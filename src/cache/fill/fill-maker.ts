import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { CacheRequest } from '../door/request.ts'
import type { Headers } from '../headers.ts'
import { mayKeep } from '../rules/freshness.ts'
import type { Extent, Incoming, Store } from '../store/port.ts'
import type { Upstream, UpstreamResponse } from '../upstream/ask.ts'
import { drop } from '../upstream/drop.ts'
import type { Counters } from '../watch/counters.ts'
import type { Traffic } from '../watch/traffic.ts'
import type { Join } from './answer.ts'
import { type AskedRange, extentOf } from './asked-range.ts'
import { type ArrivingHead, Fill, type FillEnd } from './fill.ts'
import { askFirst } from './first-answer.ts'
import type { Limits } from './limits.ts'
import { RecentBlocks } from './recent-blocks.ts'
import type { Wanted } from './wanted.ts'

/** How a fill that was begun has ended. */
export interface Ended {
  readonly wanted: Wanted
  readonly end: FillEnd
  /** SHA-256 of what was kept for it last before. */
  readonly before: string | undefined
  /** Where its first response came from; undefined: all that was wanted was there. */
  readonly place: string | undefined
}

/** What fills are made with. */
export interface FillMakerDeps {
  readonly store: Store
  readonly upstream: Upstream
  readonly counters: Counters
  readonly traffic: Traffic
  readonly clock: Clock
  readonly log: Logger
  readonly limits: Limits
  /** Told of each fill as it begins. */
  readonly onFill: (fill: Fill) => void
  /** Told of each that isn't for one client alone, just before it is over. */
  readonly onEnd: (ended: Ended) => void
}

/** Makes fills, each joined to the origin that it asks, to the counters of what comes from there, and to the memory of all. */
export class FillMaker {
  readonly #deps: FillMakerDeps
  readonly #recent: RecentBlocks
  /** By origin: how many connections have proven worthwhile. */
  readonly #ways = new Map<string, { proven: number }>()

  constructor(deps: FillMakerDeps) {
    this.#deps = deps
    this.#recent = new RecentBlocks(deps.limits.recentBytes)
  }

  /**
   * A fill for everyone who wants it, kept as far as it may be; what `join` asks for is wanted of it at once.
   *
   * @param incoming where it is written to; null: it is passed through only
   * @param first what began it, and which part of the body that is; undefined when all that is wanted is there already
   * @param patched it goes on with what is there without being sure that both are of one version
   */
  filling(
    wanted: Wanted,
    incoming: Incoming | null,
    first: { response: UpstreamResponse; extent: Extent } | undefined,
    join: Join,
    head: ArrivingHead = incoming?.head ?? { status: 200, headers: {}, length: undefined },
    patched = false,
  ): Fill {
    const { store, clock, log, limits } = this.#deps
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
      limits,
      clock,
      onEnd: (end) => this.#deps.onEnd({ wanted, end, before, place: first?.response.place }),
      onTrouble: (error) => log.warn({ key: wanted.key, err: error }, 'the store did not put a transfer away'),
    })
    this.#deps.onFill(fill)
    demand(fill, join.range)
    return fill
  }

  /** A fetch for one client alone: with its credentials, or of the head only; nothing is kept. */
  async alone(wanted: Wanted, { method, headers }: CacheRequest): Promise<Fill | ArrivingHead> {
    const credentials: Record<string, string> = {}
    for (const name of ['authorization', 'cookie']) {
      const value = headers[name]
      if (value !== undefined) credentials[name] = value
    }
    const response = await askFirst(this.ask(wanted, method), { wanted, headers: credentials, avoid: [] })
    const { status, length } = response
    if (method !== 'GET') {
      drop(response)
      return response
    }
    const { clock, limits } = this.#deps
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
      limits,
      clock,
      onEnd: () => {},
      onTrouble: () => {},
    })
    this.#deps.onFill(fill)
    return fill
  }

  /** A function that asks the origin for what is wanted, and counts that. */
  ask({ origin, path, kind, via }: Wanted, method: 'GET' | 'HEAD' = 'GET') {
    const { counters, upstream } = this.#deps
    return (headers: Headers, from: { place?: string; avoid?: readonly string[]; signal?: AbortSignal }) => {
      counters.upstreamRequests += 1
      const all = via === undefined ? headers : { ...headers, via }
      return upstream.ask({ origin, method, path, kind, headers: all, ...from })
    }
  }

  #askPart(wanted: Wanted, credentials: Headers = {}) {
    const ask = this.ask(wanted)
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
}

/** Wants what was asked for of a fill. */
export function demand(fill: Fill, range: AskedRange | undefined): void {
  const extent = extentOf(range, fill.head.length)
  if (extent) fill.want(extent.start, extent.end)
  else fill.want()
}

function givesParts(headers: Headers): boolean {
  return headers['accept-ranges']?.toLowerCase() === 'bytes'
}
