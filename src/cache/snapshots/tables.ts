import type { CacheDatabase } from '../database.ts'
import type { Headers } from '../headers.ts'

/** The tables of this room, for `openDatabase`. */
export const snapshotTables = `
  create table if not exists snapshots (
    host text not null, suite text not null, id text not null,
    top text not null, headers text not null, modified_ms integer not null, validated_ms integer not null,
    in_use integer not null,
    primary key (host, suite, id)) without rowid;
  create table if not exists snapshot_attached (
    host text not null, suite text not null, id text not null, path text not null, sha256 text not null,
    primary key (host, suite, id, path)) without rowid;
  create table if not exists snapshot_asked (
    host text not null, suite text not null, name text not null, asked_ms integer not null,
    primary key (host, suite, name)) without rowid;
  create table if not exists snapshot_seen (
    client text not null, host text not null, suite text not null, id text not null, seen_ms integer not null,
    primary key (client, host, suite)) without rowid;
  create table if not exists snapshot_pins (
    cluster text not null, host text not null, suite text not null, id text not null,
    primary key (cluster, host, suite)) without rowid;
  create table if not exists snapshot_pinned_clusters (cluster text primary key) without rowid;
`

/** Which suite of which origin: the host, and the path of the suite's top index. */
export interface SuiteId {
  readonly host: string
  readonly suite: string
}

/** What is noted of a version; the rest is read from its top index, which the store keeps. */
export interface VersionRow extends SuiteId {
  readonly id: string
  readonly top: string
  readonly headers: Headers
  readonly modifiedMs: number
  readonly validatedMs: number
  readonly inUse: boolean
}

/** That a client got a version's top index. */
export interface SeenRow extends SuiteId {
  readonly client: string
  readonly id: string
  readonly seenMs: number
}

export interface PinRow extends SuiteId {
  readonly cluster: string
  readonly id: string
}

/** What outlives a restart of the cache. What a failing disk doesn't take is not there after the next one. */
export class SnapshotTables {
  readonly #database: CacheDatabase
  readonly #failed: (error: unknown) => void

  /** @param failed Told when something can't be written. */
  constructor(database: CacheDatabase, failed: (error: unknown) => void) {
    this.#database = database
    this.#failed = failed
  }

  versions(): VersionRow[] {
    const rows = this.#database
      .prepare(
        `select host, suite, id, top, headers, modified_ms modifiedMs, validated_ms validatedMs, in_use inUse
         from snapshots`,
      )
      .all() as (Omit<VersionRow, 'headers' | 'inUse'> & { headers: string; inUse: number })[]
    return rows.map((row) => ({ ...row, headers: JSON.parse(row.headers) as Headers, inUse: row.inUse === 1 }))
  }

  /** Notes a version; one that is in use takes the place of the one before. */
  putVersion({ host, suite, id, top, headers, modifiedMs, validatedMs, inUse }: VersionRow): void {
    this.#note(() => {
      if (inUse) this.#run('update snapshots set in_use = 0 where host = ? and suite = ?', host, suite)
      this.#run(
        'insert or replace into snapshots values (?, ?, ?, ?, ?, ?, ?, ?)',
        host,
        suite,
        id,
        top,
        JSON.stringify(headers),
        modifiedMs,
        validatedMs,
        inUse ? 1 : 0,
      )
    })
  }

  validated({ host, suite }: SuiteId, id: string, validatedMs: number): void {
    const sql = 'update snapshots set validated_ms = ? where host = ? and suite = ? and id = ?'
    this.#note(() => this.#run(sql, validatedMs, host, suite, id))
  }

  dropVersion({ host, suite }: SuiteId, id: string): void {
    this.#note(() => {
      for (const table of ['snapshots', 'snapshot_attached', 'snapshot_seen', 'snapshot_pins'])
        this.#run(`delete from ${table} where host = ? and suite = ? and id = ?`, host, suite, id)
    })
  }

  /** What lies beside a version's top index: SHA-256 by path. */
  attached({ host, suite }: SuiteId, id: string): { path: string; sha256: string }[] {
    return this.#database
      .prepare('select path, sha256 from snapshot_attached where host = ? and suite = ? and id = ?')
      .all(host, suite, id) as { path: string; sha256: string }[]
  }

  attach({ host, suite }: SuiteId, id: string, path: string, sha256: string): void {
    this.#note(() =>
      this.#run('insert or replace into snapshot_attached values (?, ?, ?, ?, ?)', host, suite, id, path, sha256),
    )
  }

  /** The indexes that clients asked for, by name (see `indexNameOf`), and when last. */
  asked({ host, suite }: SuiteId): { name: string; askedMs: number }[] {
    return this.#database
      .prepare('select name, asked_ms askedMs from snapshot_asked where host = ? and suite = ?')
      .all(host, suite) as { name: string; askedMs: number }[]
  }

  ask({ host, suite }: SuiteId, name: string, askedMs: number): void {
    this.#note(() => this.#run('insert or replace into snapshot_asked values (?, ?, ?, ?)', host, suite, name, askedMs))
  }

  seen(): SeenRow[] {
    return this.#database
      .prepare('select client, host, suite, id, seen_ms seenMs from snapshot_seen order by seen_ms')
      .all() as SeenRow[]
  }

  see({ client, host, suite, id, seenMs }: SeenRow): void {
    this.#note(() =>
      this.#run('insert or replace into snapshot_seen values (?, ?, ?, ?, ?)', client, host, suite, id, seenMs),
    )
  }

  /** Drops what clients got before a moment. */
  forgetSeen(beforeMs: number): void {
    this.#note(() => this.#run('delete from snapshot_seen where seen_ms < ?', beforeMs))
  }

  pinnedClusters(): string[] {
    return this.#database.prepare('select cluster from snapshot_pinned_clusters').pluck().all() as string[]
  }

  pins(): PinRow[] {
    return this.#database.prepare('select cluster, host, suite, id from snapshot_pins').all() as PinRow[]
  }

  /**
   * Pins a cluster to these versions, and to none of before.
   * @throws SqliteError: an admin waits for it
   */
  pinCluster(cluster: string, pins: readonly PinRow[]): void {
    this.#database.transaction(() => {
      this.unpinCluster(cluster)
      this.#run('insert into snapshot_pinned_clusters values (?)', cluster)
      for (const pin of pins) this.addPin(pin)
    })()
  }

  addPin({ cluster, host, suite, id }: PinRow): void {
    this.#note(() => this.#run('insert or replace into snapshot_pins values (?, ?, ?, ?)', cluster, host, suite, id))
  }

  unpinCluster(cluster: string): void {
    this.#run('delete from snapshot_pinned_clusters where cluster = ?', cluster)
    this.#run('delete from snapshot_pins where cluster = ?', cluster)
  }

  /** Writes all of it or nothing. */
  #note(write: () => void): void {
    try {
      this.#database.transaction(write)()
    } catch (error) {
      this.#failed(error)
    }
  }

  #run(sql: string, ...values: (string | number)[]): void {
    this.#database.prepare(sql).run(...values)
  }
}
