import type { LeftOut } from '../trace.ts'

/** Counts jobs that are left out, by reason. */
export class LeftOutCounts {
  readonly #counts = new Map<string, number>()

  add(why: string, jobs = 1): void {
    if (jobs > 0) this.#counts.set(why, (this.#counts.get(why) ?? 0) + jobs)
  }

  /** A reason each, in the order of their first appearance. */
  list(): readonly LeftOut[] {
    return [...this.#counts].map(([why, jobs]) => ({ why, jobs }))
  }
}
