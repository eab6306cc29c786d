/** What the cache has done since it started. Plain numbers, changed where the thing happens. */
export interface Counters {
  /** Clients' requests answered or being answered; the cache's own pages not counted. */
  requests: number
  hits: number
  misses: number
  /** Answered from a fetch that another request had begun. */
  joined: number
  revalidated: number
  stale: number
  /** Only what is kept was asked for, and it is not: mostly other caches' questions. */
  absent: number
  /** Not to be answered, or asked by a cache that this one waits for. */
  refused: number
  /** Answered with an error of the cache's own, or cut off because the origin's transfer broke. */
  failed: number
  upstreamRequests: number
  /** Bytes of bodies that came from origins. */
  upstreamBytes: number
  /** Bytes of bodies that went to clients. */
  servedBytes: number
  /** Requests being answered now. */
  inFlight: number
  /** Files being asked for or received from origins now. */
  fetching: number
}

export function newCounters(): Counters {
  return {
    requests: 0,
    hits: 0,
    misses: 0,
    joined: 0,
    revalidated: 0,
    stale: 0,
    absent: 0,
    refused: 0,
    failed: 0,
    upstreamRequests: 0,
    upstreamBytes: 0,
    servedBytes: 0,
    inFlight: 0,
    fetching: 0,
  }
}

/** The counter of each outcome. */
export const counterOf = {
  hit: 'hits',
  miss: 'misses',
  joined: 'joined',
  revalidated: 'revalidated',
  stale: 'stale',
  absent: 'absent',
  refused: 'refused',
  failed: 'failed',
} as const
