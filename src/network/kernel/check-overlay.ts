import { CausewayError } from '../../base/errors.ts'
import { contains, type Subnet } from '../../base/ipv4.ts'
import { addressFamily, contains6, formatIpv6, parseIpv6, parseSubnet6, type Subnet6 } from '../../base/ipv6.ts'
import {
  bridgeName,
  joinName,
  parseAddress,
  parseNetwork,
  segmentMtu,
  towardName,
  tunnelAddress,
  vxlanName,
} from '../addressing.ts'
import type { Gateway, Member, Overlay } from '../overlay.ts'

/** The least MTU that IPv6 works with, bytes (RFC 8200, section 5). */
const leastMtu6 = 1280

/**
 * Refuses an overlay that can't be. What passes holds no character that would mean something to ip, bridge or nft.
 * @throws CausewayError `InvalidRequest`: an address or MAC used twice or malformed, an address outside its subnet, a member
 *   behind no gateway, gateways that can't reach one another.
 */
export function checkOverlay(overlay: Overlay): void {
  const claim = claims()
  const station = stationCheck(overlay, claim)
  const gatewayNames = new Set<string>()
  for (const gateway of overlay.gateways) {
    if (gatewayNames.has(gateway.name)) throw invalid(`two gateways are named '${gateway.name}'`)
    gatewayNames.add(gateway.name)
    claim(`underlay ${gateway.underlay}`, gateway.name)
    claim(`underlay ${endpointOf(overlay, gateway)}`, gateway.name)
    station(gateway.name, gateway, `the bridge at ${gateway.name}`)
    checkInterception(gateway)
    if (gateway.router !== undefined && !contains(parseNetwork(overlay.subnet), parseAddress(gateway.router))) {
      throw invalid(`${gateway.name}: its router ${gateway.router} is outside the subnet`)
    }
    checkJoins(overlay, gateway)
  }
  checkFamilies(overlay)
  const devices = [bridgeName(overlay.vni), vxlanName(overlay.vni), towardName(overlay.vni)]
  for (const member of overlay.members) {
    const { name, gateway, port, fixed, via } = member
    if (!gatewayNames.has(gateway)) throw invalid(`${name} is behind '${gateway}', which is no gateway`)
    station(name, member, port === null ? `the bridge at ${gateway}` : name)
    if (port === null) continue
    if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,14}$/.test(port)) throw invalid(`${name}: not a device name: '${port}'`)
    if (devices.includes(port) || (port === joinName(overlay.vni) && via === undefined))
      throw invalid(`${name}: ${port} is the overlay's own device`)
    if (via !== undefined) {
      checkJoined(overlay, member)
      if (via !== null) claim(`underlay ${via}`, name)
      continue
    }
    // Behind a fixed member's port there may be more of them; a node's port is its own.
    claim(`port ${port} at ${gateway}`, fixed ? `the fixed members at ${port}` : name)
  }
}

/**
 * Where the other gateways' VXLAN devices send what is for a gateway: its underlay address, or its address in the tunnels
 * where the overlay is encrypted. IPv6 in canonical form, as the kernel prints it.
 * @throws CausewayError `InvalidRequest` when it has none.
 */
export function endpointOf({ encryption, subnet }: Overlay, gateway: Gateway): string {
  if (encryption !== null) return tunnelAddress(gateway.address, subnet, encryption.subnet)
  return underlayOf(gateway)
}

/** A gateway's underlay address as the kernel prints it. @throws CausewayError `InvalidRequest` when it is none. */
export function underlayOf({ name, underlay }: Gateway): string {
  return canonical(name, underlay)
}

/** An address of whoever is named so, as the kernel prints it. @throws CausewayError `InvalidRequest` when it is none. */
export function canonical(name: string, address: string): string {
  const six = parseIpv6(address)
  if (six !== null) return formatIpv6(six)
  if (addressFamily(address) === null) throw invalid(`${name}: not an IPv4 or IPv6 address: '${address}'`)
  return address
}

type Claim = (what: string, owner: string) => void

/** A function that refuses what another owner has claimed before. */
function claims(): Claim {
  const owners = new Map<string, string>()
  return (what, owner) => {
    const other = owners.get(what)
    if (other !== undefined && other !== owner) throw invalid(`${what} belongs to both ${other} and ${owner}`)
    owners.set(what, owner)
  }
}

