import type { Clock } from '../base/clock.ts'
import type { CausewayError } from '../base/errors.ts'
import type { Policy } from './plan/policy.ts'

/** For calls that no policy speaks of. */
const usual: Policy['retry'] = { firstMs: 500, mostMs: 30_000 }

/** How long to wait after the n-th failure in a row (n counts from 0), ms: doubling from the first up to the most. */
export function backoffMs(failures: number, { firstMs, mostMs }: Policy['retry'] = usual): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(failures, 30))
}

/** The longest that a refusal is believed, ms: what is wanted by then is asked again. */
const longestSaid = 3_600_000

/** How long to wait before an act that was refused with this is tried again, as far as the refusal says it, ms; 0: it does not. */
export function retryAfterMs({ code, facts }: CausewayError): number {
  const said = code === 'RateLimited' ? facts['retryAfterMs'] : 0
  return typeof said === 'number' && said > 0 ? Math.min(said, longestSaid) : 0
}

/**
 * Lets what is decided anew in every round be done only now and then while it does not help. For acts without a row in the
 * store to count their attempts in.
 */
export class Backoff {
  readonly #clock: Clock
  readonly #tries = new Map<string, { count: number; untilMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether this may be tried now. A true answer counts as a try; one that was not needed for a minute is forgotten. */
  mayTry(key: string): boolean {
    const now = this.#clock.now()
    for (const [old, { untilMs }] of this.#tries) if (now > untilMs + 60_000) this.#tries.delete(old)
    const last = this.#tries.get(key)
    if (last && now < last.untilMs) return false
    const count = last ? last.count + 1 : 0
    this.#tries.set(key, { count, untilMs: now + backoffMs(count) })
    return true
  }

  /** This may not be tried for a while, ms, whatever its tries were. */
  holdOff(key: string, forMs: number): void {
    const { count = -1, untilMs = 0 } = this.#tries.get(key) ?? {}
    this.#tries.set(key, { count, untilMs: Math.max(untilMs, this.#clock.now() + forMs) })
  }

  /** When this may be tried again after its last try, ms since the epoch; 0 if nothing is in the way. */
  untilMs(key: string): number {
    return this.#tries.get(key)?.untilMs ?? 0
  }
}
