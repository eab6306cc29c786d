import type { Clock } from '../../src/base/clock.ts'

interface Timer {
  readonly atMs: number
  readonly order: number
  readonly fire: () => void
}

/**
 * Time that passes only when it is told to. Timers fire one by one, in the order of their times and, at the same time, in the
 * order in which they were set; after each, everything that it set in motion comes to rest before the next. So the
 * same program runs the same way every time.
 */
export class VirtualClock implements Clock {
  #nowMs: number
  #order = 0
  readonly #timers: Timer[] = []

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const done = () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const cancel = this.after(ms, done)
      const abort = () => {
        cancel()
        done()
      }
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Calls `fire` in `ms`; the function that is returned takes it back. */
  after(ms: number, fire: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, fire }
    let low = 0
    for (let high = this.#timers.length; low < high; ) {
      const middle = (low + high) >>> 1
      if (isBefore(timer, this.#timers[middle] as Timer)) low = middle + 1
      else high = middle
    }
    this.#timers.splice(low, 0, timer)
    return () => {
      const index = this.#timers.indexOf(timer)
      if (index >= 0) this.#timers.splice(index, 1)
    }
  }

  /** Fires the next timer and lets all that follows from it settle. */
  async step(): Promise<void> {
    const timer = this.#timers.pop()
    if (timer) {
      this.#nowMs = timer.atMs
      timer.fire()
    }
    // What runs here waits for promises and timers of this clock only, and promises are all settled before an immediate runs.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

/** The list of timers is kept with the next one last. */
function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