interface Station {
  readonly address: string
  readonly address6: string | null
  readonly mac: string
}

function stationCheck(overlay: Overlay, claim: Claim): (name: string, station: Station, owner: string) => void {
  const network = parseNetwork(overlay.subnet)
  const network6 = parseNetwork6(overlay)
  return (name, { address, address6, mac }, owner) => {
    if (!/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00') {
      throw invalid(`${name}: not a unicast MAC in lower case: '${mac}'`)
    }
    checkAddresses(name, address, address6, network, network6)
    claim(`address ${address}`, owner)
    if (address6 !== null) claim(`address ${address6}`, owner)
    claim(`MAC ${mac}`, owner)
  }
}

function checkAddresses(
  name: string,
  address: string,
  address6: string | null,
  network: Subnet,
  network6: Subnet6 | null,
): void {
  if (!contains(network, parseAddress(address))) throw invalid(`${name}: ${address} is outside the subnet`)
  if ((address6 === null) !== (network6 === null)) {
    throw invalid(`${name} has ${address6 ?? 'no IPv6 address'}, the cluster ${network6 ? 'an' : 'no'} IPv6 subnet`)
  }
  if (address6 === null || network6 === null) return
  const value = parseIpv6(address6)
  if (value === null || formatIpv6(value) !== address6) {
    throw invalid(`${name}: not an IPv6 address in canonical form: '${address6}'`)
  }
  if (!contains6(network6, value)) throw invalid(`${name}: ${address6} is outside the IPv6 subnet`)
}

function parseNetwork6(overlay: Overlay): Subnet6 | null {
  if (overlay.subnet6 === null) return null
  const network6 = parseSubnet6(overlay.subnet6)
  if (network6 === null) throw invalid(`not an IPv6 network, or one with host bits set: '${overlay.subnet6}'`)
  const mtu = segmentMtu(overlay)
  if (mtu < leastMtu6) throw invalid(`IPv6 needs an MTU of ${leastMtu6} bytes in the segment, which has ${mtu}`)
  return network6
}

function checkFamilies({ gateways, encryption }: Overlay): void {
  for (const { name, underlay } of gateways) {
    const family = addressFamily(underlay)
    if (family === null) throw invalid(`${name}: not an IPv4 or IPv6 address: '${underlay}'`)
    if (encryption === null && family !== addressFamily(gateways[0]?.underlay ?? '')) {
      throw invalid(
        `${name} and ${gateways[0]?.name} have underlay addresses of two families: they can't reach each other`,
      )
    }
  }
}

/** A BGP daemon would take the devices of those who join by themselves for its own, and never tell the others who is there. */
function checkJoins({ mode }: Overlay, { name, joins }: Gateway): void {
  if (joins !== true || mode.kind !== 'evpn') return
  throw invalid(`nodes can't join ${name} by themselves in mode evpn: use mode static`)
}

/** A node that joins by itself does so at a gateway that lets it, over the device that all of them share. */
function checkJoined({ vni, gateways }: Overlay, { name, gateway, port, via }: Member): void {
  const at = gateways.find((one) => one.name === gateway)
  if (at?.joins !== true) throw invalid(`${name} can't join by itself at ${gateway}`)
  if (port !== joinName(vni)) throw invalid(`${name}: whoever joins by itself has the port ${joinName(vni)}`)
  if (via === undefined || via === null) return
  if (addressFamily(via) === null || addressFamily(via) !== addressFamily(at.underlay)) {
    throw invalid(`${name}: '${via}' is no address that ${gateway} could answer from ${at.underlay}`)
  }
}

function checkInterception({ name, interception }: Gateway): void {
  if (interception === null) return
  for (const origin of interception.origins) {
    if (addressFamily(origin) === null) throw invalid(`${name}: not an IPv4 or IPv6 address: '${origin}'`)
  }
  if (!Number.isInteger(interception.port) || interception.port < 1 || interception.port > 65_535) {
    throw invalid(`${name}: not a TCP port: ${interception.port}`)
  }
}

function invalid(message: string): CausewayError {
  return new CausewayError('InvalidRequest', message)
}
