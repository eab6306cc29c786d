import { CausewayError } from '../base/errors.ts'
import { contains, formatIpv4, parseIpv4, parseSubnet, type Subnet } from '../base/ipv4.ts'
import { addressFamily, formatIpv6, parseSubnet6 } from '../base/ipv6.ts'
import type { Overlay } from './overlay.ts'

/**
 * An IPv4 address in dotted form as an unsigned 32-bit number.
 * @throws CausewayError `InvalidRequest` when it is not one.
 */
export function parseAddress(address: string): number {
  const value = parseIpv4(address)
  if (value === null) throw invalid(`not an IPv4 address: '${address}'`)
  return value
}

/**
 * A network in CIDR form, for example `10.77.0.0/16`; the address must be the network's first.
 * @throws CausewayError `InvalidRequest` when it is not one.
 */
export function parseNetwork(cidr: string): Subnet {
  const subnet = parseSubnet(cidr)
  if (subnet === null) throw invalid(`not an IPv4 network, or one with host bits set: '${cidr}'`)
  return subnet
}

/** Whether an IPv4 address lies in a network in CIDR form. @throws CausewayError `InvalidRequest` if either is none. */
export function addressInSubnet(address: string, subnet: string): boolean {
  return contains(parseNetwork(subnet), parseAddress(address))
}

/**
 * The address of a site's k-th node: the k-th after the pool's first, k = 1, 2, ...
 * The pool's first and last address are never given out.
 * @throws CausewayError `InvalidRequest` when k is no positive integer or the pool has no such address.
 */
export function poolAddress(pool: string, k: number): string {
  const network = parseNetwork(pool)
  const last = poolSize(pool)
  if (!Number.isInteger(k) || k < 1 || k > last) {
    throw invalid(`the pool ${pool} has no address number ${k}; it has 1 to ${last}`)
  }
  return formatIpv4(network.base + k)
}

/** How many addresses a pool has for nodes, never below 0. */
export function poolSize(pool: string): number {
  return Math.max(0, 2 ** (32 - parseNetwork(pool).prefix) - 2)
}

/** The MAC of whoever has this address in the segment: `02:43:` (locally administered) and the address's four bytes. */
export function memberMac(address: string): string {
  const bytes = [24, 16, 8, 0].map((shift) => (parseAddress(address) >>> shift) & 255)
  return ['02', '43', ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':')
}

/** The IPv6 address of whoever has this address in the segment: the IPv6 subnet, and the address as its last 32 bits. */
export function memberAddress6(address: string, subnet6: string): string {
  const network = parseSubnet6(subnet6)
  if (network === null) throw invalid(`not an IPv6 network, or one with host bits set: '${subnet6}'`)
  return formatIpv6(network.base + BigInt(parseAddress(address)))
}

/**
 * A gateway's address in the tunnels: the tunnels' subnet with the host bits of its address in the segment.
 * @throws CausewayError `InvalidRequest` when either is malformed, or the tunnels' subnet has no room for these bits.
 */
export function tunnelAddress(address: string, subnet: string, tunnels: string): string {
  const host = parseAddress(address) - parseNetwork(subnet).base
  const network = parseNetwork(tunnels)
  if (host < 0 || host >= 2 ** (32 - network.prefix))
    throw invalid(`${tunnels} has no room for ${address} of ${subnet}`)
  return formatIpv4(network.base + host)
}

/**
 * The MTU of nodes and bridges, bytes: what the encapsulation leaves of the path's MTU. VXLAN takes UDP 8, VXLAN 8 and the
 * inner Ethernet header 14 (RFC 7348, section 5) beside the outer IP header of 20 or 40; WireGuard another 32 (its type,
 * receiver, counter and authentication tag), UDP 8 and the IP header, and the VXLAN inside it is IPv4 always.
 * A node's MTU must be at least 576 (RFC 791).
 * @throws CausewayError `InvalidRequest` when the path's MTU is no number up to 65535 or leaves too little.
 */
