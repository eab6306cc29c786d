import type { Readable } from 'node:stream'
import type { Kind } from '../formats/kinds.ts'
import type { Headers } from '../headers.ts'
import type { Origin } from '../origins.ts'

/** One request to an origin, or to whichever place has the same file. */
export interface UpstreamAsk {
  readonly origin: Origin
  readonly method: 'GET' | 'HEAD'
  /** Path and query. */
  readonly path: string
  /** What the file is: only what never changes is asked for at siblings, and wherever it comes fastest. Default: `other`. */
  readonly kind?: Kind
  /** Conditions, a range, credentials, the client's Via: by lower-case name; what else there is isn't passed on. */
  readonly headers: Headers
  /** Only this place (`UpstreamResponse.place`): for the further ranges of one body. */
  readonly place?: string
  /** Places that broke off or gave something wrong for this file: not asked. Without any other, `OriginUnreachable`. */
  readonly avoid?: readonly string[]
  /** Aborts the request, or its body. */
  readonly signal?: AbortSignal
}

/** What an origin answers. The body must be read to its end or destroyed. */
export interface UpstreamResponse {
  readonly status: number
  /** Without those that belong to the connection. */
  readonly headers: Headers
  /** Bytes announced by Content-Length: of this body, so of the range where one was asked for. */
  readonly length: number | undefined
  /** Whether the end of the body can be told from a broken connection. */
  readonly framed: boolean
  readonly body: Readable & AsyncIterable<Buffer>
  /** Which server answered: the base URL of the origin, a mirror, a sibling or the parent. */
  readonly place: string
  /** Milliseconds from the request to the head of its answer on the connection: a round trip or more. Undefined: not known. */
  readonly headMs?: number
}

/**
 * The way to the origins.
 *
 * One `ask` is answered by the best place that answers: a sibling that has the file and is nearer, the parent, the origin,
 * its mirrors. Redirects are followed inside. Whatever a place answers counts as its answer unless it is a failure of the
 * place (no connection, a broken one before the head, 5xx, 429), which the next place may make good.
 */
export interface Upstream {
  /** @throws CausewayError `OriginUnreachable` when no place answers (at once where that is known), `TargetRefused` */
  ask(ask: UpstreamAsk): Promise<UpstreamResponse>
  /** Breaks off whatever is under way. */
  close(): Promise<void>
}
