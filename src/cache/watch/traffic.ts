import type { Outcome } from '../door/reply.ts'

/** Clients that are told apart; the busy work of more is added up under one name. */
const mostNodes = 4096

/** The name of the nodes that came after the first `mostNodes`, and of origins that a request didn't name. */
export const others = 'other'

/** What went to one client, or for one origin, since the start. */
export interface Tally {
  requests: number
  /** Requests by how they were answered. */
  readonly outcomes: Record<Outcome, number>
  /** Bytes of bodies that went to clients. */
  servedBytes: number
  /** Bytes of bodies that came from upstream; of a client: that came for requests of its own (`miss`). */
  upstreamBytes: number
}

/** Who asked for what, and what it cost the WAN: added up by origin and by node. */
export class Traffic {
  readonly origins = new Map<string, Tally>()
  readonly nodes = new Map<string, Tally>()

  /** Notes an answered request. `origin` is undefined for one that was refused. */
  answered(origin: string | undefined, node: string, outcome: Outcome, bytes: number): void {
    add(this.#of(this.origins, origin ?? others), outcome, bytes)
    add(this.#of(this.nodes, node), outcome, bytes)
  }

  /** Notes bytes of a body that came from upstream. */
  received(origin: string, bytes: number): void {
    this.#of(this.origins, origin).upstreamBytes += bytes
  }

  #of(map: Map<string, Tally>, name: string): Tally {
    const known = map.get(name)
    if (known) return known
    const key = map.size < mostNodes ? name : others
    const fresh = map.get(key) ?? newTally()
    map.set(key, fresh)
    return fresh
  }
}

function add(tally: Tally, outcome: Outcome, bytes: number): void {
  tally.requests += 1
  tally.outcomes[outcome] += 1
  tally.servedBytes += bytes
}

function newTally(): Tally {
  const outcomes = { hit: 0, miss: 0, joined: 0, revalidated: 0, stale: 0, absent: 0, refused: 0, failed: 0 }
  return { requests: 0, outcomes, servedBytes: 0, upstreamBytes: 0 }
}
