import type { CacheDatabase } from '../database.ts'
import type { Habit } from './habits.ts'

/** The table of this room, for `openDatabase`. */
export const habitTables = `
  CREATE TABLE IF NOT EXISTS habits (
    host TEXT NOT NULL,
    rank INTEGER NOT NULL,
    packages TEXT NOT NULL,
    PRIMARY KEY (host, rank)
  ) STRICT, WITHOUT ROWID;
`

/** What was learned of installs, kept for the next life. */
export class HabitStore {
  readonly #database: CacheDatabase

  constructor(database: CacheDatabase) {
    this.#database = database
  }

  /** All habits by the origin's host, newest first. A row that can't be read is as if it were not there. */
  load(): ReadonlyMap<string, readonly Habit[]> {
    const rows = this.#database.prepare('SELECT host, packages FROM habits ORDER BY host, rank').all() as {
      host: string
      packages: string
    }[]
    const found = new Map<string, Habit[]>()
    for (const { host, packages } of rows) {
      const habit = readHabit(packages)
      if (habit) found.set(host, [...(found.get(host) ?? []), habit])
    }
    return found
  }

  /** Replaces the habits of an origin. */
  save(host: string, habits: readonly Habit[]): void {
    this.#database.transaction(() => {
      this.#database.prepare('DELETE FROM habits WHERE host = ?').run(host)
      const insert = this.#database.prepare('INSERT INTO habits (host, rank, packages) VALUES (?, ?, ?)')
      for (const [rank, { packages }] of habits.entries()) insert.run(host, rank, JSON.stringify([...packages]))
    })()
  }
}

function readHabit(text: string): Habit | undefined {
  try {
    const rows = JSON.parse(text) as unknown
    if (!Array.isArray(rows)) return undefined
    return { packages: new Map(rows.filter(isRow)) }
  } catch {
    return undefined
  }
}

function isRow(row: unknown): row is [string, number] {
  return Array.isArray(row) && typeof row[0] === 'string' && typeof row[1] === 'number'
}
