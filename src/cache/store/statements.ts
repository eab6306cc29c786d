import type { CacheDatabase, Statement } from '../database.ts'

type Value = string | number | Buffer | null

/** For the `?` of a text in their order, or one object for its `@names`. */
type Values = readonly Value[] | readonly [Readonly<Record<string, Value>>]

/**
 * What is asked of the database, each text prepared once. All at once and in the calling thread: each takes microseconds.
 * Whatever fails is told of before it is thrown.
 */
export class Statements {
  readonly #db: CacheDatabase
  readonly #failed: (error: unknown) => void
  readonly #prepared = new Map<string, Statement>()

  constructor(db: CacheDatabase, failed: (error: unknown) => void) {
    this.#db = db
    this.#failed = failed
  }

  /** The first row. */
  get<Row>(sql: string, ...values: Values): Row | undefined {
    return this.#attempt(() => this.#statement(sql).get(...values) as Row | undefined)
  }

  all<Row>(sql: string, ...values: Values): Row[] {
    return this.#attempt(() => this.#statement(sql).all(...values) as Row[])
  }

  run(sql: string, ...values: Values): void {
    this.#attempt(() => this.#statement(sql).run(...values))
  }

  /** All of it or nothing, and nobody sees half of it. */
  together<T>(work: () => T): T {
    return this.#attempt(() => this.#db.transaction(work)())
  }

  #statement(sql: string): Statement {
    const known = this.#prepared.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    this.#prepared.set(sql, statement)
    return statement
  }

  #attempt<T>(operation: () => T): T {
    try {
      return operation()
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }
}
