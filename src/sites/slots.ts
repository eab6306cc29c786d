/** Lets at most `limit` tasks run at once; the others wait in the order in which they came. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(limit: number) {
    this.#free = limit
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await task()
    } finally {
      // The slot goes straight to the next in line, so that nobody overtakes.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}
