import type { Clock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import type { Capacity, Driver, Listing, Machine, MachineSpec } from './driver.ts'
import { endCall, nextCall, type PacedCall, type PaceLimits, type PaceState, restedPace } from './pace.ts'

/** How long calls of a kind wait after the site turned one away without saying for how long, ms. */
const usualHoldMs = 1000

/** The longest that a call waits for a site that does not want it, ms; one that would have to wait longer is turned away. */
const patienceMs = 10_000

interface Waiting {
  readonly call: PacedCall
  begin(): void
  turnAway(error: CausewayError): void
}

/**
 * A driver that is called no faster than its site wants: a few calls at a time, spaced out, and none of a kind for as long as
 * the site said with `RateLimited`. Several `list`s that wait are one. Its own `RateLimited` says when to come again.
 */
export class PacedDriver implements Driver {
  readonly site: string
  readonly #inner: Driver
  readonly #limits: PaceLimits
  readonly #clock: Clock
  readonly #queue: Waiting[] = []
  readonly #closing = new AbortController()
  #state: PaceState
  /** Ends the wait that is under way. */
  #waking = new AbortController()
  /** A `list` that has not begun, so that it will tell all that has happened up to now. */
  #nextList: Promise<Listing> | null = null

  constructor(inner: Driver, limits: PaceLimits, clock: Clock) {
    this.site = inner.site
    this.#inner = inner
    this.#limits = limits
    this.#clock = clock
    this.#state = restedPace(limits, clock.now())
  }

  list(): Promise<Listing> {
    if (this.#nextList) return this.#nextList
    // Forgotten when it begins, or when it was turned away without having begun.
    const forget = () => {
      if (this.#nextList === list) this.#nextList = null
    }
    const list = this.#call('list', () => {
      forget()
      return this.#inner.list()
    })
    this.#nextList = list
    list.catch(forget)
    return list
  }

  create(spec: MachineSpec): Promise<Machine> {
    return this.#call('create', () => this.#inner.create(spec))
  }

  delete(id: string): Promise<void> {
    return this.#call('delete', () => this.#inner.delete(id))
  }

  console(id: string): Promise<string> {
    return this.#call('console', () => this.#inner.console(id))
  }

  capacity(): Promise<Capacity> {
    return this.#call('capacity', () => this.#inner.capacity())
  }

  /** Turns away what waits, and closes the driver. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#waking.abort()
    for (const waiting of this.#queue.splice(0)) waiting.turnAway(this.#closed())
    await this.#inner.close()
  }

  async #call<T>(call: PacedCall, act: () => Promise<T>): Promise<T> {
    if (this.#closing.signal.aborted) throw this.#closed()
    await new Promise<void>((resolve, reject) => {
      this.#queue.push({ call, begin: resolve, turnAway: reject })
      this.#pump()
    })
    let retryAfterMs: number | null = null
    try {
      return await act()
    } catch (error) {
      if (error instanceof CausewayError && error.code === 'RateLimited') {
        const { retryAfterMs: said } = error.facts
        retryAfterMs = typeof said === 'number' ? said : usualHoldMs
      }
      throw error
    } finally {
      this.#state = endCall(this.#state, call, this.#clock.now(), retryAfterMs)
      this.#pump()
    }
  }

  /** Begins what may begin, and sees to it that the rest is looked at in time. */
  #pump(): void {
    this.#waking.abort()
    if (this.#closing.signal.aborted) return
    this.#turnAwayImpatient()
    for (;;) {
      const waiting = this.#queue.map(({ call }) => call)
      const pacing = nextCall(this.#state, this.#limits, waiting, this.#clock.now())
      if (pacing.kind === 'wait') {
        if (pacing.untilMs !== null) this.#wakeAt(pacing.untilMs)
        return
      }
      this.#state = pacing.state
      for (const next of this.#queue.splice(pacing.index, 1)) next.begin()
    }
  }

  #turnAwayImpatient(): void {
    const now = this.#clock.now()
    const left = ({ call }: Waiting) => (this.#state.heldUntilMs[call] ?? 0) - now
    const impatient = this.#queue.filter((waiting) => left(waiting) > patienceMs)
    for (const waiting of impatient) {
      this.#queue.splice(this.#queue.indexOf(waiting), 1)
      const retryAfterMs = left(waiting)
      const message = `${this.site} wants no ${waiting.call} for another ${Math.ceil(retryAfterMs / 1000)} s`
      waiting.turnAway(new CausewayError('RateLimited', message, { facts: { retryAfterMs } }))
    }
  }

  #wakeAt(atMs: number): void {
    const waking = new AbortController()
    this.#waking = waking
    void this.#clock.sleep(Math.max(0, atMs - this.#clock.now()), waking.signal).then(() => {
      if (!waking.signal.aborted) this.#pump()
    })
  }

  #closed(): CausewayError {
    return new CausewayError('HostUnreachable', `${this.site}: its driver was closed`)
  }
}
