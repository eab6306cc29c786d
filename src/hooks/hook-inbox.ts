import type { Clock } from '../base/clock.ts'
import { CausewayError, toCausewayError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { NewEvent } from '../store/event-store.ts'

/** Most hooks in one transaction: what a busy store takes in a few ms. */
const batchSize = 500

/** How soon a batch that the store refused is tried again, ms. */
const retryMs = 500

/** What an inbox stands on. */
export interface HookInboxOptions {
  /** Records a batch: all of it, or none when it rejects. */
  readonly record: (events: readonly NewEvent[]) => Promise<void>
  readonly clock: Clock
  readonly log: Logger
  /** Most hooks that wait to be recorded. Default 10 000. */
  readonly limit?: number
  /** Of how many hooks the ids are remembered. Default 50 000. */
  readonly remembered?: number
}

/**
 * Takes hooks in without waiting for the store, and has them recorded in batches, in their order. What it holds is lost in a
 * crash: hooks are signals, and the queue says the same at the next look.
 */
export class HookInbox {
  readonly #record: HookInboxOptions['record']
  readonly #clock: Clock
  readonly #log: Logger
  readonly #limit: number
  readonly #remembered: number
  readonly #ids = new Set<string>()
  readonly #stop = new AbortController()
  #waiting: NewEvent[] = []
  #inFlight = 0
  /** How many were taken in and how many of them are recorded, since the start. */
  #taken = 0
  #done = 0
  #waiters: { taken: number; resolve(): void; reject(error: Error): void }[] = []
  #writing: Promise<void> | null = null

  constructor({ record, clock, log, limit = 10_000, remembered = 50_000 }: HookInboxOptions) {
    this.#record = record
    this.#clock = clock
    this.#log = log
    this.#limit = limit
    this.#remembered = remembered
  }

  /** How many hooks are not recorded yet. */
  get queued(): number {
    return this.#waiting.length + this.#inFlight
  }

  /** These ids were recorded before; oldest first. */
  remember(ids: Iterable<string>): void {
    for (const id of ids) {
      this.#ids.add(id)
      if (this.#ids.size <= this.#remembered) continue
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest)
        break
      }
    }
  }

  /**
   * Takes a hook in.
   * @param id of the hook; null: it has none and is always new
   * @returns whether it is new; false: one with this id was taken before
   * @throws CausewayError `Overloaded` when too many wait to be recorded; it was not taken
   */
  offer(id: string | null, event: NewEvent): boolean {
    if (id !== null && this.#ids.has(id)) return false
    if (this.queued >= this.#limit) {
      throw new CausewayError('Overloaded', `${this.#limit} hooks wait to be recorded: try again later`)
    }
    if (id !== null) this.remember([id])
    this.#waiting.push(event)
    this.#taken += 1
    this.#writing ??= this.#write()
    return true
  }

  /** Resolves when all that was taken in so far is recorded; rejects when the inbox is closed before. */
  recorded(): Promise<void> {
    if (this.#done >= this.#taken) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiters.push({ taken: this.#taken, resolve, reject }))
  }

  /** Gives what is left one more chance, and gives up where that fails. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#writing
    if (this.queued === 0) return
    this.#log.error({ hooks: this.queued }, 'hooks are lost: the store does not take them')
    for (const waiter of this.#waiters) waiter.reject(new CausewayError('Internal', 'the controller stops'))
  }

  async #write(): Promise<void> {
    // Whoever comes with this one, in the same turn, goes with it.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, batchSize)
      this.#waiting = this.#waiting.slice(batch.length)
      this.#inFlight = batch.length
      try {
        await this.#record(batch)
        this.#inFlight = 0
        this.#settle(batch.length)
      } catch (thrown) {
        this.#inFlight = 0
        this.#waiting = [...batch, ...this.#waiting]
        this.#log.error({ err: toCausewayError(thrown), hooks: this.queued }, 'hooks are not recorded; trying on')
        if (this.#stop.signal.aborted) break
        await this.#clock.sleep(retryMs, this.#stop.signal)
      }
    }
    this.#writing = null
  }

  #settle(count: number): void {
    this.#done += count
    while (this.#waiters[0] && this.#waiters[0].taken <= this.#done) this.#waiters.shift()?.resolve()
  }
}
