/** What was used last, up to a limit of weight; what was unused for longest goes first. */
export class Lru<Value> {
  readonly #limit: number
  readonly #gone: (value: Value) => void
  readonly #entries = new Map<string, { readonly value: Value; readonly weight: number }>()
  #weight = 0

  /** @param gone Told of each value that leaves, whatever makes it leave. */
  constructor(limit: number, gone: (value: Value) => void = () => {}) {
    this.#limit = limit
    this.#gone = gone
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: string, value: Value, weight: number): void {
    this.delete(key)
    this.#entries.set(key, { value, weight })
    this.#weight += weight
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#limit) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#weight -= entry.weight
    this.#gone(entry.value)
  }

  clear(): void {
    for (const key of this.#entries.keys()) this.delete(key)
  }
}
