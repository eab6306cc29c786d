import type { Clock } from '../../base/clock.ts'
import type { CacheEvent, Events } from '../events.ts'
import type { Fetches } from '../fill/fetches.ts'
import type { Store, Usage } from '../store/port.ts'
import type { ManyPlaces, PlaceState } from '../upstream/many-places.ts'
import type { Counters } from './counters.ts'
import type { Tally, Traffic } from './traffic.ts'

/** A server that files come from. */
export interface PlaceStatus {
  /** Its base URL. */
  readonly place: string
  readonly state: PlaceState['health']['state']
  /** Milliseconds from a request to the head of its answer, smoothed. */
  readonly headMs: number | undefined
  /** What went wrong last; '' when it is well. */
  readonly trouble: string
}

/** What `causeway cache status` shows. */
export interface CacheStatus {
  /** ISO 8601. */
  readonly startedAt: string
  readonly now: string
  readonly counters: Readonly<Counters>
  /** Bytes that went to clients without crossing the WAN for it. */
  readonly savedBytes: number
  readonly origins: readonly ({ readonly name: string } & Tally)[]
  readonly nodes: readonly ({ readonly name: string } & Tally)[]
  readonly flights: ReturnType<Fetches['underWay']>
  readonly places: readonly PlaceStatus[]
  readonly storage: Usage
  readonly troubled: boolean
  /** The last ones, oldest first. */
  readonly events: readonly CacheEvent[]
}

export interface StatusDeps {
  readonly counters: Readonly<Counters>
  readonly traffic: Traffic
  readonly store: Store
  readonly events: Events
  readonly fetches: Fetches
  readonly upstream: ManyPlaces
  readonly clock: Clock
}

/** Reads the state of a cache whenever it is asked. */
export function statusOf(deps: StatusDeps): () => Promise<CacheStatus> {
  const startedAt = new Date(deps.clock.now()).toISOString()
  return async () => {
    const { counters, traffic, store } = deps
    return {
      startedAt,
      now: new Date(deps.clock.now()).toISOString(),
      counters: { ...counters },
      savedBytes: Math.max(0, counters.servedBytes - counters.upstreamBytes),
      origins: rows(traffic.origins),
      nodes: rows(traffic.nodes),
      flights: deps.fetches.underWay(),
      places: deps.upstream.states().map(placeStatus),
      storage: await store.usage(),
      troubled: store.troubled,
      events: deps.events.last,
    }
  }
}

function placeStatus({ place, health }: PlaceState): PlaceStatus {
  return { place, state: health.state, headMs: health.headMs, trouble: health.why }
}

/** Busiest first. */
function rows(tallies: ReadonlyMap<string, Tally>) {
  return [...tallies]
    .map(([name, tally]) => ({ name, ...tally }))
    .sort((a, b) => b.servedBytes - a.servedBytes || b.requests - a.requests)
}
