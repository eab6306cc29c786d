import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { CacheRequest } from '../door/request.ts'
import type { Events } from '../events.ts'
import type { Store } from '../store/port.ts'
import type { Upstream } from '../upstream/ask.ts'
import type { Counters } from '../watch/counters.ts'
import type { Traffic } from '../watch/traffic.ts'
import type { Answer, Join } from './answer.ts'
import { extentOf } from './asked-range.ts'
import type { ArrivingHead, Fill } from './fill.ts'
import { demand, type Ended, FillMaker } from './fill-maker.ts'
import { type Limits, usualLimits } from './limits.ts'
import { Starter } from './starter.ts'
import type { Wanted } from './wanted.ts'

export type { Answer, Join } from './answer.ts'

export interface FetchesDeps {
  readonly store: Store
  readonly upstream: Upstream
  readonly counters: Counters
  readonly traffic: Traffic
  readonly events: Pick<Events, 'report'>
  readonly clock: Clock
  readonly log: Logger
  readonly limits?: Limits
}

/** A fetch under way. */
interface Flight {
  readonly wanted: Wanted
  readonly answer: Promise<Answer>
  /** Once it is there. */
  fill: Fill | undefined
  urgency: 'client' | 'ahead'
  /** Places that gave something wrong for this file: not asked again. */
  readonly avoid: readonly string[]
}

/**
 * Asks origins, once per URL at a time: whoever wants a URL that is already being asked for joins.
 *
 * A fetch begins with a look into the store, so that a request that comes just after another's end finds its result
 * instead of asking again; and goes on with what an earlier one left there.
 */
export class Fetches {
  readonly #deps: FetchesDeps
  readonly #maker: FillMaker
  readonly #starter: Starter
  readonly #running = new Map<string, Flight>()
  readonly #fills = new Set<Fill>()

  constructor(deps: FetchesDeps) {
    this.#deps = deps
    this.#maker = new FillMaker({
      ...deps,
      limits: deps.limits ?? usualLimits,
      onFill: (fill) => this.#remember(fill),
      onEnd: (ended) => this.#onEnd(ended),
    })
    this.#starter = new Starter(deps, this.#maker)
  }

  isRunning(key: string): boolean {
    return this.#running.has(key)
  }

  /** How many files are on their way for clients. */
  clientFetches(): number {
    let count = 0
    for (const { urgency } of this.#running.values()) if (urgency === 'client') count += 1
    return count
  }

  /** What is on its way, for showing progress. */
  underWay(): {
    readonly key: string
    readonly urgency: 'client' | 'ahead'
    readonly bytes: number
    readonly length: number | undefined
    readonly readers: number
  }[] {
    return [...this.#running.values()].map(({ wanted, urgency, fill }) => {
      const { bytes, length, readers } = fill?.progress ?? { bytes: 0, length: undefined, readers: 0 }
      return { key: wanted.key, urgency, bytes, length, readers }
    })
  }

  /**
   * Joins the fetch of a URL, or begins it. The answer rejects when the origin gives none and nothing is kept. What was
   * asked for is fetched to its end, whether anybody reads it or not.
   */
  join(wanted: Wanted, join: Join = {}): { answer: Promise<Answer>; joined: boolean } {
    const flight = this.#running.get(wanted.key)
    if (!flight) return { answer: this.#begin(wanted, join, []).answer, joined: false }
    if (join.urgency !== 'ahead') flight.urgency = 'client'
    return { answer: this.#board(flight, wanted, join), joined: true }
  }

  async #board(flight: Flight, wanted: Wanted, join: Join): Promise<Answer> {
    const answer = await flight.answer
    if (answer.kind === 'kept') {
      // That one found it fresh, and asked nobody.
      return join.askAgain && answer.outcome === 'hit' ? this.join(wanted, join).answer : answer
    }
    const { fill } = answer
    const extent = extentOf(join.range, fill.head.length)
    // One for a part that the file doesn't have says nothing of the rest.
    if (fill.isOpen && fill.head.status !== 416 && fill.mayBring(extent?.start, extent?.end)) {
      demand(fill, join.range)
      return answer
    }
    await fill.over
    return this.join(wanted, join).answer
  }

  #begin(wanted: Wanted, join: Join, avoid: readonly string[]): Flight {
    const { counters, events } = this.#deps
    const answer = this.#starter.answer(wanted, join, avoid)
    const flight: Flight = { wanted, answer, fill: undefined, urgency: join.urgency ?? 'client', avoid }
    this.#running.set(wanted.key, flight)
    counters.fetching += 1
    const forget = () => {
      if (this.#running.get(wanted.key) === flight) this.#running.delete(wanted.key)
      counters.fetching -= 1
    }
    // What goes wrong is told to whoever asked; what no place has right, to the admin too.
    answer.then(
      (given) => {
        if (given.kind === 'kept') return forget()
        flight.fill = given.fill
        void given.fill.over.then(forget)
      },
      (error: unknown) => {
        forget()
        if (!(error instanceof CausewayError) || error.code !== 'DigestMismatch') return
        events.report('DigestMismatch', wanted.key, error.message)
      },
    )
    return flight
  }

  #onEnd({ wanted, end, before, place }: Ended): void {
    const { events, log } = this.#deps
    const { key, kind } = wanted
    if (end.how === 'kept' && kind === 'package' && before !== undefined && before !== end.kept.sha256) {
      events.report('ContentChanged', key, `its content is ${end.kept.sha256} now, and was ${before}`)
    }
    if (end.how === 'lost')
      log.warn({ key, err: end.error }, 'a body is not kept; each reader gets the rest for itself')
    if (end.how !== 'broken') return
    log.warn({ key, err: end.error }, 'fetch broke')
    const flight = this.#running.get(key)
    if (end.error.code !== 'DigestMismatch' || !flight || flight.avoid.length > 0 || place === undefined) return
    // Those who were reading are broken off; for those who come again another place may have the right one.
    const retry = this.#begin(wanted, { urgency: flight.urgency }, [place])
    retry.answer.catch(() => {})
  }

  /** A fetch for one client alone: with its credentials, or of the head only; nothing is kept. */
  alone(wanted: Wanted, request: CacheRequest): Promise<Fill | ArrivingHead> {
    return this.#maker.alone(wanted, request)
  }

  #remember(fill: Fill): void {
    this.#fills.add(fill)
    void fill.finished.then(() => this.#fills.delete(fill))
  }

  /** Resolves when no body is on its way any more. */
  async idle(): Promise<void> {
    while (this.#fills.size > 0) await Promise.all([...this.#fills].map((fill) => fill.finished))
  }

  /** Gives up what is on its way; what has come is left for later. Resolves when nobody reads any more. */
  async stop(): Promise<void> {
    for (const fill of this.#fills) fill.stop()
    await this.idle()
  }
}
