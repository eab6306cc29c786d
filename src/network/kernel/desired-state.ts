import { CausewayError } from '../../base/errors.ts'
import {
  bridgeName,
  joinName,
  joinPort,
  parseNetwork,
  segmentMtu,
  towardName,
  towardPort,
  vxlanName,
} from '../addressing.ts'
import type { Gateway, Overlay } from '../overlay.ts'
import type { PortFlags } from './actual-state.ts'
import { underlayOf } from './check-overlay.ts'
import type { GatewayState, Local, Remote } from './gateway-state.ts'
import { type Stations, stationsOf } from './stations.ts'
import { desiredTables } from './tables.ts'

/**
 * What one gateway's kernel should hold so that its site is part of the overlay. The overlay must never change: what all
 * gateways share is worked out once for each overlay object.
 * @throws CausewayError `NotFound` when the overlay has no such gateway; `InvalidRequest` as `checkOverlay`.
 */
export function desiredState(overlay: Overlay, gatewayName: string): GatewayState {
  const stations = stationsOf(overlay)
  const gateway = overlay.gateways.find((one) => one.name === gatewayName)
  if (gateway === undefined) throw new CausewayError('NotFound', `the overlay has no gateway '${gatewayName}'`)
  const { vni, subnet, subnet6, mode } = overlay
  return {
    gateway: gateway.name,
    vni,
    subnet,
    subnet6,
    bridge: {
      name: bridgeName(vni),
      mac: gateway.mac,
      mtu: segmentMtu(overlay),
      address: `${gateway.address}/${parseNetwork(subnet).prefix}`,
      address6: subnet6 === null ? null : `${gateway.address6}/${subnet6.split('/')[1]}`,
    },
    vxlan: {
      name: vxlanName(vni),
      local: stations.endpoints.get(gateway.name) ?? '',
      mtu: Math.max(1500, overlay.underlayMtu),
      mode: mode.kind,
      flags: vxlanFlags(overlay),
      floods: floodsOf(overlay, gateway, stations),
    },
    join: joinOf(overlay, gateway),
    ...placesOf(stations, gateway),
    tables: desiredTables(overlay, gateway),
    sysctls: desiredSysctls(overlay, gateway),
  }
}

/** Who is behind other gateways, and who behind this one. A loop: it runs for each gateway over all members. */
function placesOf({ all }: Stations, { name }: Gateway): Pick<GatewayState, 'remotes' | 'locals'> {
  const remotes: Remote[] = []
  const locals: Local[] = []
  for (const { gateway, remote, local } of all) {
    if (gateway !== name) remotes.push(remote)
    else if (local !== null) locals.push(local)
  }
  return { remotes, locals }
}

/**
 * How the VXLAN device behaves as the bridge's port: ARP and ND for those it leads to are answered by the bridge, its frames
 * teach the bridge nothing, and of what nobody knows only that is flooded into it which the overlay allows.
 */
function vxlanFlags({ flood }: Overlay): PortFlags {
  return {
    neigh_suppress: true,
    learning: false,
    flood: flood.unknown,
    mcast_flood: flood.broadcast,
    bcast_flood: flood.broadcast,
  }
}

/**
 * Where nodes join. Broadcasts are not sent to them; who asks for the address of one of them, another of them included, is
 * answered by the bridge. For that it must be another port that leads to them than they ask by (`towardName`).
 */
function joinOf({ vni, underlayMtu }: Overlay, gateway: Gateway): GatewayState['join'] {
  if (gateway.joins !== true) return null
  const both = { local: underlayOf(gateway), mtu: Math.max(1500, underlayMtu) }
  const flags = { learning: false, flood: false, mcast_flood: false, bcast_flood: false }
  return {
    from: { ...both, name: joinName(vni), port: joinPort, flags: { ...flags, neigh_suppress: false } },
    toward: { ...both, name: towardName(vni), port: towardPort, flags: { ...flags, neigh_suppress: true } },
  }
}

/** A copy of each flooded frame goes to each other gateway; under BGP its daemon says so (RFC 7432, section 11). */
function floodsOf({ mode, flood }: Overlay, gateway: Gateway, { endpoints }: Stations): readonly string[] {
  if (mode.kind !== 'static' || !(flood.broadcast || flood.unknown)) return []
  return [...endpoints].filter(([name]) => name !== gateway.name).map(([, endpoint]) => endpoint)
}

/**
 * Bridged frames must not pass the host's IP filters; a gateway that serves nodes must forward; no router of the segment
 * tells a gateway where to send its own traffic.
 */
function desiredSysctls({ vni, subnet6 }: Overlay, gateway: Gateway): Record<string, string> {
  const forwards = gateway.routes || gateway.interception !== null
  const bridge = `net.ipv6.conf.${bridgeName(vni)}`
  return {
    'net.bridge.bridge-nf-call-arptables': '0',
    'net.bridge.bridge-nf-call-ip6tables': '0',
    'net.bridge.bridge-nf-call-iptables': '0',
    ...(forwards ? { 'net.ipv4.ip_forward': '1' } : {}),
    [`${bridge}.accept_ra`]: '0',
    ...(subnet6 === null ? {} : { [`${bridge}.disable_ipv6`]: '0' }),
    ...(subnet6 !== null && forwards ? { 'net.ipv6.conf.all.forwarding': '1' } : {}),
  }
}
