import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Fetches } from '../fill/fetches.ts'
import type { Origin } from '../origins.ts'
import type { Snapshots } from '../snapshots/snapshots.ts'
import type { Store } from '../store/port.ts'
import type { Counters } from '../watch/counters.ts'
import type { Ledger } from '../watch/ledger.ts'
import { deliver, type Telling } from './deliver.ts'
import type { Ready } from './fast-lane.ts'
import { Finder, type FinderDeps } from './find.ts'
import { KnownQuestions } from './known-questions.ts'
import { metalinkIn } from './metalink.ts'
import { Patience } from './patience.ts'
import { comesRound, notKept, sayNo, troubleOf } from './refuse.ts'
import { type CacheRequest, readRequest } from './request.ts'
import { ClientLeft } from './send.ts'
import { Wire } from './wire.ts'

export interface ProxyDeps {
  readonly origins: ReadonlyMap<string, Origin>
  /** This process's name in the Via header. */
  readonly via: string
  readonly store: Store
  readonly fetches: Fetches
  readonly upstream: FinderDeps['upstream']
  readonly snapshots: Pick<Snapshots, 'answer' | 'gaveMetalink' | 'kept'>
  readonly catalogue: FinderDeps['catalogue']
  readonly events: FinderDeps['events']
  /** Milliseconds, see `cacheSchema`. */
  readonly indexes: { readonly fresh: number; readonly patience: number }
  readonly counters: Counters
  readonly ledger: Ledger
  /** Told of each file that a client asks for. */
  readonly ahead?: { noticed(client: string, origin: Origin, path: string): void }
  readonly clock: Clock
  readonly log: Logger
}

/** The cache as a request handler: what comes in, where its answer is, and how it went. */
export class Proxy {
  readonly #deps: ProxyDeps
  readonly #finder: Finder
  readonly #wire = new Wire()
  readonly #questions: KnownQuestions
  /** Connections on which something was refused: whatever else came on them is not looked at. */
  readonly #closing = new WeakSet<Socket>()

  constructor(deps: ProxyDeps) {
    this.#deps = deps
    const { indexes, clock, origins, via } = deps
    this.#questions = new KnownQuestions(origins, via)
    const patience = new Patience(indexes.patience, clock)
    this.#finder = new Finder({ ...deps, patience, indexFreshMs: indexes.fresh })
  }

  /** Answers one request and records it. It never rejects. */
  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { counters, clock, ledger } = this.#deps
    if (this.#closing.has(req.socket)) return
    const startMs = clock.now()
    const client = req.socket.remoteAddress ?? ''
    const method = req.method ?? ''
    const target = req.url ?? ''
    const telling: Telling = { outcome: 'failed', bytes: 0 }
    counters.requests += 1
    counters.inFlight += 1
    const request = readRequest({ method, target, rawHeaders: req.rawHeaders }, this.#deps.origins, this.#deps.via)
    if ('message' in request) {
      telling.outcome = 'refused'
      this.#closing.add(req.socket)
      sayNo(res, request)
    } else {
      if (!request.personal) this.#deps.ahead?.noticed(client, request.origin, request.path)
      await this.#answer(request, client, res, telling)
    }
    counters.inFlight -= 1
    const passed = 'message' in request ? undefined : request
    ledger.answered({
      timeMs: startMs,
      client,
      method,
      url: passed?.url ?? target,
      origin: passed?.origin.host ?? null,
      status: res.statusCode,
      outcome: telling.outcome,
      bytes: telling.bytes,
      ms: clock.now() - startMs,
    })
  }

  /**
   * Answers a plain GET at once and records it, if what answers it is at hand; else nothing has happened.
   * @param head As it came, each byte a character.
   */
  atHand(head: string, client: string): Ready | undefined {
    const { counters, clock, ledger, ahead } = this.#deps
    const question = this.#questions.read(head)
    const stored = question && this.#finder.atHand(question)
    if (!stored) return undefined
    const startMs = clock.now()
    const ready = this.#wire.readyFor(stored, startMs)
    if (!ready) return undefined
    const { origin, path, url } = question
    ahead?.noticed(client, origin, path)
    counters.requests += 1
    ledger.answered({
      timeMs: startMs,
      client,
      method: 'GET',
      url,
      origin: origin.host,
      status: 200,
      outcome: 'hit',
      bytes: stored.length,
      ms: 0,
    })
    return ready
  }

  /** A kept body that turns out to be damaged at its first block has gone from the store: the next round fetches it. */
  async #answer(
    request: CacheRequest,
    client: string,
    res: ServerResponse,
    telling: Telling,
    round = 1,
  ): Promise<void> {
    try {
      const found = await this.#finder.find(request, client)
      const metalink = await metalinkIn(request, found)
      if (metalink) this.#deps.snapshots.gaveMetalink(client, metalink)
      if (found.kind === 'not kept') {
        telling.outcome = 'absent'
        sayNo(res, notKept)
      } else if (found.kind === 'comes round') {
        telling.outcome = 'refused'
        sayNo(res, comesRound)
      } else await deliver(request, res, found, this.#deps.clock.now(), telling)
    } catch (error) {
      const damaged = error instanceof CausewayError && error.code === 'DamagedBody'
      if (damaged && !res.headersSent && round < 3) return this.#answer(request, client, res, telling, round + 1)
      this.#giveUp(request, res, error, telling)
    }
  }

  /** Ends an answer that went wrong: an error page if nothing was sent, else so that no client takes it for complete. */
  #giveUp({ url, origin }: CacheRequest, res: ServerResponse, error: unknown, telling: Telling): void {
    if (error instanceof ClientLeft) return
    telling.outcome = 'failed'
    this.#deps.log.warn({ url, err: error }, 'request failed')
    // HTTP/1.0 has no chunks: without a length the end of the connection is the end of the body, so it takes a reset.
    if (res.headersSent && res.req.httpVersionMinor === 0) res.socket?.resetAndDestroy()
    else if (res.headersSent) res.destroy()
    else sayNo(res, { ...troubleOf(error, origin.host), goesOn: true })
  }
}
