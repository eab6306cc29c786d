import { addressFamily, contains6, parseIpv6, parseSubnet6 } from '../../base/ipv6.ts'
import { addressInSubnet, bridgeName, joinPort, tableName, towardPort } from '../addressing.ts'
import { bgpPort } from '../evpn/speaker.ts'
import type { Gateway, Overlay } from '../overlay.ts'
import { canonical } from './check-overlay.ts'
import { vxlanPort } from './gateway-state.ts'
import { guardTable } from './guard.ts'
import { anyOf, type Chain, makeChain, type Table, type TableSet } from './table.ts'

/**
 * The set that the cache keeps alive: it adds the element 80 with a short timeout again and again while it serves, and
 * only ports in the set are redirected. When the cache dies or hangs, the kernel itself drops the element and the nodes'
 * connections go the direct way.
 */
const cacheAlive: TableSet = {
  name: 'cache_alive',
  type: 'type inet_service',
  told: 'inet_service',
  flags: ['timeout'],
  elements: null,
}

/** Addresses that are used inside of sites only: unique local ones (RFC 4193). */
const uniqueLocal = { base: 0xfcn << 120n, prefix: 7 }

/** What is alike in the tables `ip` and `ip6`. */
interface Family {
  readonly family: 'ip' | 'ip6'
  /** The cluster's subnet; null where it has none in this family. */
  readonly subnet: string | null
  /** Whether what leaves the segment must get the gateway's address. */
  readonly masquerade: boolean
  /** The origins whose plain HTTP goes to the cache. */
  readonly origins: readonly string[]
  /** Those of them that are in the segment. */
  readonly inside: readonly string[]
}

/**
 * The nftables tables of a gateway.
 *
 * `ip` and `ip6`: redirect its nodes' plain HTTP for the origins to the cache (only what arrives over the bridge: the
 * gateway's own requests, and so the cache's, go out untouched), masquerade what its nodes send outside the segment, route
 * nothing to or from another cluster's segment, and take frames in tunnels from nobody who may not send them.
 * `bridge`: the guard. And where an origin lies inside the segment, frames to it are bridged, not routed, so the other
 * tables would never see them: they are addressed to the bridge's MAC instead and thereby handed to the gateway. While the
 * cache is away the gateway routes them on to the origin.
 */
export function desiredTables(overlay: Overlay, gateway: Gateway): readonly Table[] {
  const families = [family4(overlay, gateway), family6(overlay, gateway)]
  return [
    ...families.map((family) => routingTable(overlay, gateway, family)),
    guardTable(overlay, gateway, handOver(gateway, families)),
  ]
}

function family4({ subnet }: Overlay, { interception, routes }: Gateway): Family {
  const origins = (interception?.origins ?? []).filter((origin) => addressFamily(origin) === 4)
  const inside = origins.filter((origin) => addressInSubnet(origin, subnet))
  return { family: 'ip', subnet, masquerade: routes, origins, inside }
}

function family6({ subnet6 }: Overlay, { interception, routes }: Gateway): Family {
  const network = subnet6 === null ? null : parseSubnet6(subnet6)
  if (network === null) return { family: 'ip6', subnet: null, masquerade: false, origins: [], inside: [] }
  const origins = (interception?.origins ?? []).filter((origin) => addressFamily(origin) === 6)
  const inside = origins.filter((origin) => contains6(network, parseIpv6(origin) ?? 0n))
  const masquerade = routes && contains6(uniqueLocal, network.base)
  return { family: 'ip6', subnet: subnet6, masquerade, origins, inside }
}

