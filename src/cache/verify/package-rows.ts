import { createHash } from 'node:crypto'
import type Database from 'better-sqlite3'
import type { Package } from '../formats/format.ts'
import type { DigestAlgorithm, Expected } from './expected.ts'

/** What one version of an index is known by. */
export interface VersionName {
  readonly host: string
  readonly file: string
  readonly sha256: string
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
