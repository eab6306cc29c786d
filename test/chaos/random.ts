/**
 * Pseudo-random numbers that a seed determines. Each purpose draws from a stream of its own, so that one draw more for one
 * purpose does not change what another one sees.
 */
export class Random {
  readonly #seed: number
  #state: number

  constructor(seed: number) {
    this.#seed = seed >>> 0
    this.#state = this.#seed
  }

  /** The stream for a purpose: the same for the same seed and purpose, however much was drawn elsewhere. */
  stream(purpose: string): Random {
    let hash = this.#seed
    for (let i = 0; i < purpose.length; i++) hash = scramble(hash ^ Math.imul(purpose.charCodeAt(i) + i, 0x9e3779b1))
    return new Random(hash)
  }

  /** At least 0, below 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    return scramble(this.#state) / 2 ** 32
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A whole number from `low` to `high`, both possible. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  /** One of the choices, which must not be empty. */
  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.int(0, choices.length - 1)]
    if (choice === undefined) throw new Error('nothing to pick from')
    return choice
  }
}

/** Mixes 32 bits so that neighbours end up far apart: multiplications by odd numbers and shifts, all of them invertible. */
function scramble(value: number): number {
  let x = value
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
