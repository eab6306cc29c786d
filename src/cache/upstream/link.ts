import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Events } from '../events.ts'
import type { Headers } from '../headers.ts'
import { Connector } from './connector.ts'
import { Exchange, type Reply, type Watcher } from './exchange.ts'
import { answered, asked, type Failure, failed, type Health, reachable, transferred, unknownHealth } from './health.ts'
import type { Names } from './names.ts'
import { authorityOf, type Endpoint } from './places.ts'
import { Pool } from './pool.ts'

/** Connections to one server; further requests wait their turn. */
const connections = 32

/** Milliseconds between two looks at what is under way. */
const lookEveryMs = 250

/** Milliseconds without a byte from a server that is to answer after which it is asked whether it is there at all. */
const quietMs = 500

/** Milliseconds for the answer to the second first packet of that question: with those above, two seconds for a verdict. */
const probeSpareMs = 250

/** Milliseconds within which what was heard of a server still holds. */
const silenceMs = 1_000

/** Milliseconds that a server which failed lately has for the head of an answer. */
const shortPatienceMs = 5_000

/** Milliseconds without a byte of a body, its reader waiting, after which the body is given up. */
const bodyTimeoutMs = 30_000

export interface LinkDeps {
  readonly names: Names
  /** Never jumps: durations are measured by it. */
  readonly clock: Clock
  readonly events: Events
  /** From 0 to 1. */
  readonly random: () => number
}

export interface LinkRequest {
  readonly method: 'GET' | 'HEAD'
  /** The request target. */
  readonly path: string
  readonly headers: Headers
  /** Milliseconds from the request to the head of the answer. */
  readonly patienceMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * The connections to one server, and what is known of its health.
 *
 * One verdict for all: when no connection can be made, or the server falls silent and doesn't even take a new connection,
 * all that wait for it are told at once. The link then tries by itself whether it is back: after a second, two, four, at
 * most 30, and when somebody asks (`nudge`).
 */
export class Link implements Watcher {
  /** Its base URL. */
  readonly name: string
  readonly #deps: LinkDeps
  readonly #connector: Connector
  readonly #endpoint: Endpoint
  /** Those under way, and for how long each may wait for its head. */
  readonly #exchanges = new Map<Exchange, number>()
  readonly #closed = new AbortController()
  /** Aborts when a server that was away is back. */
  #back = new AbortController()
  #health: Health = unknownHealth
  /** What those were told who waited when it went away last. */
  #verdict: Error | undefined
  #pool: InstanceType<typeof Pool>
  /** Ends the pool's attempts to connect. */
  #dialing = new AbortController()
  #looking = false
  #heardMs = 0
  #probe: Promise<void> | undefined
  #probedMs = 0
  #probesInSilence = 0

  constructor(endpoint: Endpoint, deps: LinkDeps) {
    this.name = `${endpoint.scheme}://${authorityOf(endpoint)}`
    this.#endpoint = endpoint
    this.#deps = deps
    this.#connector = new Connector(endpoint, deps)
    this.#pool = this.#newPool()
  }

  get health(): Health {
    return this.#health
  }

  /**
   * Asks. A connection that broke before the answer began, usually a kept one that had just been closed, is tried once
   * more.
   */
  async ask(request: LinkRequest): Promise<Reply> {
    try {
      return await this.#askOnce(request)
    } catch (error) {
      if (!brokeOff(error)) throw error
      return this.#askOnce(request)
    }
  }

