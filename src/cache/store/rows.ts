import type { CacheDatabase, Statement } from '../database.ts'
import type { Headers } from '../headers.ts'
import type { Expected } from '../verify/expected.ts'
import type { Sums } from './blocks.ts'
import { type Candidate, valueOf } from './eviction.ts'
import type { IncomingHead, Kept, Listed, Selection } from './port.ts'

/** Keys whose last digest is remembered after they have gone. */
const rememberedDigests = 200_000

/** A body that is kept. */
export interface BodyRow {
  readonly id: number
  readonly sha256: string
  readonly length: number
  readonly sums: Sums
}

/** What is kept for a key, and where. */
export interface Found {
  readonly kept: Kept
  readonly body: BodyRow
}

/** A body that has gone from the rows: its file is to follow. */
export interface GoneBody {
  readonly id: number
  readonly sha256: string
  readonly length: number
  /** The keys that it was kept under. */
  readonly keys: readonly string[]
}

/** All that is to be known of a response once its body is complete. */
export interface Whole {
  readonly sha256: string
  readonly length: number
  readonly sums: Sums
  readonly fetchMs: number
  readonly validatedAtMs: number
  readonly storedAtMs: number
}

/** A broken-off transfer, or one that was under way when the process died. */
export interface PartialRow {
  readonly id: string
  readonly head: IncomingHead
  readonly suspendedAtMs: number
  /** What it has on disk; 0 while it is under way. */
  readonly bytes: number
  /** Set once it was complete: it is to be finished. */
  readonly whole: Whole | undefined
}

type Row = Record<string, unknown>

/** The store's rows. All at once and in the calling thread: each takes microseconds. */
export class Rows {
  readonly #db: CacheDatabase
  readonly #prepared = new Map<string, Statement>()
  readonly #find
  readonly #bodyByDigest
  readonly #keysOf
  readonly #addBody
  readonly #setResponse
  readonly #useResponse
  readonly #worth
  readonly #setValue
  readonly #touch

