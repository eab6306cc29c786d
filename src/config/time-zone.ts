const dayMs = 86_400_000

/** A stretch of a local day during which the zone's offset does not change. */
export interface DayPiece {
  /** The instants that belong to it: from `startMs` until before `endMs`. */
  readonly startMs: number
  readonly endMs: number
  /** Local time minus UTC, ms. */
  readonly offsetMs: number
}

/**
 * A time zone of the tz database. Local days are counted as days since 1970-01-01 on the zone's calendar, so that the next day is
 * always one more, whatever its length.
 */
export class TimeZone {
  readonly name: string
  readonly #format: Intl.DateTimeFormat
  readonly #days = new Map<number, readonly DayPiece[]>()
  #last: DayPiece = { startMs: 0, endMs: 0, offsetMs: 0 }

  /** @throws RangeError for a zone that is not known */
  constructor(name: string) {
    this.name = name
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /** Local time minus UTC at an instant, ms. */
  offsetMs(atMs: number): number {
    const whole = Math.floor(atMs / 1000) * 1000
    const part: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(whole)) part[type] = Number(value)
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = part
    return Date.UTC(year, month - 1, day, hour, minute, second) - whole
  }

  /** The local day that an instant belongs to. */
  dayOf(atMs: number): number {
    // Most questions are about the stretch of the last one, and formatting a time is slow.
    if (atMs >= this.#last.startMs && atMs < this.#last.endMs) return Math.floor((atMs + this.#last.offsetMs) / dayMs)
    const day = Math.floor((atMs + this.offsetMs(atMs)) / dayMs)
    this.#last = this.pieces(day).find(({ startMs, endMs }) => atMs >= startMs && atMs < endMs) ?? this.#last
    return day
  }

  /** The stretches that a local day is made of, in order: one on most days, two when clocks change, none on a day that a zone left out. */
  pieces(day: number): readonly DayPiece[] {
    const known = this.#days.get(day)
    if (known) return known
    if (this.#days.size > 1000) this.#days.clear()
    const found = [...this.#findPieces(day)]
    this.#days.set(day, found)
    return found
  }

  /** The first instant of a local day (of the next one that there is, if the zone left it out), ms. */
  startOfDay(day: number): number {
    for (let d = day; d < day + 3; d++) {
      const first = this.pieces(d)[0]
      if (first) return first.startMs
    }
    throw new RangeError(`${this.name} has no day ${day}`)
  }

  *#findPieces(day: number): Generator<DayPiece> {
    const wall = day * dayMs
    // No zone has ever been farther than 16 hours from UTC.
    let from = wall - 16 * 3_600_000
    const to = wall + dayMs + 16 * 3_600_000
    while (from < to) {
      const offsetMs = this.offsetMs(from)
      const until = this.offsetMs(to) === offsetMs ? to : this.#firstWithout(offsetMs, from, to)
      const startMs = Math.max(from, wall - offsetMs)
      const endMs = Math.min(until, wall + dayMs - offsetMs)
      if (startMs < endMs) yield { startMs, endMs, offsetMs }
      from = until
    }
  }

  /** When the offset stops being `offsetMs`, given that it is at `from` and is not at `to`. */
  #firstWithout(offsetMs: number, from: number, to: number): number {
    let has = from
    let hasNot = to
    while (hasNot - has > 1) {
      const middle = Math.floor((has + hasNot) / 2)
      if (this.offsetMs(middle) === offsetMs) has = middle
      else hasNot = middle
    }
    return hasNot
  }
}

/** Whether the tz database has such a zone. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