  async #askOnce({ method, path, headers, patienceMs, signal }: LinkRequest): Promise<Reply> {
    const begunMs = this.now()
    if (this.#exchanges.size === 0) this.#heardMs = begunMs
    const exchange = new Exchange(this)
    this.#exchanges.set(exchange, this.#health.failures > 1 ? Math.min(patienceMs, shortPatienceMs) : patienceMs)
    const leave = followSignal(signal, exchange)
    // One name for all requests of the pool, or it would make a connection anew for each Host: a parent is asked for many.
    const options = { method, path, headers: { ...headers }, servername: this.#endpoint.host }
    this.#pool.dispatch(options, exchange)
    void this.#watch()
    try {
      const reply = await exchange.reply
      reply.body.once('close', leave)
      return reply
    } catch (error) {
      leave()
      const refused = error instanceof CausewayError && error.code === 'TargetRefused'
      if (!signal?.aborted && !refused) this.#judge(exchange, error as Error, this.now() - begunMs)
      throw error
    }
  }

  /** What an exchange without an answer says of the server: it is away only where nothing comes from it. */
  #judge({ startedMs }: Exchange, error: Error, verdictMs: number): void {
    if (error === this.#verdict) return
    const why = error.message
    const late = error instanceof CausewayError
    const flows = this.#heardMs > (startedMs ?? this.now() - silenceMs) && this.#hasHeads()
    if ((startedMs === undefined || late) && !flows) this.#goAway(why, verdictMs)
    else if (this.#health.state !== 'away') this.fail({ state: 'poor', why, verdictMs })
  }

  #hasHeads(): boolean {
    return [...this.#exchanges.keys()].some((each) => !each.waiting)
  }

  /** It answered, but badly. */
  fail(failure: Failure & { readonly state: 'poor' }): void {
    const was = this.#health
    this.#health = failed(was, failure, this.now(), this.#deps.random())
    if (was.state === 'away') this.#reportBack()
  }

  /** It answered well. */
  noteAnswer(headMs: number): void {
    const was = this.#health
    this.#health = answered(was, headMs, this.now())
    if (was.state === 'away') this.#reportBack()
  }

  /** It had a file, or hadn't. */
  noteShare(had: boolean): void {
    this.#health = asked(this.#health, had, this.now())
  }

  /** Tries whether it is back, where the last try is not of this very second. */
  nudge(): void {
    if (this.#health.state === 'away' && this.now() - this.#probedMs > silenceMs) void this.#tryConnection()
  }

  now(): number {
    return this.#deps.clock.now()
  }

  onHeard(): void {
    this.#heardMs = this.now()
    this.#probesInSilence = 0
  }

  onEnd(exchange: Exchange): void {
    this.#exchanges.delete(exchange)
  }

  onBody(bytes: number, ms: number): void {
    this.#health = transferred(this.#health, bytes, ms)
  }

  onBroken(why: string): void {
    if (this.#health.state !== 'away') this.fail({ state: 'poor', why, verdictMs: 0 })
  }

  /** Looks at what is under way, as long as there is something. */
  async #watch(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    while (this.#exchanges.size > 0 && !this.#closed.signal.aborted) {
      const before = this.now()
      await this.#deps.clock.sleep(lookEveryMs, this.#closed.signal)
      const now = this.now()
      // It was this process that stood still: what came meanwhile is yet to be read.
      if (now - before > 2 * lookEveryMs) continue
      let started = false
      for (const [exchange, patienceMs] of this.#exchanges) {
        if (exchange.startedMs === undefined) continue
        started = true
        if (exchange.waiting && now - exchange.startedMs > patienceMs) {
          exchange.fail(new CausewayError('OriginUnreachable', `no answer in ${patienceMs} ms`))
        }
      }
      const silentMs = now - Math.max(this.#heardMs, this.#probedMs)
      if (started && silentMs > quietMs * 2 ** this.#probesInSilence) {
        this.#probesInSilence += 1
        void this.#tryConnection()
      }
    }
    this.#looking = false
  }

  /** Makes a connection, to see whether the server is there. One at a time. */
  #tryConnection(): Promise<void> {
    this.#probe ??= this.#probeOnce().finally(() => {
      this.#probe = undefined
      this.#probedMs = this.now()
    })
    return this.#probe
  }

  async #probeOnce(): Promise<void> {
    const begunMs = this.now()
    try {
      const socket = await this.#connector.connect(this.#closed.signal, probeSpareMs)
      socket.destroy()
      const was = this.#health
      this.#health = reachable(was, this.now())
      if (was.state === 'away') this.#reportBack()
    } catch (error) {
      if (this.#closed.signal.aborted || this.#heardMs > begunMs) return
      this.#goAway((error as Error).message, this.now() - begunMs)
    }
  }

  /** Tells all that wait for it, and takes new connections from now on: those that there are may lead nowhere. */
  #goAway(why: string, verdictMs: number): void {
    const was = this.#health
    this.#health = failed(was, { state: 'away', why, verdictMs }, this.now(), this.#deps.random())
    const error = new CausewayError('OriginUnreachable', why)
    this.#verdict = error
    const sinceMs = this.now() - Math.max(silenceMs, verdictMs)
    for (const exchange of this.#exchanges.keys()) {
      if (exchange.waiting || (exchange.heardMs ?? 0) < sinceMs) exchange.fail(error)
    }
    if (was.state === 'away') return
    const old = this.#pool
    this.#dialing.abort()
    this.#dialing = new AbortController()
    this.#pool = this.#newPool()
    void (this.#exchanges.size === 0 ? old.destroy(error) : old.close()).catch(() => {})
    this.#deps.events.report('PlaceAway', this.name, why)
    this.#back = new AbortController()
    void this.#awaitReturn(AbortSignal.any([this.#back.signal, this.#closed.signal]))
  }

  async #awaitReturn(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.#deps.clock.sleep(Math.max(lookEveryMs, this.#health.untilMs - this.now()), over)
      if (!over.aborted && this.now() >= this.#health.untilMs) await this.#tryConnection()
    }
  }

  #reportBack(): void {
    this.#back.abort()
    this.#deps.events.report('PlaceBack', this.name, 'it takes connections again')
  }

  #newPool(): InstanceType<typeof Pool> {
    const { scheme, host, port } = this.#endpoint
    return new Pool(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`, {
      connections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: 15_000,
      // Looked after here: undici's would count the time in which the server is known to be there.
      headersTimeout: 0,
      bodyTimeout: bodyTimeoutMs,
      connect: this.#connector.forPool(this.#dialing.signal),
    })
  }

  /** Breaks off whatever is under way. */
  async close(): Promise<void> {
    this.#closed.abort()
    this.#dialing.abort()
    for (const exchange of this.#exchanges.keys()) exchange.fail(new Error('the cache stops'))
    await this.#pool.destroy()
    await this.#probe
  }
}

/** Fails the exchange when the signal aborts, until the function that it gives back is called. */
function followSignal(signal: AbortSignal | undefined, exchange: Exchange): () => void {
  const abort = () => exchange.fail(new Error('the request was given up', { cause: signal?.reason }))
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  return () => signal?.removeEventListener('abort', abort)
}

function brokeOff(error: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')
}
