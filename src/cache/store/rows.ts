import type { Headers } from '../headers.ts'
import type { Sums } from './blocks.ts'
import { type Candidate, valueOf } from './eviction.ts'
import type { IncomingHead, Kept, Listed, Selection } from './port.ts'
import type { Statements } from './statements.ts'

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

/** A response and its body, as they are read; `headers` is JSON. */
interface FoundRow extends BodyRow {
  readonly status: number
  readonly headers: string
  readonly validatedAtMs: number
}

const findSql = `
  SELECT r.status, r.headers, r.validated_at AS validatedAtMs, b.id, b.sha256, b.length, b.sums
  FROM responses r JOIN bodies b ON b.id = r.body WHERE r.key = ?`

const keysSql = 'SELECT key FROM responses WHERE body = ?'

const bodySql = 'SELECT id, sha256, length, sums FROM bodies WHERE sha256 = ?'

/** The rows of what is kept: responses, their bodies, pins, and the digests of what is kept no more. */
export class Rows {
  readonly #sql: Statements

  constructor(sql: Statements) {
    this.#sql = sql
  }

  find(key: string): Found | undefined {
    const row = this.#sql.get<FoundRow>(findSql, key)
    if (!row) return undefined
    const { id, sha256, length, sums, status, headers, validatedAtMs } = row
    const kept = { key, status, headers: JSON.parse(headers) as Headers, length, sha256, validatedAtMs }
    return { kept, body: { id, sha256, length, sums } }
  }

  body(sha256: string): BodyRow | undefined {
    return this.#sql.get<BodyRow>(bodySql, sha256)
  }

  /** The keys that a body is kept under. */
  keysOf(id: number): string[] {
    return this.#sql.all<{ key: string }>(keysSql, id).map(({ key }) => key)
  }

