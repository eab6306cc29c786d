import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { CausewayError } from '../base/errors.ts'

/** The cache's SQLite file in the folder of the store. */
export type CacheDatabase = Database.Database

export type Statement = Database.Statement

/** Counts up when tables change so that an older file can't be used: it is then put aside like a damaged one. */
export const layout = 2

/**
 * Opens the database of a store, bringing the folder and the tables about. Only one process at a time can have it. On a
 * full disk one that is there can be opened: nothing is written then.
 *
 * It is written ahead without a sync for each commit: after a power cut the last commits may be missing, never half done.
 * A file that is damaged, or of another layout, is put aside as `cache.db.aside`, and a new one begun. Looking whether it is
 * takes about a second for the rows of 100 GiB of packages.
 * @param tables SQL that makes tables and indexes where they are missing, one text for each room that has some.
 * @param putAside Told why, when that had to be done.
 * @throws CausewayError `Conflict` when another process has it
 */
export function openDatabase(
  folder: string,
  tables: readonly string[],
  putAside: (reason: unknown) => void = () => {},
): CacheDatabase {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const file = join(folder, 'cache.db')
  try {
    return tryOpen(file, tables, markOf(folder))
  } catch (error) {
    if (isBusy(error)) throw new CausewayError('Conflict', `another process uses ${folder}`, { cause: error })
    if (!isDatabaseDamage(error)) throw error
    for (const ending of ['', '-wal', '-shm']) {
      rmSync(`${file}.aside${ending}`, { force: true })
      renameIfThere(file + ending, `${file}.aside${ending}`)
    }
    rmSync(markOf(folder), { force: true })
    putAside(error)
    return tryOpen(file, tables, markOf(folder))
  }
}

/** Has the database put aside when it is opened the next time: something in it could not be read. */
export function markDamaged(folder: string): void {
  writeFileSync(markOf(folder), '')
}

function markOf(folder: string): string {
  return join(folder, 'cache.db.damaged')
}

function tryOpen(file: string, tables: readonly string[], mark: string): CacheDatabase {
  const database = new Database(file, { timeout: 0 })
  try {
    // The lock of a process that dies goes with it. What another process has is not looked at, however damaged it is.
    database.pragma('locking_mode = EXCLUSIVE')
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = NORMAL')
    // In KiB; the driver's own would take 16 MiB in time, for what the kernel has in memory anyway.
    database.pragma('cache_size = -4096')
    if (existsSync(mark)) throw new Unusable('it was found damaged while it was in use')
    const found = Number(database.pragma('user_version', { simple: true }))
    if (found !== layout && database.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined) {
      throw new Unusable(`tables of layout ${found}, not ${layout}`)
    }
    if (database.pragma('quick_check(1)', { simple: true }) !== 'ok') throw new Unusable('it is damaged')
    database.transaction(() => {
      for (const sql of tables) database.exec(sql)
      if (found !== layout) database.pragma(`user_version = ${layout}`)
    })()
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Says why a database is of no use, though it can be read. */
export class Unusable extends Error {
  override readonly name = 'Unusable'
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
}

/** Whether a failure says that the database itself is damaged, so that nothing can be done with it any more. */
export function isDatabaseDamage(error: unknown): boolean {
  if (error instanceof Unusable) return true
  return error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code)
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
