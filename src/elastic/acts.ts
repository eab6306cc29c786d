import type { Clock } from '../base/clock.ts'
import { type CausewayError, toCausewayError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { Slots } from '../sites/slots.ts'

/** How many acts run at once at one site. */
const actsPerSite = 16

/** How long the end of an act is remembered, ms: longer than any reading of a source takes. */
const rememberMs = 10 * 60_000

/**
 * The acts under way. An act belongs to keys (a node's id and name, or names in the queue): the planner leaves these alone
 * while it runs, and trusts no reading of them that began before it ended.
 */
export class Acts {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #onEnd: () => void
  readonly #sites = new Map<string, Slots>()
  readonly #running = new Set<Promise<void>>()
  readonly #inFlight = new Set<string>()
  readonly #settledAtMs = new Map<string, number>()

  /** @param onEnd called after each act: time to look again */
  constructor(clock: Clock, log: Logger, onEnd: () => void) {
    this.#clock = clock
    this.#log = log
    this.#onEnd = onEnd
  }

  get inFlight(): ReadonlySet<string> {
    return this.#inFlight
  }

  get settledAtMs(): ReadonlyMap<string, number> {
    return this.#settledAtMs
  }

  /**
   * Starts an act unless one of its keys is busy; it never rejects: `failed` is told instead.
   * @param failed what to record when the act throws
   * @returns whether it was started
   */
  start(
    site: string,
    keys: readonly string[],
    act: () => Promise<void>,
    failed: (error: CausewayError) => Promise<void>,
  ): boolean {
    if (keys.some((key) => this.#inFlight.has(key))) return false
    for (const key of keys) this.#inFlight.add(key)
    const slots = this.#sites.get(site) ?? new Slots(actsPerSite)
    this.#sites.set(site, slots)
    const running = slots
      .run(act)
      .catch((thrown: unknown) => failed(toCausewayError(thrown)))
      .catch((thrown: unknown) =>
        this.#log.error({ err: thrown, site, keys }, 'an act and the record of its failure failed'),
      )
      .then(() => this.#end(keys))
    this.#running.add(running)
    void running.then(() => {
      this.#running.delete(running)
      this.#onEnd()
    })
    return true
  }

  /** Resolves when no act runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  #end(keys: readonly string[]): void {
    const now = this.#clock.now()
    for (const key of keys) {
      this.#inFlight.delete(key)
      this.#settledAtMs.set(key, now)
    }
    for (const [key, at] of this.#settledAtMs) if (at < now - rememberMs) this.#settledAtMs.delete(key)
  }
}
