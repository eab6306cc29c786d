import { sql } from 'kysely'
import type { Db } from './open.ts'

/** The longest time that can be charged for at once, ms. */
const monthMs = 31 * 86_400_000

/** A period of costs, ms since the epoch; `site` null: at all sites. */
export interface Period {
  readonly startMs: number
  readonly endMs: number
  readonly site: string | null
}

/** When each name last failed, for failures after `sinceMs`. */
export async function lastFailures(db: Db, sinceMs: number): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('nodes')
    .select(['name', 'failed_at'])
    .where('failed_at', '>', sinceMs)
    .orderBy('failed_at')
    .execute()
  return new Map(rows.map((row) => [row.name, Number(row.failed_at)]))
}

/** When the last life of each name ended, of the names whose last life ended after a time (ms since the epoch). */
export async function lastGone(db: Db, sinceMs: number): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('nodes')
    .select(['name', 'gone_at'])
    .where('gone_at', 'is not', null)
    .where('gone_at', '>', sinceMs)
    .orderBy('gone_at')
    .execute()
  return new Map(rows.map((row) => [row.name, Number(row.gone_at)]))
}

/**
 * What the lives that are over have cost within a period: charged times counted whole, as `costWithin` of the planner has it
 * for those that go on.
 */
export async function spent(db: Db, period: Period): Promise<number> {
  const { startMs, endMs, site } = period
  const charged = sql<number>`case when billing_ms > 0
    then ((gone_at - began_at + billing_ms - 1) / billing_ms) * billing_ms
    else gone_at - began_at end`
  const within = sql<number>`max(0, min(began_at + ${charged}, ${endMs}) - max(began_at, ${startMs}))`
  const row = await db
    .selectFrom('nodes')
    .select(sql<number | null>`sum(${within} / 3600000.0 * cost_per_hour)`.as('cost'))
    .where('gone_at', 'is not', null)
    // A charged time may reach beyond the end of a life, but no further than its own length, which is a month at most.
    .where('gone_at', '>', startMs - monthMs)
    .$if(site !== null, (query) => query.where('site', '=', site))
    .executeTakeFirst()
  return row?.cost ?? 0
}
