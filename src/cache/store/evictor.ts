import type { AtHand } from './at-hand.ts'
import type { Bodies } from './bodies.ts'
import { type Candidate, chooseVictims } from './eviction.ts'
import { type Layout, unlinkIfThere } from './layout.ts'
import type { Partials } from './partials.ts'
import type { GoneBody, Rows } from './rows.ts'
import type { Trouble } from './trouble.ts'
import type { Uses } from './uses.ts'

/** Bodies looked at in one step. */
const pageSize = 64

export interface EvictorDeps {
  readonly layout: Layout
  readonly rows: Rows
  readonly partials: Partials
  readonly bodies: Bodies
  readonly atHand: AtHand
  readonly uses: Uses
  readonly trouble: Trouble
}

/** Throws away what is worth least. */
export class Evictor {
  readonly #deps: EvictorDeps
  #evictedBytes = 0

  constructor(deps: EvictorDeps) {
    this.#deps = deps
  }

  /** Bytes that went since the start. */
  get evictedBytes(): number {
    return this.#evictedBytes
  }

  /**
   * What was broken off long ago goes first, then bodies by their value, then what was broken off lately.
   * @param need Bytes that are to become free.
   * @returns How many did: less when nothing more may go.
   */
  async evict(need: number): Promise<number> {
    const { partials } = this.#deps
    let freed = await partials.evict(need, 'old')
    if (freed < need) freed += await this.#evictBodies(need - freed)
    if (freed < need) freed += await partials.evict(need - freed, 'all')
    this.#evictedBytes += freed
    return freed
  }

  async #evictBodies(need: number): Promise<number> {
    const { rows, atHand, uses } = this.#deps
    let freed = 0
    uses.flush()
    for (let after: { id: number; value: number } | undefined; freed < need; ) {
      const page = rows.cheapest(after, pageSize)
      const victims = chooseVictims(page, need - freed, (id) => atHand.isRead(id))
      freed += await this.#throwAway(victims)
      for (const { value } of victims) uses.evicted(value)
      after = page.at(-1)
      if (page.length < pageSize) break
    }
    return freed
  }

  async #throwAway(victims: readonly Candidate[]): Promise<number> {
    if (victims.length === 0) return 0
    const gone = await this.#dropRows(victims)
    await this.#deps.bodies.release(gone)
    return gone.reduce((sum, { length }) => sum + length, 0)
  }

  async #dropRows(victims: readonly Candidate[]): Promise<GoneBody[]> {
    const { rows, layout, atHand } = this.#deps
    const ids = victims.map(({ id }) => id)
    try {
      return rows.dropBodies(ids)
    } catch {
      // A disk that is full to the last byte takes no change of rows. Files first, then: rows without files do no harm.
      for (const { id, sha256 } of victims) {
        for (const key of rows.keysOf(id)) atHand.forget(key)
        await unlinkIfThere(layout.body(sha256))
      }
      await atHand.closed()
      return rows.dropBodies(ids)
    }
  }
}
