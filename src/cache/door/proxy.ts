import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Fetches } from '../fill/fetches.ts'
import { type ArrivingHead, Fill } from '../fill/fill.ts'
import type { Wanted } from '../fill/wanted.ts'
import { kindOf } from '../formats/kinds.ts'
import type { Origin } from '../origins.ts'
import { ageSeconds, isFresh } from '../rules/freshness.ts'
import type { Store } from '../store/store.ts'
import type { Stored } from '../store/stored.ts'
import type { Counters } from '../watch/counters.ts'
import type { Ledger } from '../watch/ledger.ts'
import { type Outcome, replyTo } from './reply.ts'
import { type CacheRequest, readRequest } from './request.ts'
import { ClientLeft, sendBody, sendWhole } from './send.ts'

export interface ProxyDeps {
  readonly origins: ReadonlyMap<string, Origin>
  /** This process's name in the Via header. */
  readonly via: string
  readonly store: Store
  readonly fetches: Fetches
  readonly counters: Counters
  readonly ledger: Ledger
  readonly clock: Clock
  readonly log: Logger
}

/** What the log will say of a request; filled in while it is answered. */
interface Telling {
  outcome: Outcome
  bytes: number
}

/** The cache as a request handler: what comes in, where its answer is, and how it went. */
export class Proxy {
  readonly #deps: ProxyDeps

  constructor(deps: ProxyDeps) {
    this.#deps = deps
  }

  /** Answers one request and records it. It never rejects. */
  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { counters, clock, ledger } = this.#deps
    const startMs = clock.now()
    const client = req.socket.remoteAddress ?? ''
    const method = req.method ?? ''
    const telling: Telling = { outcome: 'failed', bytes: 0 }
    counters.requests += 1
    counters.inFlight += 1
    let url = req.url ?? ''
    let origin: string | null = null
    try {
      const request = readRequest(
        { method, target: url, rawHeaders: req.rawHeaders },
        this.#deps.origins,
        this.#deps.via,
      )
      if ('message' in request) {
        telling.outcome = 'refused'
        sayNo(res, request.status, request.message)
      } else {
        url = request.url
        origin = request.origin.host
        await this.#answer(request, res, telling)
      }
    } catch (error) {
      this.#giveUp(url, res, error, telling)
    }
    counters.inFlight -= 1
    const ms = clock.now() - startMs
    const { outcome, bytes } = telling
    ledger.answered({
      time: new Date(startMs).toISOString(),
      client,
      method,
      url,
      origin,
      status: res.statusCode,
      outcome,
      bytes,
      ms,
    })
  }

  async #answer(request: CacheRequest, res: ServerResponse, telling: Telling): Promise<void> {
    const { store, fetches, clock } = this.#deps
    const { origin, path, url: key } = request
    const wanted: Wanted = { origin, path, key, kind: kindOf(path), expected: undefined }
    if (request.personal) return this.#answerAlone(request, wanted, res, telling)
    // Usually one round. Another when what was kept a moment ago has been taken away by someone.
    for (let round = 0; round < 3; round += 1) {
      if (!fetches.isRunning(request.url)) {
        const stored = store.peek(request.url) ?? (await store.find(request.url))
        if (stored && isFresh(wanted.kind, stored.headers, stored.validatedAtMs, clock.now())) {
          return this.#sendStored(request, res, stored, 'hit', telling)
        }
        await stored?.close()
        if (!stored && request.method === 'HEAD') return this.#answerAlone(request, wanted, res, telling)
      }
      const { answer, joined } = fetches.join(wanted)
      const given = await answer
      if (given.kind === 'arriving') {
        return this.#sendArriving(request, res, given.fill, joined ? 'joined' : 'miss', telling)
      }
      const stored = await store.find(request.url)
      const outcome = joined && given.outcome === 'revalidated' ? 'joined' : given.outcome
      if (stored) return this.#sendStored(request, res, stored, outcome, telling)
    }
    throw new Error('what is kept keeps disappearing')
  }

  async #answerAlone(request: CacheRequest, wanted: Wanted, res: ServerResponse, telling: Telling): Promise<void> {
    const given = await this.#deps.fetches.alone(wanted, request)
    if (given instanceof Fill) return this.#sendArriving(request, res, given, 'miss', telling)
    telling.outcome = 'miss'
    const reply = replyTo('HEAD', request.headers, { ...available(given), outcome: 'miss' })
    await sendBody(res, reply, { read: () => Promise.resolve(0) }, () => {})
  }

  async #sendStored(request: CacheRequest, res: ServerResponse, stored: Stored, outcome: Outcome, telling: Telling) {
    const age = ageSeconds(stored.headers, stored.validatedAtMs, this.#deps.clock.now())
    const reply = replyTo(request.method, request.headers, { ...stored, age, outcome })
    telling.outcome = outcome
    if (stored.body) {
      telling.bytes += sendWhole(res, reply, stored.body)
      return
    }
    try {
      await sendBody(res, reply, stored, (bytes) => (telling.bytes += bytes))
    } catch (error) {
      // A file shorter than it says is no use to anybody; the next request fetches it anew.
      if (!(error instanceof ClientLeft)) await this.#deps.store.remove(request.url)
      throw error
    } finally {
      await stored.close()
    }
  }

  async #sendArriving(request: CacheRequest, res: ServerResponse, fill: Fill, outcome: Outcome, telling: Telling) {
    const reader = fill.read()
    telling.outcome = outcome
    try {
      const reply = replyTo(request.method, request.headers, { ...available(fill.head), outcome })
      await sendBody(res, reply, reader, (bytes) => (telling.bytes += bytes))
    } finally {
      reader.close()
    }
  }

  /** Ends an answer that went wrong: an error page if nothing was sent, else so that no client takes it for complete. */
  #giveUp(url: string, res: ServerResponse, error: unknown, telling: Telling): void {
    if (error instanceof ClientLeft) return
    telling.outcome = 'failed'
    this.#deps.log.warn({ url, err: error }, 'request failed')
    // HTTP/1.0 has no chunks: without a length the end of the connection is the end of the body, so it takes a reset.
    if (res.headersSent && res.req.httpVersionMinor === 0) res.socket?.resetAndDestroy()
    else if (res.headersSent) res.destroy()
    else sayNo(res, 502, `the origin can not be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function available(head: ArrivingHead) {
  return { ...head, age: Number(head.headers['age'] ?? 0) || 0 }
}

/** Refuses in plain words, and closes: what else is on this connection is not looked at. */
export function sayNo(res: ServerResponse, status: number, message: string): void {
  const body = `causeway cache: ${message}\n`
  res.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  })
  res.end(body)
}
