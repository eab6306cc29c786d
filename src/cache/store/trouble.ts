import type { Clock } from '../../base/clock.ts'
import { isDatabaseDamage, markDamaged } from '../database.ts'
import type { Events } from '../events.ts'

/** Milliseconds that a store counts as troubled after an operation on it failed. */
const troubleMs = 30_000

/** Remembers that something failed on the disk, and tells of each spell once. */
export class Trouble {
  readonly #folder: string
  readonly #clock: Clock
  readonly #events: Pick<Events, 'report'>
  #lastMs: number | undefined

  constructor(folder: string, clock: Clock, events: Pick<Events, 'report'>) {
    this.#folder = folder
    this.#clock = clock
    this.#events = events
  }

  /** A clock that was set back ends a spell rather than prolonging it. */
  get now(): boolean {
    const since = this.#lastMs === undefined ? -1 : this.#clock.now() - this.#lastMs
    return since >= 0 && since < troubleMs
  }

  note(error: unknown): void {
    const first = !this.now
    this.#lastMs = this.#clock.now()
    const message = error instanceof Error ? error.message : String(error)
    if (isDatabaseDamage(error)) this.#markDamaged()
    if (first) this.#events.report('DiskTrouble', this.#folder, `the store fails: ${message}`, error)
  }

  #markDamaged(): void {
    try {
      markDamaged(this.#folder)
    } catch {
      // The disk takes no file either; the spell has been told of.
    }
  }

  /** Passes a result on, and notes a failure. */
  async noting<T>(operation: Promise<T>): Promise<T> {
    try {
      return await operation
    } catch (error) {
      this.note(error)
      throw error
    }
  }
}
