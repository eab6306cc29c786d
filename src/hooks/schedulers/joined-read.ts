/**
 * One list that many callers read: those who ask at about the same time share one reading, and never do two readings of the
 * list run at once.
 *
 * A caller is given a reading that began after it asked, so what it knew to be so by then (its own update was accepted, a hook
 * has come) is in there. That is why a reading that has begun takes nobody in any more, however soon after: whoever comes then
 * shares the next one, which begins when this one has ended. The price is that a caller may wait for two readings; the gain that
 * the number of readings does not depend on the number of callers.
 *
 * What is read is shared too: nobody may change it.
 */
export class JoinedRead<T> {
  readonly #fetch: () => Promise<T>
  /** Settles, and never rejects, when no reading is under way. */
  #underWay: Promise<void> = Promise.resolve()
  /** The reading that has not begun yet. */
  #next: Promise<T> | null = null

  /** @param fetch reads the list once: runs the command and parses what it printed */
  constructor(fetch: () => Promise<T>) {
    this.#fetch = fetch
  }

  /** A reading that begins after this call; rejects as `fetch` does, with all who share it. */
  read(): Promise<T> {
    this.#next ??= this.#afterThisTurn()
    return this.#next
  }

  /** If nothing is under way it begins after the code that runs now, so that calls of one `Promise.all` are one reading. */
  async #afterThisTurn(): Promise<T> {
    await this.#underWay
    this.#next = null
    const reading = this.#fetch()
    this.#underWay = reading.then(ignore, ignore)
    return reading
  }
}

function ignore(): void {}
