import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'

/**
 * What an admin should hear of.
 *
 * - `DigestMismatch`: a body was not what a signed index says; it was thrown away.
 * - `ContentChanged`: an origin gave other content for a name whose content never changes.
 * - `BadSignature`: an index that the origin's keyring doesn't vouch for; the one before stays in use.
 * - `IndexIncomplete`: a new index names others that can't be had; the snapshot before stays in use.
 * - `DamagedBody`: a kept body was no longer what was written; it was thrown away.
 * - `PlaceAway`, `PlaceBack`: a server that files come from stopped answering, or answers again.
 * - `StoreReset`: what was known of the kept bodies was damaged; they were thrown away.
 * - `DiskTrouble`: the store can't be written; responses are passed through.
 */
export type EventCode =
  | 'DigestMismatch'
  | 'ContentChanged'
  | 'BadSignature'
  | 'IndexIncomplete'
  | 'DamagedBody'
  | 'PlaceAway'
  | 'PlaceBack'
  | 'StoreReset'
  | 'DiskTrouble'

export interface CacheEvent {
  readonly code: EventCode
  /** Which URL, place or folder. */
  readonly subject: string
  readonly message: string
  /** ISO 8601. */
  readonly time: string
}

/** The last things worth telling; `causeway cache status` shows them, the log has them all. */
export class Events {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #last: CacheEvent[] = []
  readonly #counts = new Map<EventCode, number>()

  constructor({ clock, log }: { clock: Clock; log: Logger }) {
    this.#clock = clock
    this.#log = log
  }

  report(code: EventCode, subject: string, message: string, cause?: unknown): void {
    const event = { code, subject, message, time: new Date(this.#clock.now()).toISOString() }
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1)
    this.#last.push(event)
    if (this.#last.length > 100) this.#last.shift()
    if (code === 'PlaceBack') this.#log.info({ code, subject }, message)
    else this.#log.warn({ code, subject, err: cause }, message)
  }

  /** The last 100, oldest first. */
  get last(): readonly CacheEvent[] {
    return this.#last
  }

  /** How often each was reported since the start. */
  get counts(): ReadonlyMap<EventCode, number> {
    return this.#counts
  }
}
