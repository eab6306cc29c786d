import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'

/** Milliseconds for which what is being served may be held up. */
const sliceMs = 10

/** Long work on the thread that serves, in slices between which all others have their turn. */
export class Slices {
  readonly #clock: Pick<Clock, 'now'>
  #begunMs: number

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    this.#begunMs = clock.now()
  }

  /** To be called before each step: undefined when it may be done at once, else resolves when it is its turn. */
  next(): Promise<void> | undefined {
    // A clock that was set back ends a slice, too.
    return Math.abs(this.#clock.now() - this.#begunMs) < sliceMs ? undefined : this.#turn()
  }

  async #turn(): Promise<void> {
    await turn()
    this.#begunMs = this.#clock.now()
  }
}
