import type { Overlay } from '../network/overlay.ts'

/** What came of applying the overlay at one gateway. */
interface GatewayOutcome {
  /** Names of members whose port is not there yet: to be applied again. */
  readonly pending: readonly string[]
}

/** Brings one gateway to what the overlay says of it; idempotent. Rejects with a `CausewayError`. */
export type ApplyGateway = (overlay: Overlay, gateway: string) => Promise<GatewayOutcome>
