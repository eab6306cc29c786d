import { isDeepStrictEqual } from 'node:util'
import type { Member, Overlay } from '../network/overlay.ts'

/**
 * Whether a gateway has anything to do when one overlay takes the place of another. Where BGP tells the gateways of each
 * other's members, only the gateway that a member is behind has; but name servers on the gateways know all members.
 */
export function concerns(gateway: string, before: Overlay, after: Overlay): boolean {
  if (after.mode.kind !== 'evpn' || after.services !== null) return true
  const { members: were, ...restBefore } = before
  const { members: are, ...restAfter } = after
  const behind = (members: readonly Member[]) => members.filter((member) => member.gateway === gateway)
  return !isDeepStrictEqual(restBefore, restAfter) || !isDeepStrictEqual(behind(were), behind(are))
}
