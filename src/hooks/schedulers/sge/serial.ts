/** Does one thing after the other, in the order of the calls, whatever becomes of each. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act, act)
    this.#last = done
    return done
  }
}

/** Gathers what many callers want done while something else goes on, and does it at once for all of them. */
export class Batch<T> {
  readonly #act: (items: readonly T[]) => Promise<void>
  readonly #serial: Serial
  #next: { items: T[]; done: Promise<void> } | null = null

  /** @param act what is done with all that has been gathered; all callers share how it ends */
  constructor(serial: Serial, act: (items: readonly T[]) => Promise<void>) {
    this.#serial = serial
    this.#act = act
  }

  add(items: readonly T[]): Promise<void> {
    if (items.length === 0) return Promise.resolve()
    if (this.#next) {
      this.#next.items.push(...items)
      return this.#next.done
    }
    const gathered = [...items]
    const done = this.#serial.run(async () => {
      this.#next = null
      await this.#act(gathered)
    })
    this.#next = { items: gathered, done }
    return done
  }
}
