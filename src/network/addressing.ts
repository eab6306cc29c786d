import { CausewayError } from '../base/errors.ts'
import { contains, formatIpv4, parseIpv4, parseSubnet, type Subnet } from '../base/ipv4.ts'

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

/**
 * The MTU of nodes and bridges, bytes: what VXLAN over IPv4 leaves of the path's MTU (outer IPv4 20, UDP 8, VXLAN 8,
 * inner Ethernet 14; RFC 7348, section 5). A node's MTU must be at least 576 (RFC 791), so the path's at least 626.
 * @throws CausewayError `InvalidRequest` outside 626..65535.
 */
export function innerMtu(underlayMtu: number): number {
  if (!Number.isInteger(underlayMtu) || underlayMtu < 626 || underlayMtu > 65_535) {
    throw invalid(`the underlay's MTU must be 626 to 65535 bytes, not ${underlayMtu}`)
  }
  return underlayMtu - 50
}

/** The bridge's device name at every gateway of a cluster. @throws CausewayError `InvalidRequest` if vni is no VNI. */
export function bridgeName(vni: number): string {
  return `cw${checkVni(vni)}`
}

/** The VXLAN device's name at every gateway of a cluster. @throws CausewayError `InvalidRequest` if vni is no VNI. */
export function vxlanName(vni: number): string {
  return `cwx${checkVni(vni)}`
}

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
