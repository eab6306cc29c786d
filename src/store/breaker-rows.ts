import type { Kysely } from 'kysely'
import type { BreakerRecord } from './node-record.ts'
import type { Schema } from './schema.ts'

/** All breakers that are not at rest, by site and type. */
export async function readBreakers(db: Kysely<Schema>): Promise<Map<string, BreakerRecord>> {
  const rows = await db.selectFrom('breakers').selectAll().execute()
  return new Map(
    rows.map(({ site, type, failures, closed_until }) => [
      `${site}/${type}`,
      { site, type, failures, closedUntilMs: closed_until },
    ]),
  )
}

/** Replaces a type's breaker. */
export async function writeBreaker(db: Kysely<Schema>, breaker: BreakerRecord): Promise<void> {
  const values = { failures: breaker.failures, closed_until: breaker.closedUntilMs }
  await db
    .insertInto('breakers')
    .values({ site: breaker.site, type: breaker.type, ...values })
    .onConflict((conflict) => conflict.columns(['site', 'type']).doUpdateSet(values))
    .execute()
}
