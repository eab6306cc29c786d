import type { Rows } from './rows.ts'

/** Milliseconds for which uses are gathered, to be written in one go. */
const gatherMs = 2000

/** Keys written at a time, so that requests are not held up. */
const slice = 256

/**
 * Counts which responses are used, and tells the rows now and then what their bodies are worth by that. What a crash or a
 * failing disk loses of it is of no matter.
 */
export class Uses {
  readonly #rows: Rows
  readonly #now: () => number
  #floor: number
  #gathered = new Map<string, { times: number; atMs: number }>()
  #timer: NodeJS.Timeout | undefined

  constructor(rows: Rows, now: () => number) {
    this.#rows = rows
    this.#now = now
    this.#floor = rows.leastValue()
  }

  /** The value of what was evicted last, see `valueOf`. */
  get floor(): number {
    return this.#floor
  }

  evicted(value: number): void {
    this.#floor = Math.max(this.#floor, value)
  }

  note(key: string): void {
    const known = this.#gathered.get(key)
    if (known) {
      known.times += 1
      return
    }
    this.#gathered.set(key, { times: 1, atMs: this.#now() })
    this.#timer ??= setTimeout(() => this.#flushSlice(), gatherMs).unref()
  }

  #flushSlice(): void {
    this.#timer = undefined
    this.#write(slice)
    if (this.#gathered.size > 0) this.#timer = setTimeout(() => this.#flushSlice(), 10).unref()
  }

  /** Writes all that is gathered. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#write(this.#gathered.size)
  }

  #write(limit: number): void {
    const batch: { key: string; times: number; atMs: number }[] = []
    for (const [key, use] of this.#gathered) {
      if (batch.length >= limit) break
      batch.push({ key, ...use })
      this.#gathered.delete(key)
    }
    if (batch.length === 0) return
    try {
      this.#rows.used(batch, this.#floor)
    } catch {
      // The rows have told of it.
    }
  }
}