export function innerMtu(underlayMtu: number, underlay: 4 | 6 = 4, encrypted = false): number {
  const ip = underlay === 4 ? 20 : 40
  const left = underlayMtu - (encrypted ? ip + 8 + 32 + 50 : ip + 30)
  if (!Number.isInteger(underlayMtu) || left < 576 || underlayMtu > 65_535) {
    throw invalid(`the underlay's MTU must be ${underlayMtu - left + 576} to 65535 bytes, not ${underlayMtu}`)
  }
  return left
}

/** The MTU of an overlay's nodes and bridges, bytes; where gateways differ in family, what fits all. @throws CausewayError as `innerMtu`. */
export function segmentMtu(overlay: Pick<Overlay, 'underlayMtu' | 'encryption' | 'gateways'>): number {
  const six = overlay.gateways.some((gateway) => addressFamily(gateway.underlay) === 6)
  return innerMtu(overlay.underlayMtu, six ? 6 : 4, overlay.encryption !== null)
}

/** The bridge's device name at every gateway of a cluster. @throws CausewayError `InvalidRequest` if vni is no VNI. */
export function bridgeName(vni: number): string {
  return `cw${checkVni(vni)}`
}

/** The VXLAN device's name at every gateway of a cluster. @throws CausewayError `InvalidRequest` if vni is no VNI. */
export function vxlanName(vni: number): string {
  return `cwx${checkVni(vni)}`
}

/** The name of the VXLAN device at a gateway by which nodes join that no bridge reaches. @throws CausewayError `InvalidRequest` if vni is no VNI. */
export function joinName(vni: number): string {
  return `cwj${checkVni(vni)}`
}

/**
 * The name of the VXLAN device at a gateway that leads to these nodes. What they send comes by the other: so the bridge can
 * answer for them (`neigh_suppress`) whoever asks, which it never does on the port that the question came by.
 * @throws CausewayError `InvalidRequest` if vni is no VNI.
 */
export function towardName(vni: number): string {
  return `cwt${checkVni(vni)}`
}

/**
 * The UDP port to which such nodes and their gateway send frames. Not VXLAN's own: a kernel has one device for a VNI and a
 * port, and what comes from such a node may go on to another gateway, which a bridge does between two devices only.
 */
export const joinPort = 4788

/** The UDP port that the device has which leads to these nodes, since it must have one: nothing is to come there. */
export const towardPort = 4787

/**
 * The name of a node's port on its site's bridge: `cwp` and the last 8 hex digits of its id (the last, because the
 * first digits of a time-ordered id are alike for ids made in the same minute).
 * @throws CausewayError `InvalidRequest` when the id has fewer than 8 hex digits.
 */
export function portName(nodeId: string): string {
  const digits = nodeId.toLowerCase().replaceAll(/[^0-9a-f]/g, '')
  if (digits.length < 8) throw invalid(`a node's id needs 8 hex digits at least: '${nodeId}'`)
  return `cwp${digits.slice(-8)}`
}

/**
 * The name of the WireGuard device for keys of a generation: `cwg77a` for even ones, `cwg77b` for odd ones, so that both can
 * be there while keys are changed. @throws CausewayError `InvalidRequest` if vni is no VNI.
 */
export function tunnelName(vni: number, generation: number): string {
  return `cwg${checkVni(vni)}${generation % 2 === 0 ? 'a' : 'b'}`
}

/** The name of the nftables tables at every gateway of a cluster. */
export function tableName(vni: number): string {
  return `causeway_${checkVni(vni)}`
}

function checkVni(vni: number): number {
  if (!Number.isInteger(vni) || vni < 1 || vni > 16_777_215) throw invalid(`a VNI is 1 to 16777215, not ${vni}`)
  return vni
}

function invalid(message: string): CausewayError {
  return new CausewayError('InvalidRequest', message)
}
