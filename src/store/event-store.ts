import { type Insertable, type Kysely, type Selectable, sql } from 'kysely'
import type { Facts } from '../base/errors.ts'
import { arrayAsked, isJobOrElement } from '../base/job-id.ts'
import type { Db } from './open.ts'
import { portions } from './portions.ts'
import type { EventsTable, Schema } from './schema.ts'

/** Something that happened. */
export interface NewEvent {
  readonly atMs: number
  /**
   * `phase`: a node came into a phase (`facts.phase`). `attempt`: an act failed and will be tried again. `lint`: a step of a
   * plan was held back because it would break an invariant. `site`: a site or a host was taken out of use, or back. `console`: the end of
   * what the machine of a node that failed had printed (`facts.console`).
   */
  readonly kind: 'phase' | 'attempt' | 'breaker' | 'hook' | 'queue' | 'network' | 'lint' | 'cache' | 'site' | 'console'
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

/** When a life came into a phase. */
export interface PhaseTime {
  readonly phase: string
  readonly atMs: number
}

/** Appends an event, inside a transaction if `db` is one. */
export async function appendEvent(db: Kysely<Schema>, event: NewEvent): Promise<void> {
  await db.insertInto('events').values(toRow(event)).execute()
}

/** Appends many events in their order; what is to be one transaction with them must be `db`'s. */
export async function appendEvents(db: Kysely<Schema>, events: readonly NewEvent[]): Promise<void> {
  for (const some of portions(events)) await db.insertInto('events').values(some.map(toRow)).execute()
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

  /** Appends events in their order: all of them or, when it rejects, none. */
  async appendAll(events: readonly NewEvent[]): Promise<void> {
    await this.#db.transaction().execute((transaction) => appendEvents(transaction, events))
  }

  /** The ids that the latest hooks came with, of `limit` hooks among the last 50 000 events at most, latest first. */
  async recentHookIds(limit: number): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('events')
      .select('facts')
      .where('kind', '=', 'hook')
      .where('seq', '>', (eb) => eb.selectFrom('events').select(sql<number>`coalesce(max(seq), 0) - 50000`.as('first')))
      .orderBy('seq', 'desc')
      .limit(limit)
      .execute()
    return rows.map((row) => (JSON.parse(row.facts) as Facts)['id']).filter((id) => typeof id === 'string')
  }

  /** The events of one life, oldest first. */
  async ofNode(id: string): Promise<StoredEvent[]> {
    const rows = await this.#db.selectFrom('events').selectAll().where('node_id', '=', id).orderBy('seq').execute()
    return rows.map(toEvent)
  }

  /** The ids of the lives that had this name, latest first, `limit` at most. */
  async livesOf(name: string, limit: number): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('nodes')
      .select('id')
      .where('name', '=', name)
      .orderBy('began_at', 'desc')
      .limit(limit)
      .execute()
    return rows.map((row) => row.id)
  }

  /** The events that matter to a job (or to any element of an array, given the array's id), oldest first. */
  async ofJob(job: string): Promise<StoredEvent[]> {
    const rows = await this.#db
      .selectFrom('events')
      .selectAll()
      .where((eb) => eb.or([eb('jobs', 'like', `%"${job}"%`), eb('jobs', 'like', `%"${arrayAsked(job)}_%`)]))
      .orderBy('seq')
      .execute()
    // LIKE only narrows down (`_` stands for any character in it); the list itself decides.
    return rows.map(toEvent).filter((event) => event.jobs.some((id) => isJobOrElement(id, job)))
  }

  /** When each life came into which phase, by its id, oldest first: of lives that are not gone, or of all. */
  async phaseTimes(of: 'live' | 'all'): Promise<Map<string, PhaseTime[]>> {
    const all = this.#db
      .selectFrom('events')
      .innerJoin('nodes', 'nodes.id', 'events.node_id')
      .select(['nodes.id', 'events.at', 'events.facts'])
      .where('events.kind', '=', 'phase')
    const query = of === 'all' ? all : all.where(sql<boolean>`nodes.phase != 'gone'`)
    const times = new Map<string, PhaseTime[]>()
    for (const { id, at, facts } of await query.orderBy('events.seq').execute()) {
      const time = { phase: String((JSON.parse(facts) as Facts)['phase']), atMs: at }
      const others = times.get(id)
      if (others) others.push(time)
      else times.set(id, [time])
    }
    return times
  }
}

function toRow(event: NewEvent): Insertable<EventsTable> {
  return {
    at: event.atMs,
    kind: event.kind,
    site: event.site,
    node_id: event.nodeId,
    node_name: event.nodeName,
    code: event.code,
    text: event.text,
    facts: JSON.stringify(event.facts),
    jobs: JSON.stringify(event.jobs),
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
