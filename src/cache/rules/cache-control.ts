import type { Headers } from '../headers.ts'

/** Directives in lower case; those without a value map to ''. Of one that is said twice the first (RFC 9111, section 4.2.1). */
export type Directives = ReadonlyMap<string, string>

/**
 * A `Cache-Control` header, of a request or a response, taken apart. RFC 9111, section 5.2. A comma inside quotes (as in
 * `private="a, b"`) ends nothing.
 */
export function cacheControl(headers: Headers): Directives {
  const directives = new Map<string, string>()
  for (const [, name = '', quoted, bare = ''] of (headers['cache-control'] ?? '').matchAll(directive)) {
    const known = name.toLowerCase()
    if (!directives.has(known)) directives.set(known, quoted ?? bare)
  }
  return directives
}

const directive = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,"]*)))?/g

/** Seconds that 'forever' is cut down to: what 31 bits hold (RFC 9111, section 1.2.2). */
const mostSeconds = 2 ** 31

/** A number of seconds; undefined for anything else. */
export function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Math.min(Number(text), mostSeconds) : undefined
}
