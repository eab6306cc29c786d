import type { Kind } from '../formats/kinds.ts'
import type { Origin } from '../origins.ts'

/** What a question waits for. */
export interface Awaited {
  readonly origin: Origin
  /** Path and query. */
  readonly path: string
  readonly kind?: Kind | undefined
}

/** What the parent is being asked for at the moment. */
export class AtParent {
  /** How many times over, by name. */
  readonly #asked = new Map<string, number>()

  /** Whether what somebody waits for may be waiting for the parent. */
  has(awaited: Awaited): boolean {
    return this.#asked.has(nameOf(awaited))
  }

  /** Notes it until the parent has answered. */
  async during<T>(awaited: Awaited, asking: Promise<T>): Promise<T> {
    const name = nameOf(awaited)
    this.#asked.set(name, (this.#asked.get(name) ?? 0) + 1)
    try {
      return await asking
    } finally {
      const left = (this.#asked.get(name) ?? 1) - 1
      if (left > 0) this.#asked.set(name, left)
      else this.#asked.delete(name)
    }
  }
}

/** A file by itself; of indexes all that an origin has, since who waits for one may be waiting for another of its suite. */
function nameOf({ origin, path, kind }: Awaited): string {
  return kind === 'index' ? origin.host : `${origin.host}${path}`
}
