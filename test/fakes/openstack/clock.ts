import type { Clock } from '../../../src/base/clock.ts'

/** A clock on which sleeping takes no time: it jumps. */
export class JumpingClock implements Clock {
  readonly #base: () => number
  #skippedMs = 0

  /** @param base what it goes by besides: a fixed time, or the machine's own clock */
  constructor(base: () => number) {
    this.#base = base
  }

  now(): number {
    return this.#base() + this.#skippedMs
  }

  skip(ms: number): void {
    this.#skippedMs += ms
  }

  async sleep(ms: number): Promise<void> {
    this.skip(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
