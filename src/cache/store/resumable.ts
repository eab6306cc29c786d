import type { Headers } from '../headers.ts'
import type { IncomingHead } from './port.ts'

/**
 * Whether a transfer that is broken off now can be continued later: only where the rest can be told to belong to the same
 * content. That takes a strong validator to send as `If-Range` (RFC 9110, section 13.1.5), or a digest to compare in the
 * end.
 */
export function mayResume({
  status,
  headers,
  expected,
}: Pick<IncomingHead, 'status' | 'headers' | 'expected'>): boolean {
  return status === 200 && (expected !== undefined || strongValidator(headers) !== undefined)
}

/**
 * What a response's content can be recognized by, to the byte: an entity tag that is not weak, or else a time of
 * modification at least a second before the response was made (RFC 9110, section 8.8.2.2).
 * @returns The value for `If-Range`.
 */
export function strongValidator(headers: Headers): string | undefined {
  const etag = headers['etag']
  if (etag !== undefined) return /^"[^"]*"$/.test(etag) ? etag : undefined
  const modified = headers['last-modified']
  const modifiedMs = Date.parse(modified ?? '')
  const madeMs = Date.parse(headers['date'] ?? '')
  return madeMs - modifiedMs >= 1000 ? modified : undefined
}
