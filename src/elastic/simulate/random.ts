/**
 * Pseudo-random numbers that a seed determines: the generator sfc32 of C. Doty-Humphrey's PractRand (public domain; 128 bits of
 * state). Each purpose draws from a stream of its own, so that one draw more for one purpose does not change what another sees.
 */
export class Random {
  readonly #seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** `seed`: a whole number; its lower 32 bits count. */
  constructor(seed: number) {
    this.#seed = seed >>> 0
    this.#a = scramble(this.#seed ^ 0x9e3779b9)
    this.#b = scramble(this.#a ^ this.#seed)
    this.#c = scramble(this.#b + 0x6d2b79f5)
    for (let i = 0; i < 12; i++) this.#bits()
  }

  /** The stream for a purpose: the same for the same seed and purpose, however much was drawn elsewhere. */
  stream(purpose: string): Random {
    let hash = this.#seed
    for (let i = 0; i < purpose.length; i++) hash = scramble(hash ^ Math.imul(purpose.charCodeAt(i) + i, 0x9e3779b1))
    return new Random(scramble(hash + purpose.length + 1))
  }

  /** At least 0, below 1; one of 2^32 values. */
  next(): number {
    return this.#bits() / 2 ** 32
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
    if (choice === undefined) throw new RangeError('nothing to pick from')
    return choice
  }

  /** At least `low`, below `high`, all equally likely. */
  uniform(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  /** Exponential with this mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next())
  }

  /** Standard normal: Box and Muller 1958. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }

  /** Log-normal: half of the draws are below `median`; `spread` >= 1 is the factor of one standard deviation. */
  logNormal(median: number, spread: number): number {
    return median * Math.exp(this.normal() * Math.log(spread))
  }

  /**
   * Gamma with mean `shape * scale` and variance `shape * scale^2`, `shape` > 0: Marsaglia and Tsang, "A simple method for
   * generating gamma variables", ACM TOMS 26(3), 2000, with their step for shapes below 1.
   */
  gamma(shape: number, scale: number): number {
    if (shape < 1) return this.gamma(shape + 1, scale) * (1 - this.next()) ** (1 / shape)
    const d = shape - 1 / 3
    const c = 1 / Math.sqrt(9 * d)
    for (;;) {
      const x = this.normal()
      const v = (1 + c * x) ** 3
      if (v > 0 && Math.log(1 - this.next()) < x * x * 0.5 + d - d * v + d * Math.log(v)) return d * v * scale
    }
  }

  #bits(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }
}

/** Mixes 32 bits so that neighbours end up far apart: multiplications by odd numbers and shifts, all of them invertible. */
function scramble(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
