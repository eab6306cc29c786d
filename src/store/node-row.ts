import type { ErrorCode } from '../base/errors.ts'
import type { NodeRecord, Phase } from './node-record.ts'
import type { NodesTable } from './schema.ts'

/** What is known of a life when it begins. */
export type NewLife = Pick<NodeRecord, 'id' | 'name' | 'site' | 'type' | 'costPerHour' | 'billingMs' | 'jobs'>

/** The row of a life that begins in this phase. */
export function newRow(life: NewLife, phase: Phase, tokenHash: string | null, atMs: number): NodesTable {
  return {
    id: life.id,
    name: life.name,
    site: life.site,
    type: life.type,
    host: null,
    address: null,
    leaving_at: null,
    cost_per_hour: life.costPerHour,
    billing_ms: life.billingMs,
    phase,
    began_at: atMs,
    gone_at: null,
    phase_since: atMs,
    unreachable_since: null,
    idle_since: null,
    failure_code: null,
    failure_text: null,
    failed_at: null,
    attempts: 0,
    next_attempt_at: 0,
    jobs: JSON.stringify(life.jobs),
    token_hash: tokenHash,
  }
}

/** A row as the rest of the program knows it. */
export function toRecord(row: NodesTable): NodeRecord {
  return {
    id: row.id,
    name: row.name,
    site: row.site,
    type: row.type,
    host: row.host,
    address: row.address,
    beganAtMs: row.began_at,
    costPerHour: row.cost_per_hour,
    billingMs: row.billing_ms,
    phase: row.phase as Phase,
    phaseSinceMs: row.phase_since,
    unreachableSinceMs: row.unreachable_since,
    leavingAtMs: row.leaving_at,
    idleSinceMs: row.idle_since,
    failure: row.failure_code === null ? null : { code: row.failure_code as ErrorCode, text: row.failure_text ?? '' },
    attempts: row.attempts,
    nextAttemptAtMs: row.next_attempt_at,
    jobs: JSON.parse(row.jobs) as string[],
  }
}