  constructor(db: CacheDatabase) {
    this.#db = db
    this.#find = db.prepare(
      `SELECT r.status, r.headers, r.validated_at, b.id, b.sha256, b.length, b.sums
       FROM responses r JOIN bodies b ON b.id = r.body WHERE r.key = ?`,
    )
    this.#bodyByDigest = db.prepare('SELECT id, sha256, length, sums FROM bodies WHERE sha256 = ?')
    this.#keysOf = db.prepare('SELECT key FROM responses WHERE body = ?').pluck()
    this.#addBody = db.prepare(
      `INSERT INTO bodies (sha256, length, sums, fetch_ms, uses, value) VALUES (?, ?, ?, ?, 0, ?)
       ON CONFLICT (sha256) DO UPDATE SET fetch_ms = max(fetch_ms, excluded.fetch_ms), value = max(value, excluded.value)
       RETURNING id`,
    )
    this.#setResponse = db.prepare(
      `INSERT OR REPLACE INTO responses (key, body, status, headers, validated_at, stored_at, used_at, uses)
       VALUES (?, ?, ?, ?, ?, ?, ?, 0)`,
    )
    this.#useResponse = db.prepare('UPDATE responses SET uses = uses + ?, used_at = ? WHERE key = ? RETURNING body')
    this.#worth = db.prepare('SELECT length, uses, fetch_ms AS fetchMs FROM bodies WHERE id = ?')
    this.#setValue = db.prepare('UPDATE bodies SET uses = ?, value = ? WHERE id = ?')
    this.#touch = db.prepare('UPDATE responses SET headers = ?, validated_at = ? WHERE key = ?')
  }

  /** A statement, prepared once. */
  #sql(text: string): Statement {
    const known = this.#prepared.get(text)
    if (known) return known
    const statement = this.#db.prepare(text)
    this.#prepared.set(text, statement)
    return statement
  }

  find(key: string): Found | undefined {
    const row = this.#find.get(key) as Row | undefined
    if (!row) return undefined
    const body = bodyOf(row)
    const kept: Kept = {
      key,
      status: row['status'] as number,
      headers: JSON.parse(row['headers'] as string) as Headers,
      length: body.length,
      sha256: body.sha256,
      validatedAtMs: row['validated_at'] as number,
    }
    return { kept, body }
  }

  body(sha256: string): BodyRow | undefined {
    const row = this.#bodyByDigest.get(sha256) as Row | undefined
    return row && bodyOf(row)
  }

  /** The keys that a body is kept under. */
  keysOf(id: number): string[] {
    return this.#keysOf.all(id) as string[]
  }

  /**
   * Makes a body the one kept for a key. What the key had before loses it.
   * @param partial The transfer that it came by, which is then over.
   * @param floor See `valueOf`.
   */
  keep(head: IncomingHead, whole: Whole, floor: number, partial: string | undefined) {
    return this.#db.transaction(() => {
      const known = this.#bodyByDigest.get(whole.sha256) !== undefined
      const value = valueOf({ length: whole.length, uses: 0, fetchMs: whole.fetchMs }, floor)
      const added = this.#addBody.get(whole.sha256, whole.length, whole.sums, whole.fetchMs, value) as Row
      const gone = this.#point(head, added['id'] as number, whole.validatedAtMs, whole.storedAtMs)
      if (partial !== undefined) this.#sql('DELETE FROM partials WHERE id = ?').run(partial)
      return { gone, known }
    })()
  }

  /** As `keep`, for a body that is there. */
  link(kept: Omit<Kept, 'length' | 'sha256'>, body: BodyRow, nowMs: number): GoneBody[] {
    return this.#db.transaction(() => this.#point(kept, body.id, kept.validatedAtMs, nowMs))()
  }

  #point(
    { key, status, headers }: Pick<Kept, 'key' | 'status' | 'headers'>,
    body: number,
    validatedAtMs: number,
    nowMs: number,
  ): GoneBody[] {
    const before = this.#find.get(key) as Row | undefined
    this.#setResponse.run(key, body, status, JSON.stringify(headers), validatedAtMs, nowMs, nowMs)
    if (!before || before['id'] === body) return []
    this.#remember(key, before['sha256'] as string)
    return this.#dropIfUnused(bodyOf(before), [key])
  }

  touch(key: string, headers: Headers, validatedAtMs: number): void {
    this.#touch.run(JSON.stringify(headers), validatedAtMs, key)
  }

  /** Forgets keys, and the bodies that no other key has. */
  remove(keys: readonly string[]): GoneBody[] {
    return this.#db.transaction(() => keys.flatMap((key) => this.#removeOne(key)))()
  }

  #removeOne(key: string): GoneBody[] {
    const row = this.#find.get(key) as Row | undefined
    if (!row) return []
    this.#remember(key, row['sha256'] as string)
    this.#sql('DELETE FROM responses WHERE key = ?').run(key)
    return this.#dropIfUnused(bodyOf(row), [key])
  }

  #dropIfUnused(body: BodyRow, keys: readonly string[]): GoneBody[] {
    if (this.#keysOf.get(body.id) !== undefined) return []
    this.#sql('DELETE FROM bodies WHERE id = ?').run(body.id)
    return [{ id: body.id, sha256: body.sha256, length: body.length, keys }]
  }

  /** Forgets bodies, with all keys that they have. */
  dropBodies(ids: readonly number[]): GoneBody[] {
    return this.#db.transaction(() =>
      ids.flatMap((id) => {
        const row = this.#sql('SELECT id, sha256, length, sums FROM bodies WHERE id = ?').get(id) as Row | undefined
        if (!row) return []
        const body = bodyOf(row)
        const keys = this.#keysOf.all(id) as string[]
        for (const key of keys) this.#remember(key, body.sha256)
        this.#sql('DELETE FROM responses WHERE body = ?').run(id)
        this.#sql('DELETE FROM bodies WHERE id = ?').run(id)
        return [{ id, sha256: body.sha256, length: body.length, keys }]
      }),
    )()
  }

  #remember(key: string, sha256: string): void {
    this.#sql('INSERT OR REPLACE INTO digests (key, sha256) VALUES (?, ?)').run(key, sha256)
  }

  lastDigest(key: string): string | undefined {
    return this.#sql(
      `SELECT b.sha256 FROM responses r JOIN bodies b ON b.id = r.body WHERE r.key = @key
         UNION ALL SELECT sha256 FROM digests WHERE key = @key LIMIT 1`,
    )
      .pluck()
      .get({ key }) as string | undefined
  }

  /** Notes uses, and what the bodies are worth now. */
  used(uses: readonly { readonly key: string; readonly times: number; readonly atMs: number }[], floor: number): void {
    this.#db.transaction(() => {
      for (const { key, times, atMs } of uses) {
        const row = this.#useResponse.get(times, atMs, key) as Row | undefined
        if (!row) continue
        const worth = this.#worth.get(row['body']) as { length: number; uses: number; fetchMs: number }
        const total = worth.uses + times
        this.#setValue.run(total, valueOf({ ...worth, uses: total }, floor), row['body'])
      }
      this.#sql('DELETE FROM digests WHERE noted <= (SELECT max(noted) FROM digests) - ?').run(rememberedDigests)
    })()
  }

  /** The least valuable bodies in order, a page at a time: those after `after`. */
  cheapest(after: Pick<Candidate, 'id' | 'value'> | undefined, limit: number): Candidate[] {
    const rows = this.#sql(
      `SELECT b.id, b.sha256, b.length, b.value,
           EXISTS (SELECT 1 FROM responses r JOIN pins p ON p.key = r.key WHERE r.body = b.id) AS pinned
         FROM bodies b WHERE (b.value, b.id) > (?, ?) ORDER BY b.value, b.id LIMIT ?`,
    ).all(after?.value ?? -1, after?.id ?? 0, limit) as (Omit<Candidate, 'pinned'> & { pinned: number })[]
    return rows.map((row) => ({ ...row, pinned: row.pinned === 1 }))
  }

  /** The value of the least valuable body: what the floor was when the process before ended, or a little more. */
  leastValue(): number {
    return (this.#sql('SELECT min(value) FROM bodies').pluck().get() as number | null) ?? 0
  }

  pin(name: string, keys: readonly string[]): void {
    const add = this.#sql('INSERT OR IGNORE INTO pins (name, key) VALUES (?, ?)')
    this.#db.transaction(() => {
      this.unpin(name)
      for (const key of keys) add.run(name, key)
    })()
  }

  unpin(name: string): void {
    this.#sql('DELETE FROM pins WHERE name = ?').run(name)
  }

  /** Keys in their order, a page at a time: those after `after`. */
  list({ prefix = '', limit = -1 }: Selection, after: string | undefined): Listed[] {
    const rows = this.#sql(
      `SELECT r.key, r.status, r.headers, r.validated_at, r.stored_at, r.used_at, r.uses, b.sha256, b.length, b.fetch_ms,
           (SELECT json_group_array(p.name) FROM pins p WHERE p.key = r.key) AS pins
         FROM responses r JOIN bodies b ON b.id = r.body
         WHERE r.key >= @prefix AND r.key < @prefix || char(1114111) AND r.key > @after ORDER BY r.key LIMIT @limit`,
    ).all({ prefix, after: after ?? '', limit }) as Row[]
    return rows.map((row) => ({
      key: row['key'] as string,
      status: row['status'] as number,
      headers: JSON.parse(row['headers'] as string) as Headers,
      length: row['length'] as number,
      sha256: row['sha256'] as string,
      validatedAtMs: row['validated_at'] as number,
      storedAtMs: row['stored_at'] as number,
      usedAtMs: row['used_at'] as number,
      uses: row['uses'] as number,
      fetchMs: row['fetch_ms'] as number,
      pins: JSON.parse(row['pins'] as string) as string[],
    }))
  }

  totals(): { responses: number; bytes: number } {
    return this.#sql(
      'SELECT (SELECT count(*) FROM responses) AS responses, coalesce(sum(length), 0) AS bytes FROM bodies',
    ).get() as { responses: number; bytes: number }
  }

  /** The bodies whose SHA-256 begins so, by their SHA-256. */
  bodiesIn(prefix: string): Map<string, number> {
    const rows = this.#sql(
      'SELECT sha256, id FROM bodies WHERE sha256 >= @prefix AND sha256 < @prefix || char(127)',
    ).all({ prefix }) as { sha256: string; id: number }[]
    return new Map(rows.map(({ sha256, id }) => [sha256, id]))
  }

  notePartial(id: string, head: IncomingHead, nowMs: number): void {
    this.#sql('INSERT OR REPLACE INTO partials (id, key, head, suspended_at, bytes) VALUES (?, ?, ?, ?, 0)').run(
      id,
      head.key,
      JSON.stringify(head),
      nowMs,
    )
  }

  noteSuspended(id: string, bytes: number, nowMs: number): void {
    this.#sql('UPDATE partials SET bytes = ?, suspended_at = ? WHERE id = ?').run(bytes, nowMs, id)
  }

  /** Notes what a complete transfer is about to be kept as. */
  noteCompletion(id: string, whole: Whole): void {
    const completion = JSON.stringify({ ...whole, sums: whole.sums.toString('base64') })
    this.#sql('UPDATE partials SET completion = ? WHERE id = ?').run(completion, id)
  }

  dropPartial(id: string): void {
    this.#sql('DELETE FROM partials WHERE id = ?').run(id)
  }

  partialBytes(): number {
    return this.#sql('SELECT coalesce(sum(bytes), 0) FROM partials').pluck().get() as number
  }

  /** The transfers of a key, or all; the one suspended last first. */
  partials(key?: string): PartialRow[] {
    const where = key === undefined ? '' : 'WHERE key = @key'
    const rows = this.#sql(`SELECT * FROM partials ${where} ORDER BY suspended_at DESC`).all(
      key === undefined ? {} : { key },
    ) as Row[]
    return rows.map((row) => ({
      id: row['id'] as string,
      head: headOf(row['head'] as string),
      suspendedAtMs: row['suspended_at'] as number,
      bytes: row['bytes'] as number,
      whole: wholeOf(row['completion'] as string | null),
    }))
  }
}

function bodyOf(row: Row): BodyRow {
  return {
    id: row['id'] as number,
    sha256: row['sha256'] as string,
    length: row['length'] as number,
    sums: row['sums'] as Buffer,
  }
}

function headOf(text: string): IncomingHead {
  const said = JSON.parse(text) as Omit<IncomingHead, 'length' | 'expected'> & { length?: number; expected?: Expected }
  return { ...said, length: said.length, expected: said.expected }
}

function wholeOf(text: string | null): Whole | undefined {
  if (text === null) return undefined
  const said = JSON.parse(text) as Omit<Whole, 'sums'> & { sums: string }
  return { ...said, sums: Buffer.from(said.sums, 'base64') }
}
