import type { Kysely } from 'kysely'
import type { Facts } from '../base/errors.ts'
import { readBreakers, writeBreaker } from './breaker-rows.ts'
import { appendEvent, appendEvents, type NewEvent } from './event-store.ts'
import { LiveNodes } from './live-nodes.ts'
import type { BreakerRecord, Failure, NodeRecord, Phase } from './node-record.ts'
import { type NewLife, newRow, toRecord } from './node-row.ts'
import type { Db } from './open.ts'
import { lastFailures, lastGone, type Period, spent } from './past-lives.ts'
import { portions } from './portions.ts'
import type { NodesTable, Schema } from './schema.ts'

/** Why something is recorded: a stable code and a sentence. */
export interface Cause {
  readonly code: string
  readonly text: string
  readonly facts?: Facts
}

/** Facts about a node that change without its phase; what is left out stays. */
export interface NodeNote {
  readonly id: string
  readonly idleSinceMs?: number | null
  readonly unreachableSinceMs?: number | null
  readonly host?: string
  readonly address?: string
  readonly leavingAtMs?: number | null
}

/** Where the machine of a life is. */
export type MachinePlace = Pick<NodeNote, 'host' | 'address'>

/** A life whose machine is about to be made. */
export interface StartedLife extends NewLife {
  /** Why it is begun. */
  readonly cause: Cause
  /** The hash of the token that its reports must carry (SHA-256, hex). */
  readonly tokenHash: string
}

/**
 * The lives of nodes. Every change of a phase and its event are one transaction, and changes name the phases they start
 * from: of two that race, the second finds the phase changed and does nothing.
 */
export class NodeStore {
  readonly #db: Db
  readonly #live: LiveNodes

  constructor(db: Db) {
    this.#db = db
    this.#live = LiveNodes.of(db)
  }

  /** All lives that are not gone; one that has not changed since it was asked for last is the same object. */
  async live(): Promise<NodeRecord[]> {
    return this.#live.all()
  }

  /** All lives, past ones too, in the order in which they began. */
  async all(): Promise<NodeRecord[]> {
    const rows = await this.#db.selectFrom('nodes').selectAll().orderBy('began_at').orderBy('name').execute()
    return rows.map(toRecord)
  }

  /** One life by its id, also a past one. */
  async get(id: string): Promise<NodeRecord | undefined> {
    const row = await this.#db.selectFrom('nodes').selectAll().where('id', '=', id).executeTakeFirst()
    return row && toRecord(row)
  }

