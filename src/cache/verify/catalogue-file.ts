import { rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { isDatabaseDamage, Unusable } from '../database.ts'

/** Another layout than this is thrown away: all that is in it can be learned again. */
const layout = 1

/**
 * A package that several versions list in the same words is there once, so a new version of a large index adds little.
 * `location` is host and path; `offered` has the names that a package has or provides.
 */
const tables = `
  CREATE TABLE version (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL,
    UNIQUE (host, file, sha256)
  );
  CREATE TABLE package (
    id INTEGER PRIMARY KEY,
    location TEXT NOT NULL, print BLOB NOT NULL,
    algorithm TEXT, digest BLOB, bytes INTEGER,
    said TEXT NOT NULL,
    UNIQUE (location, print)
  );
  CREATE TABLE listed (version INTEGER, package INTEGER, PRIMARY KEY (version, package)) WITHOUT ROWID;
  CREATE TABLE offered (name TEXT, package INTEGER, PRIMARY KEY (name, package)) WITHOUT ROWID;
`

/** Where the catalogue of a store's folder is. */
export function catalogueFile(folder: string): string {
  return join(folder, 'catalogue.db')
}

/**
 * Opens the catalogue of a store's folder, a database of its own: it is written by another thread than the one that reads it, and
 * neither waits for the other. What is damaged, or laid out otherwise, is made anew.
 * @throws SqliteError when the disk fails
 */
export function openCatalogue(folder: string): Database.Database {
  try {
    return tryOpen(folder)
  } catch (error) {
    if (!isDatabaseDamage(error)) throw error
    removeCatalogue(folder)
    return tryOpen(folder)
  }
}

/** Removes it; nobody may have it open. */
export function removeCatalogue(folder: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(catalogueFile(folder) + end, { force: true })
}

function tryOpen(folder: string): Database.Database {
  const database = new Database(catalogueFile(folder))
  try {
    setUp(database)
    const found = Number(database.pragma('user_version', { simple: true }))
    if (found === layout) return database
    if (database.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined) {
      throw new Unusable(`tables of layout ${found}, not ${layout}`)
    }
    database.transaction(() => {
      database.exec(tables)
      database.pragma(`user_version = ${layout}`)
    })()
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Opens a catalogue that is there, to write to it beside the thread that reads. */
export function openToWrite(folder: string): Database.Database {
  const database = new Database(catalogueFile(folder), { fileMustExist: true })
  setUp(database)
  return database
}

function setUp(database: Database.Database): void {
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = NORMAL')
  // In KiB; the driver's own is 16 MiB, for each of the two threads.
  database.pragma('cache_size = -4096')
  database.pragma('journal_size_limit = 4194304')
}
