/**
 * How soon to look again at something that may change without anyone telling: soon at first, less and less so the longer it has
 * been as it is.
 * @param leastMs the shortest pause, ms
 * @param lastedMs for how long it has been so, ms
 */
export function patienceMs(leastMs: number, lastedMs: number): number {
  return Math.max(leastMs, lastedMs / 20)
}

/** What was not so for this long has ended, ms; for less it was only not seen: an act was under way, a reading failed. */
const forgetMs = 60_000

/** Remembers for how long things have been as they are, from one look to the next. */
export class Lasting {
  readonly #things = new Map<string, { readonly sinceMs: number; readonly seenMs: number }>()

  /**
   * Takes down what is so now.
   * @returns how long the youngest of them has lasted, ms; null when there is none
   */
  look(things: Iterable<string>, now: number): number | null {
    for (const [thing, { seenMs }] of this.#things) if (now - seenMs > forgetMs) this.#things.delete(thing)
    let youngestMs: number | null = null
    for (const thing of things) {
      const sinceMs = this.#things.get(thing)?.sinceMs ?? now
      this.#things.set(thing, { sinceMs, seenMs: now })
      youngestMs = Math.min(youngestMs ?? Infinity, now - sinceMs)
    }
    return youngestMs
  }
}
