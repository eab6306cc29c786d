import type { Overlay } from '../network/overlay.ts'

/** What came of applying the overlay at one gateway. */
interface GatewayOutcome {
  /** Names of members whose port is not there yet: to be applied again. */
  readonly pending: readonly string[]
}

/** Brings one gateway to what the overlay says of it; idempotent. Rejects with a `CausewayError`. */
export type ApplyGateway = (overlay: Overlay, gateway: string) => Promise<GatewayOutcome>

/**
 * Tells a site's package cache to bring what some roles install; resolves once it has begun, not when all is there.
 * Idempotent, and cheap where all is there. Rejects with a `CausewayError`: `InvalidRequest` for a role that the cache does
 * not know, which no retry helps.
 */
export type WarmCache = (site: string, roles: readonly string[]) => Promise<void>
