import type { Stored } from './stored.ts'

/** The small kept bodies that were asked for last, in memory, up to a number of bytes. */
export class SmallBodies {
  readonly #limit: number
  readonly #entries = new Map<string, Stored>()
  #bytes = 0

  /** @param limit Bytes of bodies, overhead not counted. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get(url: string): Stored | undefined {
    const entry = this.#entries.get(url)
    if (entry) {
      this.#entries.delete(url)
      this.#entries.set(url, entry)
    }
    return entry
  }

  set(url: string, entry: Stored): void {
    this.delete(url)
    this.#entries.set(url, entry)
    this.#bytes += entry.length
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#limit) break
      this.delete(oldest)
    }
  }

  delete(url: string): void {
    const entry = this.#entries.get(url)
    if (!entry) return
    this.#entries.delete(url)
    this.#bytes -= entry.length
  }
}
