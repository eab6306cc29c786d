import { CausewayError } from '../../base/errors.ts'
import { addressInSubnet, bridgeName, parseAddress, parseNetwork, segmentMtu, vxlanName } from '../addressing.ts'
import type { Gateway, Overlay } from '../overlay.ts'
import type { GatewayState, Local, Remote } from './gateway-state.ts'
import { desiredTables } from './tables.ts'

/**
 * What one gateway's kernel should hold so that its site is part of the overlay.
 * @throws CausewayError `NotFound` when the overlay has no such gateway; `InvalidRequest` when the overlay can't be: an
 *   address or MAC used twice or malformed, an address outside the subnet, a member behind no gateway.
 */
export function desiredState(overlay: Overlay, gatewayName: string): GatewayState {
  checkOverlay(overlay)
  const gateway = overlay.gateways.find((one) => one.name === gatewayName)
  if (gateway === undefined) throw new CausewayError('NotFound', `the overlay has no gateway '${gatewayName}'`)
  const mtu = segmentMtu(overlay)
  return {
    gateway: gateway.name,
    vni: overlay.vni,
    subnet: overlay.subnet,
    bridge: {
      name: bridgeName(overlay.vni),
      mac: gateway.mac,
      mtu,
      address: `${gateway.address}/${parseNetwork(overlay.subnet).prefix}`,
    },
    vxlan: {
      name: vxlanName(overlay.vni),
      local: gateway.underlay,
      mtu: Math.max(1500, overlay.underlayMtu),
    },
    remotes: remotesOf(overlay, gateway),
    locals: localsOf(overlay, gateway),
    tables: desiredTables(overlay, gateway),
    sysctls: desiredSysctls(gateway),
  }
}

/** Everyone behind another gateway. Gateways' own bridges are stations too: nodes and the head talk to them. */
function remotesOf(overlay: Overlay, gateway: Gateway): readonly Remote[] {
  const remotes = new Map<string, Remote>()
  for (const other of overlay.gateways) {
    if (other.name === gateway.name) continue
    for (const station of [other, ...overlay.members.filter((member) => member.gateway === other.name)]) {
      remotes.set(station.mac, { mac: station.mac, address: station.address, underlay: other.underlay })
    }
  }
  return byMac([...remotes.values()])
}

function localsOf(overlay: Overlay, gateway: Gateway): readonly Local[] {
  const locals: Local[] = []
  for (const { name, mac, port, gateway: behind } of overlay.members) {
    if (behind === gateway.name && port !== null) locals.push({ name, mac, port })
  }
  return byMac(locals)
}

/** Bridged frames must not pass the host's IP filters; a gateway that serves nodes must forward. */
function desiredSysctls(gateway: Gateway): Record<string, string> {
  const forwards = gateway.routes || gateway.interception !== null
  return {
    'net.bridge.bridge-nf-call-arptables': '0',
    'net.bridge.bridge-nf-call-ip6tables': '0',
    'net.bridge.bridge-nf-call-iptables': '0',
    ...(forwards ? { 'net.ipv4.ip_forward': '1' } : {}),
  }
}

function byMac<T extends { readonly mac: string }>(stations: readonly T[]): readonly T[] {
  return [...stations].sort((a, b) => (a.mac < b.mac ? -1 : a.mac > b.mac ? 1 : 0))
}

/** Refuses an overlay that can't be. What passes holds no character that would mean something to ip, bridge or nft. */
function checkOverlay(overlay: Overlay): void {
  const owners = new Map<string, string>()
  const claim = (what: string, owner: string) => {
    const other = owners.get(what)
    if (other !== undefined && other !== owner) throw invalid(`${what} belongs to both ${other} and ${owner}`)
    owners.set(what, owner)
  }
  const checkStation = (name: string, address: string, mac: string, owner: string) => {
    if (!/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00') {
      throw invalid(`${name}: not a unicast MAC in lower case: '${mac}'`)
    }
    if (!addressInSubnet(address, overlay.subnet)) throw invalid(`${name}: ${address} is outside ${overlay.subnet}`)
    claim(`address ${address}`, owner)
    claim(`MAC ${mac}`, owner)
  }

  const gatewayNames = new Set<string>()
  for (const gateway of overlay.gateways) {
    if (gatewayNames.has(gateway.name)) throw invalid(`two gateways are named '${gateway.name}'`)
    gatewayNames.add(gateway.name)
    parseAddress(gateway.underlay)
    claim(`underlay ${gateway.underlay}`, gateway.name)
    checkStation(gateway.name, gateway.address, gateway.mac, `the bridge at ${gateway.name}`)
    const { interception } = gateway
    if (interception === null) continue
    for (const origin of interception.origins) parseAddress(origin)
    if (!Number.isInteger(interception.port) || interception.port < 1 || interception.port > 65_535) {
      throw invalid(`${gateway.name}: not a TCP port: ${interception.port}`)
    }
  }
  for (const { name, address, mac, gateway, port } of overlay.members) {
    if (!gatewayNames.has(gateway)) throw invalid(`${name} is behind '${gateway}', which is no gateway`)
    checkStation(name, address, mac, port === null ? `the bridge at ${gateway}` : name)
    if (port !== null && !/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,14}$/.test(port)) {
      throw invalid(`${name}: not a device name: '${port}'`)
    }
    if (port !== null) claim(`port ${port} at ${gateway}`, name)
  }
}

function invalid(message: string): CausewayError {
  return new CausewayError('InvalidRequest', message)
}
