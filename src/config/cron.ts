import { createTask, parse, validateDetailed } from 'node-cron'
import { TimeZone } from './time-zone.ts'

const dayMs = 86_400_000

/**
 * Days fit by their year's shape: its first weekday and whether it is a leap year. All 14 shapes come within any 40 years (that is how
 * long it takes where a century has no leap day): what does not come in that time never comes.
 */
const searchedDays = 41 * 366

/**
 * When a cron expression fires, as node-cron understands it: five fields, or six with seconds first; day of month AND day of week must
 * both fit; `L`, `15W` and `1#2` are known. It fires at each instant whose local time fits: twice for a time that the zone's clocks
 * show twice, not at all for one that they leave out.
 */
export class Cron {
  readonly #zone: TimeZone
  readonly #months: ReadonlySet<number>
  /** Days of the month that may fit; null: not told by their numbers alone (`L`, `15W`). */
  readonly #daysOfMonth: ReadonlySet<number> | null
  /** The seconds of a day at which it fires, on days when it does; in order. */
  readonly #seconds: readonly number[]
  readonly #fitsDay: (day: number) => boolean
  readonly #days = new Map<number, boolean>()

  /** @param expression one without a `cronProblem` */
  constructor(expression: string, zone: TimeZone) {
    this.#zone = zone
    const { month, dayOfMonth, hour, minute, second } = parse(expression)
    this.#months = new Set(month)
    this.#daysOfMonth = dayOfMonth.every((day) => typeof day === 'number') ? new Set(dayOfMonth) : null
    this.#seconds = hour
      .flatMap((h) => minute.flatMap((m) => second.map((s) => h * 3600 + m * 60 + s)))
      .toSorted((a, b) => a - b)
    // In UTC, which has every time of every day, the expression says whether a day of the calendar fits.
    const task = createTask(expression, () => undefined, { timezone: 'UTC' })
    // node-cron lists all tasks that were not destroyed; matching goes on working.
    void task.destroy()
    const time = (this.#seconds[0] ?? 0) * 1000
    this.#fitsDay = (day) => task.match(new Date(day * dayMs + time))
  }

  /** The first time it fires after an instant, ms; null if it never will. */
  nextAfter(atMs: number): number | null {
    const first = this.#zone.dayOf(atMs)
    for (let day = first; day <= first + searchedDays; day = this.#dayAfter(day)) {
      if (!this.#firesOn(day)) continue
      for (const piece of this.#zone.pieces(day)) {
        const midnight = day * dayMs - piece.offsetMs
        const from = Math.max(piece.startMs, Math.floor(atMs) + 1)
        const second = this.#seconds[lowerBound(this.#seconds, (from - midnight) / 1000)]
        if (second !== undefined && midnight + second * 1000 < piece.endMs) return midnight + second * 1000
      }
    }
    return null
  }

  /** The last time it fires at or before an instant, if that is not before `notBeforeMs`; null otherwise. */
  lastUntil(atMs: number, notBeforeMs: number): number | null {
    const first = this.#zone.dayOf(notBeforeMs)
    for (let day = this.#zone.dayOf(atMs); day >= first; day--) {
      if (!this.#firesOn(day)) continue
      for (const piece of this.#zone.pieces(day).toReversed()) {
        const midnight = day * dayMs - piece.offsetMs
        const until = Math.min(piece.endMs - 1, atMs)
        const second = this.#seconds[lowerBound(this.#seconds, Math.floor((until - midnight) / 1000) + 1) - 1]
        if (second === undefined) continue
        const fires = midnight + second * 1000
        if (fires >= piece.startMs) return fires >= notBeforeMs ? fires : null
      }
    }
    return null
  }

  #firesOn(day: number): boolean {
    // Asking node-cron formats a time, which is slow.
    const date = new Date(day * dayMs)
    if (!this.#months.has(date.getUTCMonth() + 1)) return false
    if (this.#daysOfMonth?.has(date.getUTCDate()) === false) return false
    const known = this.#days.get(day)
    if (known !== undefined) return known
    if (this.#days.size > 1000) this.#days.clear()
    const fits = this.#fitsDay(day)
    this.#days.set(day, fits)
    return fits
  }

  /** The next day worth a look. */
  #dayAfter(day: number): number {
    const date = new Date(day * dayMs)
    if (this.#months.has(date.getUTCMonth() + 1)) return day + 1
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / dayMs
  }
}

/** What is wrong with a cron expression, in words; null when nothing is. It may still never fire. */
export function cronProblem(expression: string): string | null {
  const { valid, errors } = validateDetailed(expression)
  return valid ? null : errors.map((error) => `${error.field}: ${error.message}`).join('; ') || 'it has no meaning'
}

/** Whether an expression without a `cronProblem` fires at some time from the year 2025 on. */
export function everFires(expression: string, zone: string): boolean {
  return new Cron(expression, new TimeZone(zone)).nextAfter(Date.UTC(2025, 0, 1)) !== null
}

/** The index of the first element that is not below `value`. */
function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? Number.POSITIVE_INFINITY) < value) low = middle + 1
    else high = middle
  }
  return low
}
