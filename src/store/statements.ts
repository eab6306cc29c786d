import type Database from 'better-sqlite3'
import type { SqliteDatabase, SqliteStatement } from 'kysely'

/** How many statements are kept; more than the repositories have, but for those with a list of any length. */
const most = 200

/**
 * The same database, but that a statement which was prepared before is used again: preparing costs more than most of them
 * take. Kysely runs a statement to its end before the next one begins, so one is never in use twice.
 */
export class PreparedOnce implements SqliteDatabase {
  readonly #sqlite: Database.Database
  readonly #known = new Map<string, SqliteStatement>()

  constructor(sqlite: Database.Database) {
    this.#sqlite = sqlite
  }

  prepare(sql: string): SqliteStatement {
    const known = this.#known.get(sql)
    if (known) return known
    if (this.#known.size >= most) this.forget()
    const statement = this.#sqlite.prepare(sql) as SqliteStatement
    this.#known.set(sql, statement)
    return statement
  }

  /** After the schema has changed, and when too many have come together. */
  forget(): void {
    this.#known.clear()
  }

  close(): void {
    this.forget()
    this.#sqlite.close()
  }
}
