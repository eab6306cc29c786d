import type { Clock } from '../base/clock.ts'
import type { QueueSnapshot } from '../elastic/plan/demand.ts'
import type { Scheduler } from '../elastic/scheduler.ts'

/** How the loop is doing. Times are ms. */
export interface EngineFigures {
  /** Rounds since the controller started. */
  readonly rounds: number
  /** Readings of the queue since then. */
  readonly readings: number
  readonly failedReadings: number
  /** How long the last reading took that did not fail; null before the first. */
  readonly readingMs: number | null
  /** How old what it saw is; null before the first. */
  readonly readingAgeMs: number | null
}

/** Counts rounds, and times the readings of the queue. */
export class EngineWatch {
  readonly #clock: Clock
  #rounds = 0
  #readings = 0
  #failedReadings = 0
  #last: { beganAtMs: number; tookMs: number } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A round was decided on. */
  round(): void {
    this.#rounds += 1
  }

  /** The scheduler as it is, but that its readings are timed. */
  timed(scheduler: Scheduler): Scheduler {
    return new Proxy(scheduler, {
      get: (target, key) => {
        if (key === 'snapshot') return () => this.#time(target)
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  figures(): EngineFigures {
    return {
      rounds: this.#rounds,
      readings: this.#readings,
      failedReadings: this.#failedReadings,
      readingMs: this.#last?.tookMs ?? null,
      readingAgeMs: this.#last ? this.#clock.now() - this.#last.beganAtMs : null,
    }
  }

  async #time(scheduler: Scheduler): Promise<QueueSnapshot> {
    const beganAtMs = this.#clock.now()
    this.#readings += 1
    try {
      const snapshot = await scheduler.snapshot()
      this.#last = { beganAtMs, tookMs: this.#clock.now() - beganAtMs }
      return snapshot
    } catch (thrown) {
      this.#failedReadings += 1
      throw thrown
    }
  }
}