  /** Writes a new life: the intent that comes before any act. `phase` is `planned`, or `booting` for an adopted machine. */
  async begin(life: NewLife & { phase: 'planned' | 'booting' }, cause: Cause, atMs: number): Promise<void> {
    const row = newRow(life, life.phase, null, atMs)
    await this.#write([life.id], async (tx) => {
      await tx.insertInto('nodes').values(row).execute()
      await appendEvent(tx, phaseEvent(toRecord(row), life.phase, cause, atMs))
    })
  }

  /**
   * Writes lives whose machines are made next: each is planned and comes into `creating`, all in one transaction. That is the
   * whole intent: when this has resolved, the acts may begin.
   * @param creating said of each when it comes into `creating`
   * @returns the lives as they are now, in the same order
   */
  async start(lives: readonly StartedLife[], creating: (life: NewLife) => Cause, atMs: number): Promise<NodeRecord[]> {
    const rows = lives.map((life) => newRow(life, 'creating', life.tokenHash, atMs))
    const records = rows.map(toRecord)
    await this.#write(
      lives.map(({ id }) => id),
      async (tx) => {
        for (const some of portions(rows)) await tx.insertInto('nodes').values(some).execute()
        const events = records.flatMap((node, index) => {
          const life = lives[index]
          if (!life) return []
          return [phaseEvent(node, 'planned', life.cause, atMs), phaseEvent(node, 'creating', creating(life), atMs)]
        })
        await appendEvents(tx, events)
      },
    )
    return records
  }

  /**
   * Moves a node to another phase if it is in one of `from` now.
   * @param place where its machine is; what is left out stays as it was
   * @returns whether it was moved
   */
  async move(
    id: string,
    from: readonly Phase[],
    to: Phase,
    cause: Cause,
    atMs: number,
    place: MachinePlace = {},
  ): Promise<boolean> {
    return this.#write([id], async (tx) => {
      const node = await change(tx, id, from, {
        phase: to,
        phase_since: atMs,
        idle_since: null,
        attempts: 0,
        next_attempt_at: 0,
        ...place,
        ...(to === 'ready' || to === 'gone' ? { token_hash: null } : {}),
        ...(to === 'gone' ? { gone_at: atMs } : {}),
      })
      if (node) await appendEvent(tx, phaseEvent(node, to, cause, atMs))
      return node !== undefined
    })
  }

  /**
   * Records that a node failed, and the breaker of its type that follows from it.
   * @param breaker null: the failure says nothing against the type, whose breaker stays as it is
   * @returns whether it was recorded: false when the node is past failing (deleting, gone) or has failed already
   */
  async fail(id: string, failure: Failure, breaker: BreakerRecord | null, atMs: number): Promise<boolean> {
    return this.#write([id], async (tx) => {
      const from: Phase[] = ['planned', 'creating', 'booting', 'installing', 'enrolling', 'ready', 'draining']
      const node = await change(tx, id, from, {
        phase: 'failed',
        phase_since: atMs,
        idle_since: null,
        attempts: 0,
        next_attempt_at: 0,
        failure_code: failure.code,
        failure_text: failure.text,
        failed_at: atMs,
        token_hash: null,
      })
      if (!node) return false
      await appendEvent(tx, phaseEvent(node, 'failed', failure, atMs))
      if (breaker) await writeBreaker(tx, breaker)
      if (breaker && breaker.closedUntilMs !== null) {
        const text = `${breaker.site}/${breaker.type} is closed until ${new Date(breaker.closedUntilMs).toISOString()} after failures in a row`
        await appendEvent(tx, {
          ...phaseEvent(node, 'failed', failure, atMs),
          kind: 'breaker',
          code: 'SiteClosed',
          text,
        })
      }
      return true
    })
  }

  /** Records that an act on the node did not succeed and when it may be tried again. */
  async attemptFailed(node: NodeRecord, cause: Cause, nextAttemptAtMs: number, atMs: number): Promise<void> {
    await this.#write([node.id], async (tx) => {
      await tx
        .updateTable('nodes')
        .set((eb) => ({ attempts: eb('attempts', '+', 1), next_attempt_at: nextAttemptAtMs }))
        .where('id', '=', node.id)
        .execute()
      await appendEvent(tx, {
        ...phaseEvent(node, node.phase, cause, atMs),
        kind: 'attempt',
        code: cause.code,
        text: cause.text,
      })
    })
  }

  /** Writes facts that change no phase, of all these nodes in one transaction. */
  async note(notes: readonly NodeNote[]): Promise<void> {
    if (notes.length === 0) return
    // Thousands of nodes may become idle at once, and what is noted is then the same for all.
    const alike = Map.groupBy(notes, (note) => JSON.stringify(columnsOf(note)))
    await this.#write(
      notes.map(({ id }) => id),
      async (tx) => {
        for (const group of alike.values()) {
          const set = columnsOf(group[0])
          if (Object.keys(set).length === 0) continue
          for (const some of portions(group.map(({ id }) => id))) {
            await tx.updateTable('nodes').set(set).where('id', 'in', some).execute()
          }
        }
      },
    )
  }

  /** Sets the hash of the token that this life's reports must carry (SHA-256, hex). */
  async setTokenHash(id: string, hash: string): Promise<void> {
    await this.#db.updateTable('nodes').set({ token_hash: hash }).where('id', '=', id).execute()
  }

  /** The hash to compare a report's token with; null when no report is awaited from this id. */
  async tokenHash(id: string): Promise<string | null> {
    const row = await this.#db.selectFrom('nodes').select('token_hash').where('id', '=', id).executeTakeFirst()
    return row?.token_hash ?? null
  }

  /** When each name last failed, for failures after `sinceMs`. */
  async lastFailures(sinceMs: number): Promise<Map<string, number>> {
    return lastFailures(this.#db, sinceMs)
  }

  /** When the last life of each name ended, of the names whose last life ended after a time (ms since the epoch). */
  async lastGone(sinceMs: number): Promise<Map<string, number>> {
    return lastGone(this.#db, sinceMs)
  }

  /** What the lives that are over have cost within a period; `site` null: at all sites. */
  async spent(period: Period): Promise<number> {
    return spent(this.#db, period)
  }

  /** All breakers that are not at rest, by site and type. */
  async breakers(): Promise<Map<string, BreakerRecord>> {
    return readBreakers(this.#db)
  }

  /** Replaces a type's breaker. */
  async setBreaker(breaker: BreakerRecord): Promise<void> {
    await writeBreaker(this.#db, breaker)
  }

  /** One transaction on the rows of these lives. */
  async #write<T>(ids: readonly string[], work: (tx: Kysely<Schema>) => Promise<T>): Promise<T> {
    try {
      return await this.#db.transaction().execute(work)
    } finally {
      for (const id of ids) this.#live.wrote(id)
    }
  }
}

/** Updates a node that is in one of `from`; returns it as it was in all but the phase's facts, undefined if it is not. */
async function change(
  tx: Kysely<Schema>,
  id: string,
  from: readonly Phase[],
  set: Partial<NodesTable>,
): Promise<NodeRecord | undefined> {
  const row = await tx
    .updateTable('nodes')
    .set(set)
    .where('id', '=', id)
    .where('phase', 'in', from)
    .returningAll()
    .executeTakeFirst()
  return row && toRecord(row)
}

function columnsOf(note: NodeNote | undefined): Partial<NodesTable> {
  const { idleSinceMs, unreachableSinceMs, host, address, leavingAtMs } = note ?? {}
  return {
    ...(idleSinceMs === undefined ? {} : { idle_since: idleSinceMs }),
    ...(unreachableSinceMs === undefined ? {} : { unreachable_since: unreachableSinceMs }),
    ...(host === undefined ? {} : { host }),
    ...(address === undefined ? {} : { address }),
    ...(leavingAtMs === undefined ? {} : { leaving_at: leavingAtMs }),
  }
}

function phaseEvent(node: NodeRecord, phase: Phase, cause: Cause, atMs: number): NewEvent {
  const facts = { ...cause.facts, phase }
  return {
    atMs,
    kind: 'phase',
    site: node.site,
    nodeId: node.id,
    nodeName: node.name,
    code: cause.code,
    text: cause.text,
    facts,
    jobs: node.jobs,
  }
}
