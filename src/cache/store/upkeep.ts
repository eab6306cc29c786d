import type { Bodies } from './bodies.ts'
import { isHarmed } from './harm.ts'
import { inspect } from './inspect.ts'
import type { Layout } from './layout.ts'
import type { Listed, Purged, Selection, Verified } from './port.ts'
import type { Rows } from './rows.ts'

/** Keys read at a time. */
const pageSize = 200

export interface UpkeepDeps {
  readonly layout: Layout
  readonly rows: Rows
  readonly bodies: Bodies
}

/** What an admin asks of all that is kept: going through it, comparing it with its digests, getting rid of it. */
export class Upkeep {
  readonly #deps: UpkeepDeps

  constructor(deps: UpkeepDeps) {
    this.#deps = deps
  }

  *each(selection: Selection): Generator<Listed> {
    for (const page of this.#pages(selection)) yield* page
  }

  *#pages({ prefix = '', limit = Number.POSITIVE_INFINITY }: Selection): Generator<Listed[]> {
    let after = ''
    for (let left = limit; left > 0; ) {
      const page = this.#deps.rows.list({ prefix }, after, Math.min(left, pageSize))
      const last = page.at(-1)
      if (!last) return
      yield page
      left -= page.length
      after = last.key
    }
  }

  async verify(selection: Selection, progress?: (soFar: Verified) => void): Promise<Verified> {
    let [responses, bytes] = [0, 0]
    const damaged: string[] = []
    for (const { key, length } of this.each(selection)) {
      // It may have gone with another key that had the same body.
      if (damaged.includes(key)) continue
      damaged.push(...(await this.#verifyOne(key)))
      responses += 1
      bytes += length
      progress?.({ responses, bytes, damaged: [...damaged] })
    }
    return { responses, bytes, damaged }
  }

  /** @returns The keys that were damaged with it. */
  async #verifyOne(key: string): Promise<readonly string[]> {
    const { layout, rows, bodies } = this.#deps
    const body = rows.find(key)?.body
    if (!body) return []
    const path = layout.body(body.sha256)
    try {
      await inspect(path, body)
      return []
    } catch (error) {
      if (rows.find(key)?.body.id !== body.id) return []
      const keys = await bodies.failed(body, error)
      if (!isHarmed(error, path)) throw error
      return keys
    }
  }

  /** @param removeAll Forgets keys. */
  async purge(selection: Selection, removeAll: (keys: readonly string[]) => Promise<void>): Promise<Purged> {
    let [removed, pinned] = [0, 0]
    for (const page of this.#pages(selection)) {
      const keys = page.filter(({ pins }) => pins.length === 0).map(({ key }) => key)
      await removeAll(keys)
      removed += keys.length
      pinned += page.length - keys.length
    }
    return { removed, pinned }
  }
}
