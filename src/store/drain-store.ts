import type { Db } from './open.ts'

/** A site, or a host of its pool, that takes no new nodes and whose nodes go when their jobs have ended. */
export interface Drain {
  readonly site: string
  /** Null: the whole site. */
  readonly host: string | null
  /** Why, in the admin's words; '' if they gave none. */
  readonly reason: string
  /** Since when, ms since the epoch. */
  readonly sinceMs: number
}

/** The drains that admins have ordered: they last until they are taken back, over restarts of the controller. */
export class DrainStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** All of them, by site and host. */
  async all(): Promise<readonly Drain[]> {
    const rows = await this.#db.selectFrom('drains').selectAll().orderBy('site').orderBy('host').execute()
    return rows.map(({ site, host, reason, since }) => ({ site, host, reason, sinceMs: since }))
  }

  /** Drains; of one that is drained already only the reason changes. */
  async begin({ site, host, reason, sinceMs }: Drain): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const { numUpdatedRows } = await transaction
        .updateTable('drains')
        .set({ reason })
        .where('site', '=', site)
        .where('host', 'is', host)
        .executeTakeFirst()
      if (numUpdatedRows > 0n) return
      await transaction.insertInto('drains').values({ site, host, reason, since: sinceMs }).execute()
    })
  }

  /**
   * Takes a drain back.
   * @returns whether there was one
   */
  async end(site: string, host: string | null): Promise<boolean> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('drains')
      .where('site', '=', site)
      .where('host', 'is', host)
      .executeTakeFirst()
    return numDeletedRows > 0n
  }
}
