import type { Kind } from '../formats/kinds.ts'
import type { Headers } from '../headers.ts'

/** A `Cache-Control` header as directives in lower case; those without a value map to ''. RFC 9111, section 5.2. */
function cacheControl(headers: Headers): ReadonlyMap<string, string> {
  const directives = new Map<string, string>()
  for (const part of (headers['cache-control'] ?? '').split(',')) {
    const [name = '', value = ''] = part.split('=', 2)
    if (name.trim()) directives.set(name.trim().toLowerCase(), value.trim().replace(/^"|"$/g, ''))
  }
  return directives
}

/**
 * Whether a kept response may be served without asking its origin. Packages always, indexes never; others as long as
 * their origin said (RFC 9111, section 4.2.1; no heuristic freshness).
 *
 * @param validatedAtMs When the origin last said that it is so, in milliseconds since the epoch.
 */
export function isFresh(kind: Kind, headers: Headers, validatedAtMs: number, nowMs: number): boolean {
  if (kind !== 'other') return kind === 'package'
  return ageSeconds(headers, validatedAtMs, nowMs) < lifetimeSeconds(headers)
}

function lifetimeSeconds(headers: Headers): number {
  const directives = cacheControl(headers)
  if (directives.has('no-cache')) return 0
  const said = directives.get('s-maxage') ?? directives.get('max-age')
  if (said !== undefined) return /^\d+$/.test(said) ? Number(said) : 0
  const expires = Date.parse(headers['expires'] ?? '')
  const date = Date.parse(headers['date'] ?? '')
  return Number.isNaN(expires) || Number.isNaN(date) ? 0 : Math.max(0, (expires - date) / 1000)
}

/** Whole seconds since the origin made or confirmed the response. RFC 9111, section 4.2.3, without clock skew. */
export function ageSeconds(headers: Headers, validatedAtMs: number, nowMs: number): number {
  const before = /^\d+$/.test(headers['age'] ?? '') ? Number(headers['age']) : 0
  return before + Math.max(0, Math.floor((nowMs - validatedAtMs) / 1000))
}

/** Whether a response to a GET may be kept and shown to other clients. RFC 9111, section 3. */
export function mayKeep(status: number, headers: Headers): boolean {
  const directives = cacheControl(headers)
  return (
    status === 200 &&
    !directives.has('no-store') &&
    !directives.has('private') &&
    !(headers['vary'] ?? '').includes('*')
  )
}

/** The headers that ask an origin whether what is kept is still so; none when there is nothing to compare by. */
export function validators(headers: Headers): Record<string, string> {
  const conditions: Record<string, string> = {}
  if (headers['etag']) conditions['if-none-match'] = headers['etag']
  if (headers['last-modified']) conditions['if-modified-since'] = headers['last-modified']
  return conditions
}
