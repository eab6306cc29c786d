import type { Clock } from '../base/clock.ts'

/** A thing to be done, and how its caller is told. */
export interface Pending<T, R> {
  readonly item: T
  readonly resolve: (result: R) => void
  readonly reject: (error: unknown) => void
}

/** Gathers what is asked for within a moment, so that it can be done in one go. */
export class Batcher<T, R> {
  readonly #work: (batch: readonly Pending<T, R>[]) => Promise<void>
  readonly #clock: Clock
  readonly #windowMs: number
  #waiting: Pending<T, R>[] = []

  /**
   * @param work settles every one of its batch, each as soon as it can; what it leaves unsettled is rejected when it rejects
   * @param windowMs how long the first one waits for others
   */
  constructor(work: (batch: readonly Pending<T, R>[]) => Promise<void>, clock: Clock, windowMs: number) {
    this.#work = work
    this.#clock = clock
    this.#windowMs = windowMs
  }

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (this.#waiting.length === 1) void this.#flushSoon()
    })
  }

  async #flushSoon(): Promise<void> {
    await this.#clock.sleep(this.#windowMs)
    const batch = this.#waiting
    this.#waiting = []
    try {
      await this.#work(batch)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}
