import type { Expected } from '../verify/expected.ts'
import type { IncomingHead } from './port.ts'
import type { Whole } from './rows.ts'
import type { Statements } from './statements.ts'

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

/** As it is read: `head` and `completion` are JSON. */
interface Row extends Omit<PartialRow, 'head' | 'whole'> {
  readonly head: string
  readonly completion: string | null
}

const columns = 'id, head, suspended_at AS suspendedAtMs, bytes, completion'

/** The rows of transfers that could be gone on with. */
export class PartialRows {
  readonly #sql: Statements

  constructor(sql: Statements) {
    this.#sql = sql
  }

  /** A transfer that is under way, which a crash may leave. */
  note(id: string, head: IncomingHead, nowMs: number): void {
    this.#sql.run(
      'INSERT OR REPLACE INTO partials (id, key, head, suspended_at, bytes) VALUES (?, ?, ?, ?, 0)',
      id,
      head.key,
      JSON.stringify(head),
      nowMs,
    )
  }

  noteSuspended(id: string, bytes: number, nowMs: number): void {
    this.#sql.run('UPDATE partials SET bytes = ?, suspended_at = ? WHERE id = ?', bytes, nowMs, id)
  }

  /** Notes what a complete transfer is about to be kept as. */
  noteCompletion(id: string, whole: Whole): void {
    const completion = JSON.stringify({ ...whole, sums: whole.sums.toString('base64') })
    this.#sql.run('UPDATE partials SET completion = ? WHERE id = ?', completion, id)
  }

  drop(id: string): void {
    this.#sql.run('DELETE FROM partials WHERE id = ?', id)
  }

  /** What they have on disk, but for those under way. */
  bytes(): number {
    return this.#sql.get<{ bytes: number }>('SELECT coalesce(sum(bytes), 0) AS bytes FROM partials')?.bytes ?? 0
  }

  /** The transfers of a key; the one suspended last first. */
  of(key: string): PartialRow[] {
    return this.#sql.all<Row>(`SELECT ${columns} FROM partials WHERE key = ? ORDER BY suspended_at DESC`, key).map(read)
  }

  /** All transfers; the one suspended first in front. */
  all(): PartialRow[] {
    return this.#sql.all<Row>(`SELECT ${columns} FROM partials ORDER BY suspended_at`).map(read)
  }
}

function read({ head, completion, ...row }: Row): PartialRow {
  return { ...row, head: headOf(head), whole: completion === null ? undefined : wholeOf(completion) }
}

/** JSON has no undefined. */
function headOf(text: string): IncomingHead {
  const said = JSON.parse(text) as Omit<IncomingHead, 'length' | 'expected'> & { length?: number; expected?: Expected }
  return { ...said, length: said.length, expected: said.expected }
}

function wholeOf(text: string): Whole {
  const said = JSON.parse(text) as Omit<Whole, 'sums'> & { sums: string }
  return { ...said, sums: Buffer.from(said.sums, 'base64') }
}
