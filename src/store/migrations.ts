import { type Kysely, sql } from 'kysely'
import type { Migration, MigrationProvider } from 'kysely/migration'

const first: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('nodes')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('site', 'text', (c) => c.notNull())
      .addColumn('type', 'text', (c) => c.notNull())
      .addColumn('cost_per_hour', 'real', (c) => c.notNull())
      .addColumn('billing_ms', 'bigint', (c) => c.notNull())
      .addColumn('began_at', 'bigint', (c) => c.notNull())
      .addColumn('gone_at', 'bigint')
      .addColumn('phase', 'text', (c) => c.notNull())
      .addColumn('phase_since', 'bigint', (c) => c.notNull())
      .addColumn('unreachable_since', 'bigint')
      .addColumn('idle_since', 'bigint')
      .addColumn('failure_code', 'text')
      .addColumn('failure_text', 'text')
      .addColumn('failed_at', 'bigint')
      .addColumn('attempts', 'integer', (c) => c.notNull())
      .addColumn('next_attempt_at', 'bigint', (c) => c.notNull())
      .addColumn('jobs', 'text', (c) => c.notNull())
      .addColumn('token_hash', 'text')
      .execute()
    await db.schema.createIndex('nodes_name').on('nodes').column('name').execute()
    await db.schema.createIndex('nodes_failed_at').on('nodes').column('failed_at').execute()
    // What a period has cost is asked for in every round.
    await db.schema
      .createIndex('nodes_gone_at')
      .on('nodes')
      .column('gone_at')
      .where(sql.ref('gone_at'), 'is not', null)
      .execute()
    // Past lives add up; every round reads the others.
    await db.schema
      .createIndex('nodes_live')
      .on('nodes')
      .column('id')
      .where(sql.ref('phase'), '!=', sql.lit('gone'))
      .execute()
    await db.schema
      .createTable('events')
      .addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement())
      .addColumn('at', 'bigint', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('site', 'text')
      .addColumn('node_id', 'text')
      .addColumn('node_name', 'text')
      .addColumn('code', 'text', (c) => c.notNull())
      .addColumn('text', 'text', (c) => c.notNull())
      .addColumn('facts', 'text', (c) => c.notNull())
      .addColumn('jobs', 'text', (c) => c.notNull())
      .execute()
    await db.schema.createIndex('events_node').on('events').column('node_id').execute()
    await db.schema
      .createTable('jobs')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('user', 'text', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('submitted_at', 'bigint', (c) => c.notNull())
      .addColumn('started_at', 'bigint')
      .addColumn('ended_at', 'bigint')
      .addColumn('nodes', 'text', (c) => c.notNull())
      .addColumn('seen_at', 'bigint', (c) => c.notNull())
      .execute()
    await db.schema
      .createTable('breakers')
      .addColumn('site', 'text', (c) => c.notNull())
      .addColumn('type', 'text', (c) => c.notNull())
      .addColumn('failures', 'integer', (c) => c.notNull())
      .addColumn('closed_until', 'bigint')
      .addPrimaryKeyConstraint('breakers_key', ['site', 'type'])
      .execute()
  },
}

const tunnelKeys: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('tunnel_generations')
      .addColumn('generation', 'integer', (c) => c.primaryKey())
      .addColumn('began_at', 'bigint', (c) => c.notNull())
      .addColumn('settled_at', 'bigint')
      .execute()
    await db.schema
      .createTable('tunnel_keys')
      .addColumn('gateway', 'text', (c) => c.notNull())
      .addColumn('generation', 'integer', (c) => c.notNull())
      .addColumn('public_key', 'text', (c) => c.notNull())
      .addColumn('told_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('tunnel_keys_key', ['gateway', 'generation'])
      .execute()
  },
}

const hosts: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('nodes').addColumn('host', 'text').execute()
    await db.schema.alterTable('nodes').addColumn('address', 'text').execute()
    await db.schema.alterTable('nodes').addColumn('leaving_at', 'bigint').execute()
    await db.schema
      .createTable('drains')
      .addColumn('site', 'text', (c) => c.notNull())
      .addColumn('host', 'text')
      .addColumn('reason', 'text', (c) => c.notNull())
      .addColumn('since', 'bigint', (c) => c.notNull())
      .execute()
    // Two nulls are not equal to SQLite, and a site is to be drained only once.
    await db.schema.createIndex('drains_key').on('drains').expression(sql`site, coalesce(host, '')`).unique().execute()
  },
}

/** The steps from an empty database to the current schema, in order of their names. */
export const migrations: MigrationProvider = {
  getMigrations: async () => ({ '001-first': first, '002-tunnel-keys': tunnelKeys, '003-hosts': hosts }),
}
