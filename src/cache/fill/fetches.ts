import type { Clock } from '../../../base/clock.ts'
import type { Logger } from '../../../base/log.ts'
import type { CacheRequest } from '../../door/request.ts'
import type { Store } from '../../store/store.ts'
import type { Upstream, UpstreamResponse } from '../../upstream/upstream.ts'
import type { Counters } from '../../watch/counters.ts'
import { kindOf } from '../formats/kinds.ts'
import type { Headers } from '../headers.ts'
import { isFresh, mayKeep, validators } from '../rules/freshness.ts'
import { type ArrivingHead, Fill } from './fill.ts'

/** How a URL can be answered: from the store (read it there), or from a body on its way. */
export type Answer =
  | { readonly kind: 'kept'; readonly outcome: 'hit' | 'revalidated' | 'stale' }
  | { readonly kind: 'arriving'; readonly fill: Fill }

export interface FetchesDeps {
  readonly store: Store
  readonly upstream: Upstream
  readonly counters: Counters
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

  isRunning(url: string): boolean {
    return this.#running.has(url)
  }

  /** Joins the fetch of a URL, or begins it. The answer rejects when the origin gives none and nothing is kept. */
  join(request: CacheRequest): { answer: Promise<Answer>; joined: boolean } {
    const running = this.#running.get(request.url)
    if (running) return { answer: running, joined: true }
    const answer = this.#ask(request)
    this.#running.set(request.url, answer)
    this.#deps.counters.fetching += 1
    void this.#forgetAfter(request.url, answer)
    return { answer, joined: false }
  }

  async #forgetAfter(url: string, answer: Promise<Answer>): Promise<void> {
    try {
      const given = await answer
      if (given.kind === 'arriving') await given.fill.over
    } catch {
      // Told to whoever asked.
    } finally {
      this.#running.delete(url)
      this.#deps.counters.fetching -= 1
    }
  }

  async #ask(request: CacheRequest): Promise<Answer> {
    const { store, clock, log } = this.#deps
    const { url, path } = request
    const kept = await store.find(url)
    await kept?.close()
    if (!kept) return { kind: 'arriving', fill: await this.#fill(request, await this.#fetch(request, {})) }
    if (isFresh(kindOf(path), kept.headers, kept.validatedAtMs, clock.now())) return { kind: 'kept', outcome: 'hit' }

    let response: UpstreamResponse
    try {
      response = await this.#fetch(request, validators(kept.headers))
    } catch (error) {
      log.warn({ url, err: error }, 'origin is away; serving what is kept')
      return { kind: 'kept', outcome: 'stale' }
    }
    if (response.status === 304) {
      drop(response)
      await store.touch(url, clock.now())
      return { kind: 'kept', outcome: 'revalidated' }
    }
    if (response.status >= 500) {
      drop(response)
      log.warn({ url, status: response.status }, 'origin is in trouble; serving what is kept')
      return { kind: 'kept', outcome: 'stale' }
    }
    if (response.status === 404 || response.status === 410) await store.remove(url)
    return { kind: 'arriving', fill: await this.#fill(request, response) }
  }

  /** A fetch for one client alone: with its credentials, or of the head only; nothing is kept. */
  async alone(request: CacheRequest): Promise<Fill | ArrivingHead> {
    const credentials: Record<string, string> = {}
    for (const name of ['authorization', 'cookie']) {
      const value = request.headers[name]
      if (value !== undefined) credentials[name] = value
    }
    const response = await this.#fetch(request, credentials, request.method)
    if (request.method === 'GET') return this.#fill(request, response, false)
    drop(response)
    return response
  }

  #fetch({ origin, path }: CacheRequest, headers: Headers, method: 'GET' | 'HEAD' = 'GET'): Promise<UpstreamResponse> {
    this.#deps.counters.upstreamRequests += 1
    return this.#deps.upstream.fetch(origin, method, path, headers)
  }

  async #fill(request: CacheRequest, response: UpstreamResponse, shared = true): Promise<Fill> {
    const { store, clock, counters, log } = this.#deps
    const { status, headers, length, body } = response
    try {
      if (status === 304 || status === 206) throw new Error(`the origin answered ${status}, which was not asked for`)
      const incoming = await store.begin(request.url, status, headers)
      const keepable = shared && response.framed && mayKeep(status, headers)
      const keep = keepable ? (bytes: number) => incoming.commit(bytes, clock.now()) : null
      const fill = new Fill({ status, headers, length }, incoming, counted(body, counters), keep, (error) =>
        log.warn({ url: request.url, err: error }, 'fetch broke; nothing is kept'),
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
  response.body.dump({ limit: 64 * 1024 }).catch(() => {})
}

async function* counted(body: AsyncIterable<Buffer>, counters: Counters): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    counters.upstreamBytes += chunk.length
    yield chunk
  }
}
