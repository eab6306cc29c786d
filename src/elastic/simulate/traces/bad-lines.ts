import { CausewayError } from '../../../base/errors.ts'
import type { BadLine } from '../trace.ts'

/** What to do with a line that can't be understood: leave it out and name it, or give up. */
export type OnBad = 'skip' | 'fail'

/** Longer lines are cut to this many characters when they are named. */
const longestNamed = 160

/** Collects the broken lines of a file, or refuses the first one. */
export class BadLines {
  readonly #path: string
  readonly #onBad: OnBad
  readonly found: BadLine[] = []

  constructor(path: string, onBad: OnBad) {
    this.#path = path
    this.#onBad = onBad
  }

  /**
   * Takes note of a line, counted from 1.
   * @throws CausewayError `InvalidRequest` with file, line and reason if such lines are fatal
   */
  add(line: number, text: string, why: string): void {
    if (this.#onBad === 'fail') {
      throw new CausewayError('InvalidRequest', `${this.#path}:${line}: ${why}`, { facts: { file: this.#path, line } })
    }
    const named = text.length > longestNamed ? `${text.slice(0, longestNamed)}...` : text
    this.found.push({ line, text: named, why })
  }
}
