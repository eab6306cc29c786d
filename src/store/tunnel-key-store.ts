import type { Db } from './open.ts'

/** A generation of the tunnels' keys. */
export interface KeyGeneration {
  /** 0, 1, 2, ... */
  readonly generation: number
  readonly beganAtMs: number
  /** When all gateways used it; null until then. */
  readonly settledAtMs: number | null
}

/** A gateway's public key, as it told it. */
export interface ToldKey {
  readonly gateway: string
  readonly generation: number
  readonly publicKey: string
  readonly toldAtMs: number
}

/**
 * The public keys of the gateways' tunnels. They are kept so that a controller that starts knows those of gateways that it
 * can't reach: else it would cut them off from all others.
 */
export class TunnelKeyStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** The latest generation; null before the first one. */
  async latest(): Promise<KeyGeneration | null> {
    const query = this.#db.selectFrom('tunnel_generations').selectAll().orderBy('generation', 'desc').limit(1)
    const row = await query.executeTakeFirst()
    return row ? { generation: row.generation, beganAtMs: row.began_at, settledAtMs: row.settled_at } : null
  }

  async keys(): Promise<readonly ToldKey[]> {
    const rows = await this.#db.selectFrom('tunnel_keys').selectAll().orderBy('gateway').orderBy('generation').execute()
    return rows.map((row) => ({
      gateway: row.gateway,
      generation: row.generation,
      publicKey: row.public_key,
      toldAtMs: row.told_at,
    }))
  }

  /** A new generation begins. */
  async begin(generation: number, atMs: number): Promise<void> {
    await this.#db
      .insertInto('tunnel_generations')
      .values({ generation, began_at: atMs, settled_at: null })
      .onConflict((conflict) => conflict.column('generation').doNothing())
      .execute()
  }

  /** All gateways use this generation: the keys of those before are forgotten. */
  async settle(generation: number, atMs: number): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      await transaction
        .updateTable('tunnel_generations')
        .set({ settled_at: atMs })
        .where('generation', '=', generation)
        .execute()
      await transaction.deleteFrom('tunnel_keys').where('generation', '<', generation).execute()
    })
  }

  /** A gateway told a key; another one that it told before for the same generation is forgotten. */
  async save({ gateway, generation, publicKey, toldAtMs }: ToldKey): Promise<void> {
    const told = { public_key: publicKey, told_at: toldAtMs }
    await this.#db
      .insertInto('tunnel_keys')
      .values({ gateway, generation, ...told })
      .onConflict((conflict) => conflict.columns(['gateway', 'generation']).doUpdateSet(told))
      .execute()
  }

  /** Forgets the keys of all other gateways. */
  async keepOnly(gateways: readonly string[]): Promise<void> {
    await this.#db
      .deleteFrom('tunnel_keys')
      .where('gateway', 'not in', [...gateways, ''])
      .execute()
  }
}
