import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { CacheRequest } from '../door/request.ts'
import type { Headers } from '../headers.ts'
import { isFresh, mayKeep, validators } from '../rules/freshness.ts'
import type { Store } from '../store/port.ts'
import type { Upstream, UpstreamResponse } from '../upstream/ask.ts'
import type { Counters } from '../watch/counters.ts'
import type { Traffic } from '../watch/traffic.ts'
import { type ArrivingHead, Fill } from './fill.ts'
import type { Wanted } from './wanted.ts'

/** How a URL can be answered: from the store (read it there), or from a body on its way. */
export type Answer =
  | { readonly kind: 'kept'; readonly outcome: 'hit' | 'revalidated' | 'stale' }
  | { readonly kind: 'arriving'; readonly fill: Fill }

export interface FetchesDeps {
  readonly store: Store
  readonly upstream: Upstream
  readonly counters: Counters
  readonly traffic: Traffic
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Asks origins, once per URL at a time: whoever wants a URL that is already being asked for joins.
 *
 * A fetch begins with a look into the store, so that a request that comes just after another's end finds its result
 * instead of asking again.
 */
export class Fetches {
  readonly #deps: FetchesDeps
  readonly #running = new Map<string, Promise<Answer>>()
  readonly #fills = new Set<Fill>()

  constructor(deps: FetchesDeps) {
    this.#deps = deps
  }

  isRunning(key: string): boolean {
    return this.#running.has(key)
  }

  /** Joins the fetch of a URL, or begins it. The answer rejects when the origin gives none and nothing is kept. */
  join(wanted: Wanted): { answer: Promise<Answer>; joined: boolean } {
    const running = this.#running.get(wanted.key)
    if (running) return { answer: running, joined: true }
    const answer = this.#ask(wanted)
    this.#running.set(wanted.key, answer)
    this.#deps.counters.fetching += 1
    void this.#forgetAfter(wanted.key, answer)
    return { answer, joined: false }
  }

  async #forgetAfter(key: string, answer: Promise<Answer>): Promise<void> {
    try {
      const given = await answer
      if (given.kind === 'arriving') await given.fill.over
    } catch {
      // Told to whoever asked.
    } finally {
      this.#running.delete(key)
      this.#deps.counters.fetching -= 1
    }
  }

  async #ask(wanted: Wanted): Promise<Answer> {
    const { store, clock, log } = this.#deps
    const { key, kind } = wanted
    const kept = await store.find(key)
    await kept?.close()
    if (!kept) return { kind: 'arriving', fill: await this.#fill(wanted, await this.#fetch(wanted, {})) }
    if (isFresh(kind, kept.headers, kept.validatedAtMs, clock.now())) return { kind: 'kept', outcome: 'hit' }

    let response: UpstreamResponse
    try {
      response = await this.#fetch(wanted, validators(kept.headers))
    } catch (error) {
      log.warn({ key, err: error }, 'origin is away; serving what is kept')
      return { kind: 'kept', outcome: 'stale' }
    }
    if (response.status === 304) {
      drop(response)
      await store.touch(key, { ...kept.headers, ...response.headers }, clock.now())
      return { kind: 'kept', outcome: 'revalidated' }
    }
    if (response.status >= 500) {
      drop(response)
      log.warn({ key, status: response.status }, 'origin is in trouble; serving what is kept')
      return { kind: 'kept', outcome: 'stale' }
    }
    if (response.status === 404 || response.status === 410) await store.remove(key)
    return { kind: 'arriving', fill: await this.#fill(wanted, response) }
  }

  /** A fetch for one client alone: with its credentials, or of the head only; nothing is kept. */
  async alone(wanted: Wanted, { method, headers }: CacheRequest): Promise<Fill | ArrivingHead> {
    const credentials: Record<string, string> = {}
    for (const name of ['authorization', 'cookie']) {
      const value = headers[name]
      if (value !== undefined) credentials[name] = value
    }
    const response = await this.#fetch(wanted, credentials, method)
    if (method === 'GET') return this.#fill(wanted, response, false)
    drop(response)
    return response
  }

  #fetch({ origin, path, kind }: Wanted, headers: Headers, method: 'GET' | 'HEAD' = 'GET'): Promise<UpstreamResponse> {
    this.#deps.counters.upstreamRequests += 1
    return this.#deps.upstream.ask({ origin, method, path, kind, headers })
  }

  async #fill({ key, origin, expected }: Wanted, response: UpstreamResponse, shared = true): Promise<Fill> {
    const { store, clock, counters, traffic, log } = this.#deps
    const { status, headers, length, body } = response
    try {
      if (status === 304 || status === 206) throw new Error(`the origin answered ${status}, which was not asked for`)
      const startMs = clock.now()
      const incoming = await store.begin({ key, status, headers, length, expected })
      const keepable = shared && response.framed && mayKeep(status, headers)
      const keep = keepable
        ? async (bytes: number) => {
            const nowMs = clock.now()
            await incoming.commit({ length: bytes, validatedAtMs: nowMs, fetchMs: nowMs - startMs })
          }
        : null
      const fill = new Fill(
        { status, headers, length },
        incoming,
        counted(body, origin.host, counters, traffic),
        keep,
        (error) => log.warn({ key, err: error }, 'fetch broke; nothing is kept'),
      )
      this.#fills.add(fill)
      void fill.finished.then(() => this.#fills.delete(fill))
      return fill
    } catch (error) {
      drop(response)
      throw error
    }
  }

  /** Resolves when no body is on its way any more. */
  async idle(): Promise<void> {
    while (this.#fills.size > 0) await Promise.all([...this.#fills].map((fill) => fill.finished))
  }
}

/** Reads a body that nobody wants to its end, so that its connection can be used again; a long one is broken off. */
function drop(response: UpstreamResponse): void {
  let left = 64 * 1024
  response.body.on('error', () => {})
  response.body.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) response.body.destroy()
  })
}

async function* counted(
  body: AsyncIterable<Buffer>,
  origin: string,
  counters: Counters,
  traffic: Traffic,
): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    counters.upstreamBytes += chunk.length
    traffic.received(origin, chunk.length)
    yield chunk
  }
}
