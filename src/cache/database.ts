import { join } from 'node:path'
import Database from 'better-sqlite3'

/** The cache's SQLite file in the folder of the store. */
export type CacheDatabase = Database.Database

/**
 * Opens the database of a store, bringing its tables about.
 *
 * It is written ahead without a sync for each commit: after a power cut the last commits may be missing, never half done.
 * @param tables SQL that makes tables and indexes where they are missing, one text for each room that has some.
 */
export function openDatabase(folder: string, tables: readonly string[]): CacheDatabase {
  const database = new Database(join(folder, 'cache.db'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = NORMAL')
  for (const sql of tables) database.exec(sql)
  return database
}
