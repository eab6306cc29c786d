import { createHash } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Package } from '../formats/format.ts'
import type { DigestAlgorithm, Expected } from './expected.ts'

/** What one version of an index is known by. */
export interface VersionName {
  readonly host: string
  readonly file: string
  readonly sha256: string
}

/** Another layout than this is thrown away: all that is in it can be learned again. */
const layout = 1

/**
 * A package that several versions list in the same words is there once, so a new version of a large index adds little.
 * `location` is host and path; `offered` has the names that a package has or provides.
 */
const tables = `
  CREATE TABLE IF NOT EXISTS version (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL,
    UNIQUE (host, file, sha256)
  );
  CREATE TABLE IF NOT EXISTS package (
    id INTEGER PRIMARY KEY,
    location TEXT NOT NULL, print BLOB NOT NULL,
    algorithm TEXT, digest BLOB, bytes INTEGER,
    said TEXT NOT NULL,
    UNIQUE (location, print)
  );
  CREATE TABLE IF NOT EXISTS listed (version INTEGER, package INTEGER, PRIMARY KEY (version, package)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS offered (name TEXT, package INTEGER, PRIMARY KEY (name, package)) WITHOUT ROWID;
`

/**
 * Opens the catalogue of a store's folder, a database of its own: it is written by another thread than the one that reads it, and
 * neither waits for the other. What can't be read, or is laid out otherwise, is made anew.
 */
export function openRows(folder: string): Database.Database {
  const file = join(folder, 'catalogue.db')
  if (existsSync(file) && !isUsable(file)) for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true })
  const database = new Database(file)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = NORMAL')
  database.pragma('journal_size_limit = 4194304')
  database.exec(tables)
  database.pragma(`user_version = ${layout}`)
  return database
}

function isUsable(file: string): boolean {
  let database: Database.Database | undefined
  try {
    database = new Database(file)
    return database.pragma('user_version', { simple: true }) === layout
  } catch {
    return false
  } finally {
    database?.close()
  }
}

/** What is read of the catalogue, by the thread that serves. */
export class PackageReader {
  readonly #version: Database.Statement<[string, string, string], { id: number }>
  readonly #digests: Database.Statement<[string], DigestRow>
  readonly #newest: Database.Statement<[string], DigestRow>
  readonly #named: Database.Statement<[string, number], { said: string }>

  constructor(database: Database.Database) {
    this.#version = database.prepare('SELECT id FROM version WHERE host = ? AND file = ? AND sha256 = ?')
    this.#digests = database.prepare('SELECT algorithm, digest, bytes FROM package WHERE location = ? LIMIT 50')
    this.#newest = database.prepare(
      `SELECT algorithm, digest, bytes FROM package JOIN listed ON listed.package = package.id
       WHERE location = ? ORDER BY version DESC LIMIT 1`,
    )
    this.#named = database.prepare(
      `SELECT said FROM offered JOIN listed ON listed.package = offered.package
       JOIN package ON package.id = offered.package WHERE name = ? AND version = ?`,
    )
  }

  /** The number of a learned version. */
  idOf({ host, file, sha256 }: VersionName): number | undefined {
    return this.#version.get(host, file, sha256)?.id
  }

  /** @param location Host and plain path. */
  expected(location: string): Expected | undefined {
    const rows = this.#digests.all(location)
    const [first] = rows
    const agreed = rows.every((row) => first?.digest?.equals(row.digest ?? Buffer.alloc(0)))
    const row = agreed ? first : this.#newest.get(location)
    if (!row?.algorithm || !row.digest) return undefined
    return { algorithm: row.algorithm, digest: row.digest.toString('hex'), bytes: row.bytes ?? undefined }
  }

  named(version: number, name: string): Package[] {
    return this.#named.all(name, version).map(({ said }) => restore(said))
  }
}

interface DigestRow {
  readonly algorithm: DigestAlgorithm | null
  readonly digest: Buffer | null
  readonly bytes: number | null
}

/** What is written to the catalogue, by the thread that learns. */
export class PackageWriter {
  readonly #database: Database.Database
  readonly #known: Database.Statement<[string, Buffer], { id: number }>
  readonly #add: Database.Statement
  readonly #list: Database.Statement
  readonly #offer: Database.Statement

  constructor(database: Database.Database) {
    this.#database = database
    this.#known = database.prepare('SELECT id FROM package WHERE location = ? AND print = ?')
    this.#add = database.prepare(
      'INSERT INTO package (location, print, algorithm, digest, bytes, said) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#list = database.prepare('INSERT OR IGNORE INTO listed (version, package) VALUES (?, ?)')
    this.#offer = database.prepare('INSERT OR IGNORE INTO offered (name, package) VALUES (?, ?)')
  }

  /** Notes a version with all its packages, or nothing when `packages` fails. */
  async learn(name: VersionName, packages: AsyncIterable<{ host: string; one: Package }>): Promise<void> {
    const { host, file, sha256 } = name
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const begin = this.#database.prepare('INSERT INTO version (host, file, sha256) VALUES (?, ?, ?)')
      const version = begin.run(host, file, sha256).lastInsertRowid
      for await (const listed of packages) this.#note(version, listed.host, listed.one)
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #note(version: number | bigint, host: string, one: Package): void {
    const location = host + one.path
    const said = JSON.stringify(one)
    const print = createHash('sha256').update(said).digest().subarray(0, 16)
    let id: number | bigint | undefined = this.#known.get(location, print)?.id
    if (id === undefined) {
      const { expected } = one
      const digest = expected ? Buffer.from(expected.digest, 'hex') : null
      id = this.#add.run(
        location,
        print,
        expected?.algorithm ?? null,
        digest,
        expected?.bytes ?? null,
        said,
      ).lastInsertRowid
      this.#offer.run(one.name, id)
      for (const { name } of one.provides) this.#offer.run(name, id)
    }
    this.#list.run(version, id)
  }

  /** Drops all versions but some, and the packages that none lists any more. */
  retain(names: readonly VersionName[]): void {
    const keep = new Set(names.map(({ host, file, sha256 }) => `${host}${file}#${sha256}`))
    const all = this.#database
      .prepare<[], VersionName & { id: number }>('SELECT id, host, file, sha256 FROM version')
      .all()
    const gone = all.filter(({ host, file, sha256 }) => !keep.has(`${host}${file}#${sha256}`))
    if (gone.length === 0) return
    const drop = this.#database.transaction(() => {
      for (const { id } of gone) {
        this.#database.prepare('DELETE FROM listed WHERE version = ?').run(id)
        this.#database.prepare('DELETE FROM version WHERE id = ?').run(id)
      }
      this.#database.exec('DELETE FROM package WHERE id NOT IN (SELECT package FROM listed)')
      this.#database.exec('DELETE FROM offered WHERE package NOT IN (SELECT id FROM package)')
    })
    drop.immediate()
  }
}

/** A package as it was noted; JSON has no undefined. */
function restore(said: string): Package {
  const one = JSON.parse(said) as Package
  return {
    ...one,
    host: one.host ?? undefined,
    expected: one.expected && { ...one.expected, bytes: one.expected.bytes ?? undefined },
    depends: one.depends.map((needs) =>
      needs.map(({ name, constraint }) => ({ name, constraint: constraint ?? undefined })),
    ),
    recommends: one.recommends.map((needs) =>
      needs.map(({ name, constraint }) => ({ name, constraint: constraint ?? undefined })),
    ),
    provides: one.provides.map(({ name, version }) => ({ name, version: version ?? undefined })),
  }
}
