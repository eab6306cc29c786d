import type { Kysely, Selectable } from 'kysely'
import type { Facts } from '../base/errors.ts'
import type { Db } from './open.ts'
import type { EventsTable, Schema } from './schema.ts'

/** Something that happened. */
export interface NewEvent {
  readonly atMs: number
  /** `phase`: a node came into a phase (`facts.phase`). `attempt`: an act failed and will be tried again. */
  readonly kind: 'phase' | 'attempt' | 'breaker' | 'hook' | 'queue' | 'network'
  readonly site: string | null
  readonly nodeId: string | null
  readonly nodeName: string | null
  readonly code: string
  readonly text: string
  readonly facts: Facts
  /** Ids of the jobs it matters to. */
  readonly jobs: readonly string[]
}

/** An event as stored; `seq` orders all events. */
export interface StoredEvent extends NewEvent {
  readonly seq: number
}

/** Appends an event, inside a transaction if `db` is one. */
export async function appendEvent(db: Kysely<Schema>, event: NewEvent): Promise<void> {
  await db
    .insertInto('events')
    .values({
      at: event.atMs,
      kind: event.kind,
      site: event.site,
      node_id: event.nodeId,
      node_name: event.nodeName,
      code: event.code,
      text: event.text,
      facts: JSON.stringify(event.facts),
      jobs: JSON.stringify(event.jobs),
    })
    .execute()
}

/** The log of what happened: timelines and `causeway why` are read from it. */
export class EventStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async append(event: NewEvent): Promise<void> {
    await appendEvent(this.#db, event)
  }

  /** The events of one life, oldest first. */
  async ofNode(id: string): Promise<StoredEvent[]> {
    const rows = await this.#db.selectFrom('events').selectAll().where('node_id', '=', id).orderBy('seq').execute()
    return rows.map(toEvent)
  }

  /** The ids of the lives that had this name, latest first, `limit` at most. */
  async livesOf(name: string, limit: number): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('events')
      .select((eb) => ['node_id', eb.fn.max('seq').as('last')])
      .where('node_name', '=', name)
      .where('kind', '=', 'phase')
      .groupBy('node_id')
      .orderBy('last', 'desc')
      .limit(limit)
      .execute()
    return rows.flatMap((row) => (row.node_id === null ? [] : [row.node_id]))
  }

  /** The events that matter to a job (or to any element of an array, given the array's id), oldest first. */
  async ofJob(job: string): Promise<StoredEvent[]> {
    const rows = await this.#db
      .selectFrom('events')
      .selectAll()
      .where((eb) => eb.or([eb('jobs', 'like', `%"${job}"%`), eb('jobs', 'like', `%"${job}_%`)]))
      .orderBy('seq')
      .execute()
    // LIKE only narrows down (`_` stands for any character in it); the list itself decides.
    return rows.map(toEvent).filter((event) => event.jobs.some((id) => id === job || id.startsWith(`${job}_`)))
  }

  /** All phase events of all lives since a time, oldest first. */
  async phasesSince(sinceMs: number): Promise<StoredEvent[]> {
    const rows = await this.#db
      .selectFrom('events')
      .selectAll()
      .where('kind', '=', 'phase')
      .where('at', '>=', sinceMs)
      .orderBy('seq')
      .execute()
    return rows.map(toEvent)
  }
}

function toEvent(row: Selectable<EventsTable>): StoredEvent {
  return {
    seq: row.seq,
    atMs: row.at,
    kind: row.kind as StoredEvent['kind'],
    site: row.site,
    nodeId: row.node_id,
    nodeName: row.node_name,
    code: row.code,
    text: row.text,
    facts: JSON.parse(row.facts) as Facts,
    jobs: JSON.parse(row.jobs) as string[],
  }
}
