import { formatIpv6, parseIpv6 } from '../../base/ipv6.ts'
import { joinName, towardName } from '../addressing.ts'
import type { Overlay } from '../overlay.ts'

/** What the members behind a gateway may send as, by port, in the canonical form that nft's output is read into. */
export interface GuardElements {
  /** `PORT` */
  readonly ports: readonly string[]
  /** `PORT . MAC` */
  readonly macs: readonly string[]
  /** `PORT . MAC . ADDRESS` */
  readonly members4: readonly string[]
  /** `PORT . MAC . ADDRESS`, also the link-local ones. */
  readonly members6: readonly string[]
  /** As `members6`, with the address as a number. */
  readonly targets6: readonly string[]
  /** `PORT . MAC . MAC`, the second as a number. */
  readonly links6: readonly string[]
}

/** The elements of the guard's sets at a gateway, from the overlay's members that have a port there, or join there. */
export function guardElements({ vni, members, gateways }: Overlay, gateway: string): GuardElements {
  // Also while nobody has joined there, nothing passes that is nobody's.
  const join = gateways.find((one) => one.name === gateway)?.joins ? [joinName(vni), towardName(vni)] : []
  const here = members.flatMap(({ port, via, mac, address, address6, gateway: behind }) => {
    if (behind !== gateway || port === null) return []
    const own6 = [linkLocal(mac), ...(address6 === null ? [] : [parseIpv6(address6) ?? 0n])]
    // A VXLAN device answers what is too long for the way to a node in the node's name: as if it came in by the device itself.
    const ports = via === undefined ? [port] : [port, towardName(vni)]
    return ports.map((by) => ({ port: by, as: `${by} . ${mac}`, mac, address, own6 }))
  })
  return {
    ports: [...new Set([...here.map((one) => one.port), ...join])],
    macs: here.map((one) => one.as),
    members4: here.map((one) => `${one.as} . ${one.address}`),
    members6: here.flatMap((one) => one.own6.map((own) => `${one.as} . ${formatIpv6(own)}`)),
    targets6: here.flatMap((one) => one.own6.map((own) => `${one.as} . 0x${own.toString(16)}`)),
    links6: here.map((one) => `${one.as} . 0x${macNumber(one.mac).toString(16)}`),
  }
}

function macNumber(mac: string): bigint {
  return BigInt(`0x${mac.replaceAll(':', '')}`)
}

/** The link-local address that a host makes of its MAC (RFC 4291, section 2.5.1 and appendix A). */
function linkLocal(mac: string): bigint {
  const number = macNumber(mac)
  const interfaceId = (((number >> 24n) ^ 0x02_00_00n) << 40n) | (0xff_fen << 24n) | (number & 0xff_ff_ffn)
  return (0xfe80n << 112n) | interfaceId
}
