import { CausewayError, type ErrorCode } from '../../src/base/errors.ts'
import type { Random } from './random.ts'
import type { FaultKind } from './scenario.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** A way to the outside: a site's name, or the queue. */
type Way = string

/** The way to the scheduler. */
export const queueWay = 'queue'

/**
 * What lies between the controller and the outside. Every call takes some time, and while there are faults it may be slow,
 * fail before it was carried out, be carried out and lose its answer, or be given up in between.
 */
export class Weather {
  /** Ways that lead nowhere at present. */
  readonly closed = new Set<Way>()
  readonly #clock: VirtualClock
  readonly #has: (fault: FaultKind) => boolean
  readonly #random: Random
  readonly #log: (text: string) => void

  constructor(clock: VirtualClock, random: Random, has: (fault: FaultKind) => boolean, log: (text: string) => void) {
    this.#clock = clock
    this.#random = random.stream('calls')
    this.#has = has
    this.#log = log
  }

  /** The same object, with all its methods on the far side of a way. */
  across<T extends object>(way: Way, target: T): T {
    return new Proxy(target, {
      get: (object, key) => {
        const value: unknown = Reflect.get(object, key, object)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) =>
          this.#call(way, String(key), args, () => Promise.resolve(Reflect.apply(value, object, args)))
      },
    })
  }

  async #call(way: Way, method: string, args: readonly unknown[], act: () => Promise<unknown>): Promise<unknown> {
    const { fate, beforeMs, afterMs } = this.#draw()
    const what = `${way} ${method} ${args.map(brief).join(' ')}`.trimEnd()
    const isRead = method === 'list' || method === 'snapshot'
    try {
      await this.#clock.sleep(beforeMs)
      if (this.closed.has(way)) throw this.#broken(way, 'no connection')
      if (fate === 'refused') throw new CausewayError('CommandFailed', `${what}: the command failed`)
      if (fate === 'never-arrived') throw this.#broken(way, 'the connection broke early')
      let answer = await act()
      if (fate === 'twice' && !isRead) {
        this.#log(`${what}: done, and again`)
        await this.#clock.sleep(afterMs)
        answer = await act()
      }
      if (!isRead) this.#log(`${what}: done`)
      await this.#clock.sleep(afterMs)
      if (fate === 'timeout') throw new CausewayError('CommandTimeout', `${what}: no answer in time`)
      if (fate === 'lost' || this.closed.has(way)) throw this.#broken(way, 'the connection broke before the answer')
      return answer
    } catch (thrown) {
      this.#log(`${what}: ${(thrown as CausewayError).code} ${(thrown as Error).message}`)
      throw thrown
    }
  }

  #draw(): { fate: string; beforeMs: number; afterMs: number } {
    const random = this.#random
    const quick = () => random.int(5, 120)
    const dice = random.next()
    const slow = random.chance(0.15) && this.#has('slow-calls')
    const times = { beforeMs: quick(), afterMs: quick() }
    if (slow) times[random.pick(['beforeMs', 'afterMs'] as const)] += random.int(500, 9000)
    if (dice < 0.1 && this.#has('lost-replies')) return { fate: 'lost', ...times }
    if (dice < 0.2 && this.#has('errors')) return { fate: random.pick(['refused', 'never-arrived']), ...times }
    if (dice > 0.8 && dice < 0.9 && this.#has('twice')) return { fate: 'twice', ...times }
    if (dice > 0.96 && this.#has('timeouts')) return { fate: 'timeout', beforeMs: times.beforeMs, afterMs: 30_000 }
    return { fate: 'ok', ...times }
  }

  #broken(way: Way, how: string): CausewayError {
    const code: ErrorCode = way === queueWay ? 'SchedulerUnreachable' : 'HostUnreachable'
    return new CausewayError(code, `${way}: ${how}`)
  }
}

function brief(argument: unknown): string {
  if (Array.isArray(argument)) return argument.join(',')
  if (typeof argument === 'string') return argument
  const { id, name } = argument as { id?: string; name?: string }
  return id === undefined ? '' : `${name} (${id})`
}
