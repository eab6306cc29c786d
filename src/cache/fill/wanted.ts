import type { Kind } from '../formats/kinds.ts'
import type { Origin } from '../origins.ts'
import type { Expected } from '../verify/expected.ts'

/** A file of an origin that somebody wants: a client, or the cache ahead of need. */
export interface Wanted {
  readonly origin: Origin
  /** Path and query, as the origin is asked for it. */
  readonly path: string
  /**
   * What the response is kept under. Usually `keyOf(origin, path)`; one version of an index that changes under its name
   * is kept under that and `#` with its SHA-256, which no request can name.
   */
  readonly key: string
  readonly kind: Kind
  /** What a signed index says of its content; a body that is something else is neither kept nor served whole. */
  readonly expected: Expected | undefined
  /** The caches that asked each other for it, as their Via names them: one that is asked again refuses. */
  readonly via?: string
}
