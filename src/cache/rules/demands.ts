import type { Headers } from '../headers.ts'
import { cacheControl } from './cache-control.ts'

/** What a client asks of the cache itself. */
export interface Demands {
  /** That the origin is asked also about what is fresh. */
  readonly askAgain: boolean
  /** That nothing is asked of any origin: what isn't kept, or isn't fresh, is a 504. */
  readonly onlyKept: boolean
}

const none: Demands = { askAgain: false, onlyKept: false }

/**
 * Reads a request's `Cache-Control` and `Pragma` (RFC 9111, sections 5.2.1 and 5.4).
 *
 * `no-cache` has an index or another file confirmed by its origin. For a package it is ignored: there is nothing that the
 * origin could say. `only-if-cached` is what caches of other sites ask with. The others are ignored, `max-age`
 * above all: apt sends `max-age=0` with every index, and what to hold of that is the admin's word (`indexes.fresh`).
 */
export function demandsOf(headers: Headers): Demands {
  if (headers['cache-control'] === undefined) return headers['pragma'] === 'no-cache' ? again : none
  const directives = cacheControl(headers)
  return { askAgain: directives.has('no-cache'), onlyKept: directives.has('only-if-cached') }
}

const again: Demands = { askAgain: true, onlyKept: false }
