import type { Clock } from '../../src/base/clock.ts'

/** When the controller dies: at the n-th call through the fuse, before it happens or after, without its answer. */
export interface FuseSpec {
  /** Counted from 1; Infinity: never. */
  readonly atCall: number
  readonly moment: 'before' | 'after'
}

/**
 * A controller's life line. Every port that it uses goes through the fuse, which counts the calls; once it has blown, no call
 * is made and none is answered any more: to the rest of the world the process is dead.
 */
export class Fuse {
  readonly blown: Promise<void>
  calls = 0
  isBlown = false
  #spec: FuseSpec
  #blow: () => void = () => undefined

  constructor(spec: FuseSpec = { atCall: Infinity, moment: 'before' }) {
    this.#spec = spec
    this.blown = new Promise((resolve) => {
      this.#blow = resolve
    })
  }

  /** The same object, with every method behind the fuse. */
  through<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, key) => {
        const value: unknown = Reflect.get(object, key, object)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => this.#call(() => Promise.resolve(Reflect.apply(value, object, args)))
      },
    })
  }

  /** The clock's `sleep` in the life of this controller: the dead don't wake up. */
  sleep(clock: Clock): Clock['sleep'] {
    return (ms, signal) => clock.sleep(ms, signal).then(() => (this.isBlown ? never : undefined))
  }

  /** Nothing will happen to this controller any more. */
  disarm(): void {
    this.#spec = { atCall: Infinity, moment: 'before' }
  }

  /** It dies now. */
  kill(): void {
    void this.#die()
  }

  async #call(act: () => Promise<unknown>): Promise<unknown> {
    if (this.isBlown) return never
    this.calls += 1
    const last = this.calls === this.#spec.atCall
    if (last && this.#spec.moment === 'before') return this.#die()
    try {
      const answer = await act()
      if (last) return this.#die()
      return this.isBlown ? never : answer
    } catch (error) {
      if (last) return this.#die()
      if (this.isBlown) return never
      throw error
    }
  }

  #die(): Promise<never> {
    this.isBlown = true
    this.#blow()
    return never
  }
}

const never = new Promise<never>(() => undefined)
