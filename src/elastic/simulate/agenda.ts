/** What is to happen in a simulation, by time: a binary heap. Of things at one time, what was put down first happens first. */
export class Agenda {
  readonly #entries: Entry[] = []
  #count = 0

  /** When the next thing happens, ms; infinite if there is none. */
  get nextMs(): number {
    return this.#entries[0]?.atMs ?? Infinity
  }

  put(atMs: number, act: () => void): void {
    const entries = this.#entries
    const entry = { atMs, order: this.#count++, act }
    let at = entries.length
    entries.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = entries[parent] as Entry
      if (!isBefore(entry, above)) break
      entries[at] = above
      at = parent
    }
    entries[at] = entry
  }

  /** Does all that is due, also what is put down for the same time by what is done. */
  run(nowMs: number): void {
    while (this.nextMs <= nowMs) this.#take().act()
  }

  #take(): Entry {
    const entries = this.#entries
    const first = entries[0] as Entry
    const last = entries.pop() as Entry
    const { length } = entries
    if (length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= length) break
      if (child + 1 < length && isBefore(entries[child + 1] as Entry, entries[child] as Entry)) child++
      const below = entries[child] as Entry
      if (!isBefore(below, last)) break
      entries[at] = below
      at = child
    }
    entries[at] = last
    return first
  }
}

interface Entry {
  readonly atMs: number
  readonly order: number
  readonly act: () => void
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
