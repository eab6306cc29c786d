import type { Kind } from '../formats/kinds.ts'
import type { Headers } from '../headers.ts'
import { cacheControl, seconds } from './cache-control.ts'
import { httpDate } from './http-date.ts'

/**
 * Whether a kept response may be served without asking its origin:
 * - a package always: its name says its content, whatever its headers say;
 * - an index for as long as the admin said after its origin confirmed it, usually not at all;
 * - others for as long as their origin said (RFC 9111, section 4.2; no heuristic freshness).
 *
 * What was confirmed in the future was so by a clock that has since been put back. How old it really is is not known, so
 * but for packages it is not fresh.
 *
 * @param validatedAtMs When the origin last said that it is so, in milliseconds since the epoch.
 * @param indexFreshMs How long an index is fresh, milliseconds.
 */
export function isFresh(kind: Kind, headers: Headers, validatedAtMs: number, nowMs: number, indexFreshMs = 0): boolean {
  if (kind === 'package') return true
  if (nowMs < validatedAtMs) return false
  if (kind === 'index') return nowMs - validatedAtMs < indexFreshMs
  return ageSeconds(headers, validatedAtMs, nowMs) < lifetimeSeconds(headers, validatedAtMs)
}

/**
 * For how many seconds a response is fresh: `s-maxage`, else `max-age`, else `Expires` less `Date` (RFC 9111, section
 * 4.2.1). Nothing, or nothing that can be read, is 0 (section 4.2.1 and 5.3: "treat ... as already expired"), as is
 * `no-cache` (section 5.2.2.4; also with field names, which section 5.2.2.4 allows to be taken for all of it).
 *
 * @param validatedAtMs Stands in for a `Date` that is missing.
 */
export function lifetimeSeconds(headers: Headers, validatedAtMs: number): number {
  const directives = cacheControl(headers)
  if (directives.has('no-cache')) return 0
  const said = directives.get('s-maxage') ?? directives.get('max-age')
  if (said !== undefined) return seconds(said) ?? 0
  const expires = httpDate(headers['expires'])
  const date = httpDate(headers['date'])
  if (Number.isNaN(expires)) return 0
  return Math.max(0, (expires - (Number.isNaN(date) ? validatedAtMs : date)) / 1000)
}

/**
 * Whole seconds since the origin made or confirmed the response: the age that it came with, and how long it has been here
 * (RFC 9111, section 4.2.3). Its `Date` is not compared with this machine's clock, as that section also does: where
 * the two clocks differ by an hour, everything would be an hour old, or fresh an hour too long.
 */
export function ageSeconds(headers: Headers, validatedAtMs: number, nowMs: number): number {
  return (seconds(headers['age']) ?? 0) + Math.max(0, Math.floor((nowMs - validatedAtMs) / 1000))
}

/**
 * Whether a response that is no longer fresh may be served when its origin cannot be asked (RFC 9111, section 4.2.4). Not
 * where the origin forbids that: `must-revalidate`, `proxy-revalidate`, `no-cache`, `s-maxage` (section 5.2.2.10), or
 * longer ago than its `stale-if-error` says (RFC 5861, section 4).
 *
 * Indexes always may, whatever their headers say. This is on purpose other than the RFC: that nodes can be installed while the
 * WAN is cut is what the cache is for, and indexes are signed and carry their own last day of use.
 */
export function mayServeStale(kind: Kind, headers: Headers, validatedAtMs: number, nowMs: number): boolean {
  if (kind !== 'other') return true
  const directives = cacheControl(headers)
  if (forbidStale.some((name) => directives.has(name))) return false
  const bound = directives.get('stale-if-error')
  if (bound === undefined) return true
  const staleSeconds = ageSeconds(headers, validatedAtMs, nowMs) - lifetimeSeconds(headers, validatedAtMs)
  return staleSeconds <= (seconds(bound) ?? 0)
}

const forbidStale = ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage']

/**
 * Whether a response to a GET without credentials may be kept and shown to other clients (RFC 9111, section 3).
 *
 * Origins are asked in the cache's own words, the same for all clients (any type, no encoding, no language), so what
 * varies by those is one response for all who ask here. What varies by who asks is not shared (section 4.1).
 */
export function mayKeep(status: number, headers: Headers): boolean {
  if (status !== 200) return false
  const varies = (headers['vary'] ?? '').toLowerCase().split(',')
  if (varies.some((name) => personalFields.has(name.trim()))) return false
  const directives = cacheControl(headers)
  return !directives.has('no-store') && !directives.has('private')
}

const personalFields: ReadonlySet<string> = new Set(['*', 'authorization', 'cookie'])

/**
 * The headers that ask an origin whether an index is still so. None where the answer proves nothing: a file that was
 * changed within a second of its Last-Modified may have been changed again in it (RFC 9110, section 8.8.2.2), and the
 * entity tags of common servers are made of that second.
 */
export function indexValidators(headers: Headers): Record<string, string> {
  const apart = httpDate(headers['date']) - httpDate(headers['last-modified'])
  return apart < 2_000 ? {} : validators(headers)
}

/** The headers that ask an origin whether what is kept is still so; none when there is nothing to compare by. */
export function validators(headers: Headers): Record<string, string> {
  const conditions: Record<string, string> = {}
  if (headers['etag']) conditions['if-none-match'] = headers['etag']
  if (headers['last-modified']) conditions['if-modified-since'] = headers['last-modified']
  return conditions
}
