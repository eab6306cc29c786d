import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import { CausewayError } from '../base/errors.ts'
import { migrations } from './migrations.ts'
import type { Schema } from './schema.ts'
import { PreparedOnce } from './statements.ts'

/** The database handle that repositories work on. */
export type Db = Kysely<Schema>

/**
 * Opens (and creates, and migrates) the SQLite database. A committed transaction survives a crash of the process and of
 * the machine (`synchronous=FULL`).
 * @param file path, or `:memory:`
 * @throws CausewayError `Internal` when it can't be opened or migrated
 */
export async function openStore(file: string): Promise<Db> {
  let sqlite: Database.Database
  try {
    if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true, mode: 0o750 })
    sqlite = new Database(file)
    sqlite.pragma('journal_mode = WAL')
    sqlite.pragma('synchronous = FULL')
    sqlite.pragma('busy_timeout = 5000')
  } catch (cause) {
    throw new CausewayError('Internal', `the database ${file} can't be opened: ${(cause as Error).message}`, { cause })
  }
  const database = new PreparedOnce(sqlite)
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database }) })
  const { error } = await new Migrator({ db, provider: migrations }).migrateToLatest()
  if (error !== undefined) {
    await db.destroy()
    throw new CausewayError('Internal', `the database ${file} can't be brought to the current schema`, { cause: error })
  }
  database.forget()
  return db
}
