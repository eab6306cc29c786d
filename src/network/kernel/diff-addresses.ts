import { contains, parseIpv4 } from '../../base/ipv4.ts'
import { contains6, parseIpv6, parseSubnet6 } from '../../base/ipv6.ts'
import { parseNetwork } from '../addressing.ts'
import type { ActualState } from './actual-state.ts'
import type { GatewayState } from './gateway-state.ts'

/** Brings the bridge to the one address of each family that it should have in the segment; others' addresses stay. */
export function diffAddresses(actual: ActualState, desired: GatewayState): readonly string[] {
  const present = actual.links.find((link) => link.name === desired.bridge.name)?.addresses ?? []
  const isSix = (address: string) => address.includes(':')
  return [
    ...diffIpv4(
      present.filter((one) => !isSix(one)),
      desired,
    ),
    ...diffIpv6(present.filter(isSix), desired),
  ]
}

/**
 * Deletes first, for once: an address added beside an old one of the same subnet goes away together with it. The later
 * ones first, for the same reason.
 */
function diffIpv4(present: readonly string[], { subnet, bridge: { name, address } }: GatewayState): readonly string[] {
  const network = parseNetwork(subnet)
  const isOurs = (one: string) => contains(network, parseIpv4(one.split('/')[0] ?? '') ?? -1)
  const stale = present.filter((one) => one !== address && isOurs(one))
  // With an old one gone, the kernel may have taken ours along: put it back (`replace` bears that it is still there).
  const lost = stale.length > 0 || !present.includes(address)
  return [
    ...stale.toReversed().map((one) => `address del ${one} dev ${name}`),
    ...(lost ? [`address replace ${address} broadcast + dev ${name}`] : []),
  ]
}

/**
 * Ours are the addresses in the cluster's IPv6 subnet, and those of a subnet that it had before: they end in an address of
 * the cluster's IPv4 subnet. Without duplicate address detection: the controller sees to it that there is no other, and until
 * a bridge has a port that is up, its address could not be used.
 */
function diffIpv6(
  present: readonly string[],
  { subnet, subnet6, bridge: { name, address6 } }: GatewayState,
): readonly string[] {
  const network = parseNetwork(subnet)
  const network6 = subnet6 === null ? null : parseSubnet6(subnet6)
  const isOurs = (one: string) => {
    const value = parseIpv6(one.split('/')[0] ?? '') ?? 0n
    return contains(network, Number(value & 0xffff_ffffn)) || (network6 !== null && contains6(network6, value))
  }
  return [
    ...(address6 === null || present.includes(address6) ? [] : [`address replace ${address6} dev ${name} nodad`]),
    ...present.filter((one) => one !== address6 && isOurs(one)).map((one) => `address del ${one} dev ${name}`),
  ]
}