function routingTable(overlay: Overlay, gateway: Gateway, about: Family): Table {
  const { vni } = overlay
  const { family, subnet, masquerade, origins } = about
  const bridge = bridgeName(vni)
  const redirects = subnet !== null && origins.length > 0
  const chains = [
    makeChain('isolate', { type: 'filter', hook: 'forward', priority: 0 }, [
      ...carriers(overlay),
      ...isolation(bridge, about),
    ]),
    makeChain('inward', { type: 'filter', hook: 'input', priority: 0 }, [
      ...carriers(overlay),
      ...joined(overlay, gateway, family),
    ]),
  ]
  if (redirects) {
    const rule =
      `iifname "${bridge}" ${family} saddr ${subnet} ${family} daddr ${anyOf(origins)} ` +
      `tcp dport 80 tcp dport @${cacheAlive.name} redirect to :${gateway.interception?.port}`
    chains.push(makeChain('intercept', { type: 'nat', hook: 'prerouting', priority: -100 }, [rule]))
  }
  if (masquerade) {
    const rule = `${family} saddr ${subnet} ${family} daddr != ${subnet} oifname != "${bridge}" masquerade`
    chains.push(makeChain('outward', { type: 'nat', hook: 'postrouting', priority: 100 }, [rule]))
  }
  return { family, name: tableName(vni), counters: [], sets: redirects ? [cacheAlive] : [], chains }
}

/**
 * What gateways tell each other, and nodes that join by themselves their gateway, never comes out of the segment: a node could
 * else make frames of any sender, for its gateway would route them out under its own address, which the others trust.
 */
function carriers({ vni, mode }: Overlay): readonly string[] {
  const from = `iifname "${bridgeName(vni)}"`
  return [
    `${from} udp dport { ${towardPort}, ${joinPort}, ${vxlanPort} } drop`,
    ...(mode.kind === 'evpn' ? [`${from} tcp dport ${bgpPort(vni)} drop`] : []),
  ]
}

/**
 * Drops the frames of nodes that join by themselves unless each comes from the address that its site gave to that node. By
 * the guard, which can't see that address any more, a node could send as another of its site. In VXLAN the VNI is 12 bytes
 * behind UDP's first, and the frame's source MAC 22 (RFC 7348, section 5).
 */
function joined({ vni, members }: Overlay, gateway: Gateway, family: Family['family']): readonly string[] {
  const { name, underlay, joins } = gateway
  if (joins !== true || (addressFamily(underlay) === 4 ? 'ip' : 'ip6') !== family) return []
  const known = members.flatMap(({ gateway: behind, mac, via }) =>
    behind === name && typeof via === 'string' ? [`${canonical(name, via)} . 0x${mac.replaceAll(':', '')}`] : [],
  )
  const others = known.length === 0 ? '' : `${family} saddr . @th,176,48 != ${anyOf(known)} `
  return [
    `udp dport ${joinPort} @th,96,24 ${vni} ${others}counter drop`,
    // To the device that leads to them nobody sends.
    `udp dport ${towardPort} @th,96,24 ${vni} counter drop`,
  ]
}

/**
 * Nothing is routed between the segment and any other device of ours (another cluster's segment, tunnels), nor does anything
 * leave the segment with a source outside of it.
 */
function isolation(bridge: string, { family, subnet }: Family): readonly string[] {
  return [
    `iifname "${bridge}" oifname "cw*" oifname != "${bridge}" drop`,
    `oifname "${bridge}" iifname "cw*" iifname != "${bridge}" drop`,
    `iifname "${bridge}" ${subnet === null ? '' : `${family} saddr != ${subnet} `}drop`,
  ]
}

/** Hands the frames for origins in the segment to the gateway. */
function handOver({ mac }: Gateway, families: readonly Family[]): readonly Chain[] {
  const rules = families
    .filter((one) => one.inside.length > 0)
    .map(
      ({ family, subnet, inside }) =>
        `iifname @ports ${family} saddr ${subnet} ${family} daddr ${anyOf(inside)} ` +
        `tcp dport 80 ether daddr set ${mac} meta pkttype set host`,
    )
  return rules.length === 0
    ? []
    : [makeChain('intercept', { type: 'filter', hook: 'prerouting', priority: -300 }, rules)]
}
