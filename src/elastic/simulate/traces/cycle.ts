/**
 * A rate that comes back every day or every week, as a clock that runs faster when more happens: over one whole period it
 * advances as much as the real one, within the period in proportion to the weights. Events drawn evenly on it come at the rate
 * that the weights describe.
 */
export class Cycle {
  readonly #bucketMs: number
  readonly #periodMs: number
  /** How far this clock is at the beginning of each bucket, and at the end of the period. */
  readonly #reached: readonly number[]
  /** How far it is at the beginning of the trace. */
  readonly #offset: number
  readonly #startInPeriodMs: number

  /** `weights`: one for each bucket of `bucketMs`, above 0; `startInPeriodMs`: where in the period the trace begins. */
  constructor(weights: readonly number[], bucketMs: number, startInPeriodMs: number) {
    this.#bucketMs = bucketMs
    this.#periodMs = bucketMs * weights.length
    const perWeight = this.#periodMs / weights.reduce((sum, weight) => sum + weight, 0)
    const reached = [0]
    for (const weight of weights) reached.push((reached.at(-1) ?? 0) + weight * perWeight)
    this.#reached = reached
    this.#startInPeriodMs = modulo(startInPeriodMs, this.#periodMs)
    this.#offset = this.#along(this.#startInPeriodMs)
  }

  /** The real time, in ms from the beginning of the trace, when this clock has advanced by so many ms; grows with it. */
  realMs(advancedMs: number): number {
    const position = this.#offset + advancedMs
    const periods = Math.floor(position / this.#periodMs)
    return periods * this.#periodMs + this.#back(position - periods * this.#periodMs) - this.#startInPeriodMs
  }

  /** How far this clock is at a real time within the period. */
  #along(realMs: number): number {
    const bucket = Math.floor(realMs / this.#bucketMs)
    const from = this.#reached[bucket] ?? 0
    const to = this.#reached[bucket + 1] ?? this.#periodMs
    return from + (to - from) * (realMs / this.#bucketMs - bucket)
  }

  /** The real time within the period when this clock is so far: the other way round. */
  #back(position: number): number {
    let low = 0
    let high = this.#reached.length - 2
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#reached[middle] ?? 0) <= position) low = middle
      else high = middle - 1
    }
    const from = this.#reached[low] ?? 0
    const to = this.#reached[low + 1] ?? this.#periodMs
    return (low + Math.min(1, (position - from) / (to - from))) * this.#bucketMs
  }
}

/** The remainder that is never negative. */
function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}
