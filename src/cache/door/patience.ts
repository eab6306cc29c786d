import type { Clock } from '../../base/clock.ts'

/**
 * How long clients wait for an answer when there is another to fall back on. The time counts from when the first of them
 * began to wait, so that whoever comes while an origin is silent doesn't wait all over again.
 */
export class Patience {
  readonly #ms: number
  readonly #clock: Clock
  /** For each answer that is awaited: resolves when it is late. */
  readonly #ends = new WeakMap<Promise<unknown>, Promise<undefined>>()

  /** @param ms Milliseconds. */
  constructor(ms: number, clock: Clock) {
    this.#ms = ms
    this.#clock = clock
  }

  /** The answer, or undefined when it is late; what comes of it then is for somebody else. Rejects as the answer does. */
  wait<T>(answer: Promise<T>): Promise<T | undefined> {
    let end = this.#ends.get(answer)
    if (!end) {
      const settled = new AbortController()
      const stop = () => settled.abort()
      answer.then(stop, stop)
      end = this.#clock.sleep(this.#ms, settled.signal).then(() => undefined)
      this.#ends.set(answer, end)
    }
    return Promise.race([answer, end])
  }
}
