import type { Generated } from 'kysely'

/** The tables, one type for every database. Times are ms since the epoch; JSON is text. */
export interface Schema {
  readonly nodes: NodesTable
  readonly events: EventsTable
  readonly jobs: JobsTable
  readonly breakers: BreakersTable
  readonly drains: DrainsTable
  readonly tunnel_generations: TunnelGenerationsTable
  readonly tunnel_keys: TunnelKeysTable
}

/** One row per life of a node, written before its machine is made and kept after it is gone. */
export interface NodesTable {
  id: string
  name: string
  site: string
  type: string
  /** The host of the pool, or the zone, that has its machine; null: its site has only one, or it is not known. */
  host: string | null
  /** Where its site's own network reaches its machine; null: nowhere but in the segment, or it is not known. */
  address: string | null
  /** When the site is going to take its machine away; null: it says nothing of the kind. */
  leaving_at: number | null
  cost_per_hour: number
  billing_ms: number
  began_at: number
  /** Null while it lives. */
  gone_at: number | null
  phase: string
  phase_since: number
  unreachable_since: number | null
  idle_since: number | null
  failure_code: string | null
  failure_text: string | null
  failed_at: number | null
  attempts: number
  next_attempt_at: number
  /** JSON array of job ids. */
  jobs: string
  /** SHA-256 in hex of the token that its reports must carry; null when none is valid. */
  token_hash: string | null
}

/** What happened, in order. */
export interface EventsTable {
  seq: Generated<number>
  at: number
  /** `phase`, `attempt`, `breaker`, `hook`, `queue`, `network`, `lint`, `cache`, `site`. */
  kind: string
  site: string | null
  node_id: string | null
  node_name: string | null
  code: string
  text: string
  /** JSON object. */
  facts: string
  /** JSON array of the ids of jobs it matters to. */
  jobs: string
}

/** Jobs as they were last seen in the queue. */
interface JobsTable {
  id: string
  name: string
  user: string
  state: string
  submitted_at: number
  started_at: number | null
  ended_at: number | null
  /** JSON array of node names. */
  nodes: string
  seen_at: number
}

/** One row per node type whose breaker is not at rest. */
interface BreakersTable {
  site: string
  type: string
  failures: number
  closed_until: number | null
}

/** One row for each site, and each host of a pool, that an admin has taken out of use. */
interface DrainsTable {
  site: string
  /** Null: the whole site. */
  host: string | null
  reason: string
  since: number
}

/** One row for each time that the tunnels' keys were changed. */
interface TunnelGenerationsTable {
  generation: number
  began_at: number
  /** When all gateways used it; null until then. */
  settled_at: number | null
}

/** The public keys that gateways told, of generations in use. */
interface TunnelKeysTable {
  gateway: string
  generation: number
  public_key: string
  told_at: number
}
