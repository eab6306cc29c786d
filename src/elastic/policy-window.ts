import { Cron } from '../config/cron.ts'
import type { TimeZone } from '../config/time-zone.ts'
import type { WindowRules } from './policy-rules.ts'

/** How often `changeAfterMs` follows begins that overlap before it says "not before then". */
const mostOverlaps = 2000

/** When one window is in force: from each time that its cron expression fires, for its length. Begins that overlap make one stretch. */
export class WindowTimes {
  readonly #cron: Cron
  readonly #forMs: number
  /** The last answer, and the times that it is good for. */
  #open = false
  #fromMs = Number.POSITIVE_INFINITY
  #untilMs = Number.NEGATIVE_INFINITY
  #change: { readonly fromMs: number; readonly atMs: number | null } | null = null

  constructor(window: Pick<WindowRules, 'cron' | 'forMs'>, zone: TimeZone) {
    this.#cron = new Cron(window.cron, zone)
    this.#forMs = window.forMs
  }

  /** Whether it is in force; and until when that is so at least, ms (infinite: for good). */
  at(nowMs: number): { readonly open: boolean; readonly untilMs: number } {
    if (nowMs < this.#fromMs || nowMs >= this.#untilMs) {
      const began = this.#cron.lastUntil(nowMs, nowMs - this.#forMs + 1)
      this.#open = began !== null
      this.#fromMs = began ?? nowMs
      this.#untilMs = began === null ? (this.#cron.nextAfter(nowMs) ?? Number.POSITIVE_INFINITY) : began + this.#forMs
    }
    return { open: this.#open, untilMs: this.#untilMs }
  }

  /**
   * When it next begins or ends, ms; null if never. A window whose begins overlap for very long may be said to change when it
   * does not, never the other way round.
   */
  changeAfterMs(nowMs: number): number | null {
    const known = this.#change
    if (known && nowMs >= known.fromMs && (known.atMs === null || nowMs < known.atMs)) return known.atMs
    const atMs = this.#changeAfter(nowMs)
    this.#change = { fromMs: nowMs, atMs }
    return atMs
  }

  #changeAfter(nowMs: number): number | null {
    const { open, untilMs } = this.at(nowMs)
    if (!open) return Number.isFinite(untilMs) ? untilMs : null
    let end = untilMs
    for (let step = 0; step < mostOverlaps; step++) {
      const again = this.#cron.lastUntil(end, end - this.#forMs + 1)
      if (again === null) break
      end = again + this.#forMs
    }
    return end
  }
}
