import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/**
 * The token that the reports of one life must carry: HMAC-SHA256 of its id under the controller's secret, safe in a header
 * and in a shell word. Derived, not drawn: a create repeated after a crash seeds the same one, and a machine that the first
 * try did start is still believed.
 */
export function tokenFor(secret: Uint8Array, id: string): string {
  return createHmac('sha256', secret).update(id).digest('base64url')
}

/** SHA-256 in hex: all that is stored of a token. The tokens are as good as random, so no salt is needed. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** Whether the token belongs to the hash, in time that does not depend on where they differ. */
export function matchesHash(token: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(hash.padEnd(64).slice(0, 64)))
}