  /**
   * Makes a body the one kept for a key. What the key had before loses it.
   * @param partial The transfer that it came by, which is then over.
   * @param floor See `valueOf`.
   * @returns Which bodies nobody has any more, and whether this one was kept already.
   */
  keep(
    head: IncomingHead,
    { sha256, length, sums, fetchMs, validatedAtMs, storedAtMs }: Whole,
    floor: number,
    partial: string | undefined,
  ): { gone: GoneBody[]; known: boolean } {
    return this.#sql.together(() => {
      const known = this.body(sha256) !== undefined
      this.#sql.run(
        `INSERT INTO bodies (sha256, length, sums, fetch_ms, uses, value) VALUES (?, ?, ?, ?, 0, ?)
         ON CONFLICT (sha256) DO UPDATE SET fetch_ms = max(fetch_ms, excluded.fetch_ms), value = max(value, excluded.value)`,
        sha256,
        length,
        sums,
        fetchMs,
        valueOf({ length, uses: 0, fetchMs }, floor),
      )
      const { id } = this.body(sha256) as BodyRow
      const gone = this.#point(head, id, validatedAtMs, storedAtMs)
      if (partial !== undefined) this.#sql.run('DELETE FROM partials WHERE id = ?', partial)
      return { gone, known }
    })
  }

  /** As `keep`, for a body that is there. */
  link(kept: Omit<Kept, 'length' | 'sha256'>, body: BodyRow, nowMs: number): GoneBody[] {
    return this.#sql.together(() => this.#point(kept, body.id, kept.validatedAtMs, nowMs))
  }

  #point(
    { key, status, headers }: Pick<Kept, 'key' | 'status' | 'headers'>,
    body: number,
    validatedAtMs: number,
    nowMs: number,
  ): GoneBody[] {
    const before = this.#sql.get<FoundRow>(findSql, key)
    this.#sql.run(
      `INSERT OR REPLACE INTO responses (key, body, status, headers, validated_at, stored_at, used_at, uses)
       VALUES (?, ?, ?, ?, ?, ?, ?, 0)`,
      key,
      body,
      status,
      JSON.stringify(headers),
      validatedAtMs,
      nowMs,
      nowMs,
    )
    if (!before || before.id === body) return []
    this.#remember(key, before.sha256)
    return this.#dropIfUnused(before, key)
  }

  touch(key: string, headers: Headers, validatedAtMs: number): void {
    const text = JSON.stringify(headers)
    this.#sql.run('UPDATE responses SET headers = ?, validated_at = ? WHERE key = ?', text, validatedAtMs, key)
  }

  /** Forgets keys, and the bodies that no other key has. */
  remove(keys: readonly string[]): GoneBody[] {
    return this.#sql.together(() => keys.flatMap((key) => this.#removeOne(key)))
  }

  #removeOne(key: string): GoneBody[] {
    const row = this.#sql.get<FoundRow>(findSql, key)
    if (!row) return []
    this.#remember(key, row.sha256)
    this.#sql.run('DELETE FROM responses WHERE key = ?', key)
    return this.#dropIfUnused(row, key)
  }

  #dropIfUnused({ id, sha256, length }: BodyRow, key: string): GoneBody[] {
    if (this.#sql.get(keysSql, id) !== undefined) return []
    this.#sql.run('DELETE FROM bodies WHERE id = ?', id)
    return [{ id, sha256, length, keys: [key] }]
  }

  /** Forgets bodies, with all keys that they have. */
  dropBodies(ids: readonly number[]): GoneBody[] {
    return this.#sql.together(() => ids.flatMap((id) => this.#dropOne(id)))
  }

  #dropOne(id: number): GoneBody[] {
    const body = this.#sql.get<Omit<GoneBody, 'keys'>>('SELECT id, sha256, length FROM bodies WHERE id = ?', id)
    if (!body) return []
    const keys = this.keysOf(id)
    for (const key of keys) this.#remember(key, body.sha256)
    this.#sql.run('DELETE FROM responses WHERE body = ?', id)
    this.#sql.run('DELETE FROM bodies WHERE id = ?', id)
    return [{ ...body, keys }]
  }

  #remember(key: string, sha256: string): void {
    this.#sql.run('INSERT OR REPLACE INTO digests (key, sha256) VALUES (?, ?)', key, sha256)
  }

  lastDigest(key: string): string | undefined {
    return this.#sql.get<{ sha256: string }>(
      `SELECT b.sha256 FROM responses r JOIN bodies b ON b.id = r.body WHERE r.key = @key
         UNION ALL SELECT sha256 FROM digests WHERE key = @key LIMIT 1`,
      { key },
    )?.sha256
  }

  /** Notes uses, and what the bodies are worth now. */
  used(uses: readonly { readonly key: string; readonly times: number; readonly atMs: number }[], floor: number): void {
    this.#sql.together(() => {
      for (const { key, times, atMs } of uses) this.#usedOne(key, times, atMs, floor)
      this.#sql.run('DELETE FROM digests WHERE noted <= (SELECT max(noted) FROM digests) - ?', rememberedDigests)
    })
  }

  #usedOne(key: string, times: number, atMs: number, floor: number): void {
    this.#sql.run('UPDATE responses SET uses = uses + ?, used_at = ? WHERE key = ?', times, atMs, key)
    const body = this.#sql.get<{ id: number; length: number; uses: number; fetchMs: number }>(
      `SELECT b.id, b.length, b.uses, b.fetch_ms AS fetchMs
       FROM responses r JOIN bodies b ON b.id = r.body WHERE r.key = ?`,
      key,
    )
    if (!body) return
    const worth = { ...body, uses: body.uses + times }
    this.#sql.run('UPDATE bodies SET uses = ?, value = ? WHERE id = ?', worth.uses, valueOf(worth, floor), body.id)
  }

  /** The least valuable bodies in order, a page at a time: those after `after`. */
  cheapest(after: Pick<Candidate, 'id' | 'value'> | undefined, limit: number): Candidate[] {
    const rows = this.#sql.all<Omit<Candidate, 'pinned'> & { pinned: number }>(
      `SELECT b.id, b.sha256, b.length, b.value,
           EXISTS (SELECT 1 FROM responses r JOIN pins p ON p.key = r.key WHERE r.body = b.id) AS pinned
         FROM bodies b WHERE (b.value, b.id) > (?, ?) ORDER BY b.value, b.id LIMIT ?`,
      after?.value ?? -1,
      after?.id ?? 0,
      limit,
    )
    return rows.map((row) => ({ ...row, pinned: row.pinned === 1 }))
  }

  /** The value of the least valuable body: what the floor was when the process before ended, or a little more. */
  leastValue(): number {
    return this.#sql.get<{ least: number | null }>('SELECT min(value) AS least FROM bodies')?.least ?? 0
  }

  pin(name: string, keys: readonly string[]): void {
    this.#sql.together(() => {
      this.unpin(name)
      for (const key of keys) this.#sql.run('INSERT OR IGNORE INTO pins (name, key) VALUES (?, ?)', name, key)
    })
  }

  unpin(name: string): void {
    this.#sql.run('DELETE FROM pins WHERE name = ?', name)
  }

  /** Keys in their order, at most `limit`: those after `after`. */
  list({ prefix = '' }: Pick<Selection, 'prefix'>, after: string, limit: number): Listed[] {
    const rows = this.#sql.all<Omit<Listed, 'headers' | 'pins'> & { headers: string; pins: string }>(
      `SELECT r.key, r.status, r.headers, r.validated_at AS validatedAtMs, r.stored_at AS storedAtMs, r.used_at AS usedAtMs,
           r.uses, b.sha256, b.length, b.fetch_ms AS fetchMs,
           (SELECT json_group_array(p.name) FROM pins p WHERE p.key = r.key) AS pins
         FROM responses r JOIN bodies b ON b.id = r.body
         WHERE r.key >= @prefix AND r.key < @prefix || char(1114111) AND r.key > @after ORDER BY r.key LIMIT @limit`,
      { prefix, after, limit },
    )
    return rows.map((row) => ({
      ...row,
      headers: JSON.parse(row.headers) as Headers,
      pins: JSON.parse(row.pins) as string[],
    }))
  }

  totals(): { responses: number; bytes: number } {
    const totals = this.#sql.get<{ responses: number; bytes: number }>(
      'SELECT (SELECT count(*) FROM responses) AS responses, coalesce(sum(length), 0) AS bytes FROM bodies',
    )
    return totals ?? { responses: 0, bytes: 0 }
  }

  /** The bodies whose SHA-256 begins so, by their SHA-256. */
  bodiesIn(prefix: string): Map<string, number> {
    const rows = this.#sql.all<{ sha256: string; id: number }>(
      'SELECT sha256, id FROM bodies WHERE sha256 >= @prefix AND sha256 < @prefix || char(127)',
      { prefix },
    )
    return new Map(rows.map(({ sha256, id }) => [sha256, id]))
  }
}
