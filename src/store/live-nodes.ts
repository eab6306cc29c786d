import { sql } from 'kysely'
import type { NodeRecord } from './node-record.ts'
import { toRecord } from './node-row.ts'
import type { Db } from './open.ts'
import { portions } from './portions.ts'

/** As the index of live nodes has it: with a parameter in place of the word SQLite would read past lives too. */
const notGone = sql<boolean>`phase != 'gone'`

const known = new WeakMap<Db, LiveNodes>()

/**
 * The lives that are not gone, read again only where they were written: every round asks for all of them, and few change
 * between two rounds. Whoever writes to the table says so with `wrote`, after the write; what other processes write is noticed
 * by SQLite's `data_version`.
 */
export class LiveNodes {
  readonly #db: Db
  #nodes: Map<string, NodeRecord> | null = null
  #version: number | null = null
  /** Ids whose rows were written since they were read. */
  readonly #written = new Set<string>()
  #reading: Promise<unknown> = Promise.resolve()

  private constructor(db: Db) {
    this.#db = db
  }

  /** One for each database, however many repositories work on it. */
  static of(db: Db): LiveNodes {
    const found = known.get(db)
    if (found) return found
    const made = new LiveNodes(db)
    known.set(db, made)
    return made
  }

  /** The row of this life was written, or may have been. */
  wrote(id: string): void {
    this.#written.add(id)
  }

  /** All lives that are not gone; a life that has not changed is the same object as before. Sees all writes that are over. */
  async all(): Promise<NodeRecord[]> {
    // One after the other: each takes the marks of what was written, and must have read it before the next one answers.
    const reading = this.#reading.then(() => this.#bringUpToDate())
    this.#reading = reading.catch(() => undefined)
    return [...(await reading).values()]
  }

  async #bringUpToDate(): Promise<ReadonlyMap<string, NodeRecord>> {
    const { rows } = await sql<{ data_version: number }>`pragma data_version`.execute(this.#db)
    const version = rows[0]?.data_version ?? null
    const nodes = version === this.#version ? this.#nodes : null
    const ids = [...this.#written]
    this.#written.clear()
    try {
      this.#nodes = nodes ? await this.#readAgain(nodes, ids) : await this.#readAll()
      this.#version = version
      return this.#nodes
    } catch (error) {
      this.#nodes = null
      throw error
    }
  }

  async #readAll(): Promise<Map<string, NodeRecord>> {
    const rows = await this.#db.selectFrom('nodes').selectAll().where(notGone).execute()
    return new Map(rows.map((row) => [row.id, toRecord(row)]))
  }

  async #readAgain(nodes: Map<string, NodeRecord>, ids: readonly string[]): Promise<Map<string, NodeRecord>> {
    for (const some of portions(ids)) {
      const rows = await this.#db.selectFrom('nodes').selectAll().where('id', 'in', some).execute()
      const left = new Set(some)
      for (const row of rows) {
        if (row.phase === 'gone') continue
        nodes.set(row.id, toRecord(row))
        left.delete(row.id)
      }
      for (const id of left) nodes.delete(id)
    }
    return nodes
  }
}
