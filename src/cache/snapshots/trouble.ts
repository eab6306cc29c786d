import type { Clock } from '../../base/clock.ts'
import type { EventCode, Events } from '../events.ts'

/**
 * Milliseconds for which a repository that makes no sense (its top index gone, older than before, naming what isn't there)
 * is taken for one that is just being changed. After that it is taken for what it wants to be.
 */
const troubleMs = 60 * 60_000

/** For how long a suite has made no sense, and what was said of it. */
export class Trouble {
  readonly #name: string
  readonly #deps: { readonly clock: Clock; readonly events: Events }
  #sinceMs: number | undefined
  #reported = ''

  /** @param name The suite's, for events. */
  constructor(name: string, deps: { readonly clock: Clock; readonly events: Events }) {
    this.#name = name
    this.#deps = deps
  }

  /** Whether it has gone on for so long that it will stay so. It begins with the first such question. */
  long(): boolean {
    const now = this.#deps.clock.now()
    this.#sinceMs ??= now
    return now - this.#sinceMs > troubleMs
  }

  /** Says once what stays so. */
  complain(code: EventCode, message: string, cause?: unknown): void {
    if (this.#reported === `${code} ${message}`) return
    this.#reported = `${code} ${message}`
    this.#deps.events.report(code, this.#name, message, cause)
  }

  /** The version in use is the origin's again. What was said before is not said anew. */
  eased(): void {
    this.#sinceMs = undefined
  }

  /** There is a newer version: whatever comes is new. */
  over(): void {
    this.eased()
    this.#reported = ''
  }
}
