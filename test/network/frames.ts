import { parseIpv6 } from '../../src/base/ipv6.ts'
import { parseAddress } from '../../src/network/addressing.ts'

/*
 * Ethernet frames made byte by byte, also such as no kernel would send.
 */

/** Who a frame says that it is from. */
export interface Sender {
  readonly mac: string
  readonly address: string
  readonly address6: string
}

const broadcast = 'ff:ff:ff:ff:ff:ff'

/** A frame with an EtherType; padded to the 60 bytes that Ethernet wants. */
export function ethernet(to: string, from: string, type: number, payload: Buffer): Buffer {
  const frame = Buffer.concat([bytes(to), bytes(from), u16(type), payload])
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, 60 - frame.length))])
}

/** A frame whose payload is behind a VLAN tag (IEEE 802.1Q). */
export function tagged(frame: Buffer, vlan: number): Buffer {
  return Buffer.concat([frame.subarray(0, 12), u16(0x8100), u16(vlan), frame.subarray(12)])
}

/** ARP (RFC 826): operation 1 asks for the target, 2 answers it. */
export function arp(operation: 1 | 2, sender: Pick<Sender, 'mac' | 'address'>, target: string, to = broadcast): Buffer {
  const head = Buffer.from('0001080006040000', 'hex')
  head[7] = operation
  const body = [head, bytes(sender.mac), ipv4(sender.address), Buffer.alloc(6), ipv4(target)]
  return ethernet(to, sender.mac, 0x0806, Buffer.concat(body))
}

/** UDP over IPv4. */
export function udp(from: Pick<Sender, 'mac' | 'address'>, to: Sender, sport: number, dport: number): Buffer {
  const data = Buffer.from('causeway')
  const header = Buffer.concat([
    Buffer.from('4500', 'hex'),
    u16(20 + 8 + data.length),
    Buffer.from('0000000040110000', 'hex'),
    ipv4(from.address),
    ipv4(to.address),
  ])
  header.writeUInt16BE(checksum(header), 10)
  return ethernet(
    to.mac,
    from.mac,
    0x0800,
    Buffer.concat([header, u16(sport), u16(dport), u16(8 + data.length), u16(0), data]),
  )
}

/** Anything over IPv6; 58 is ICMPv6, whose checksum is put where it belongs. */
function ipv6(
  from: Pick<Sender, 'mac' | 'address6'>,
  to: Pick<Sender, 'mac' | 'address6'>,
  next: number,
  payload: Buffer,
): Buffer {
  const [source, target] = [ipv6Bytes(from.address6), ipv6Bytes(to.address6)]
  if (next === 58) {
    const pseudo = Buffer.concat([source, target, u16(0), u16(payload.length), u16(0), u16(58), payload])
    payload.writeUInt16BE(checksum(pseudo), 2)
  }
  const header = Buffer.concat([
    Buffer.from('60000000', 'hex'),
    u16(payload.length),
    Buffer.from([next, 255]),
    source,
    target,
  ])
  return ethernet(to.mac, from.mac, 0x86dd, Buffer.concat([header, payload]))
}

/** UDP over IPv6, without a checksum. */
export function udp6(from: Sender, to: Sender, sport: number, dport: number): Buffer {
  return ipv6(from, to, 17, Buffer.concat([u16(sport), u16(dport), u16(16), u16(0), Buffer.from('causeway')]))
}

/** All that listen to neighbour discovery (RFC 4291, section 2.7.1). */
const allNodes = { mac: '33:33:00:00:00:01', address6: 'ff02::1' }

/** A neighbour solicitation (135) or advertisement (136, RFC 4861): `link` is the address in its only option. */
export function neighbour(
  type: 135 | 136,
  from: Pick<Sender, 'mac' | 'address6'>,
  target: string,
  link: string | null,
  to: Pick<Sender, 'mac' | 'address6'> = allNodes,
): Buffer {
  const option = link === null ? [] : [Buffer.from([type === 135 ? 1 : 2, 1]), bytes(link)]
  const flags = type === 136 ? '20000000' : '00000000' // "override"
  const head = Buffer.from([type, 0, 0, 0])
  return ipv6(from, to, 58, Buffer.concat([head, Buffer.from(flags, 'hex'), ipv6Bytes(target), ...option]))
}

/** A router advertisement (134) that says to be everyone's router for half an hour. */
export function routerAdvertisement(from: Sender): Buffer {
  return ipv6(from, allNodes, 58, Buffer.from('86000000400007080000000000000000', 'hex'))
}

/** A redirect (137): what is for `target` is to go to the sender. */
export function redirect(from: Sender, to: Sender, target: string): Buffer {
  const head = Buffer.from('8900000000000000', 'hex')
  return ipv6(from, to, 58, Buffer.concat([head, ipv6Bytes(from.address6), ipv6Bytes(target)]))
}

/** A configuration message of the spanning tree (IEEE 802.1D, section 9.3.1), of a bridge that wants to be the root. */
export function bpdu(from: string): Buffer {
  const llc = Buffer.from('424203', 'hex')
  return ethernet('01:80:c2:00:00:00', from, 38, Buffer.concat([llc, Buffer.alloc(35)]))
}

function bytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex')
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255])
}

function ipv4(address: string): Buffer {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(parseAddress(address))
  return four
}

function ipv6Bytes(address: string): Buffer {
  return Buffer.from((parseIpv6(address) ?? 0n).toString(16).padStart(32, '0'), 'hex')
}

/** The Internet checksum (RFC 1071) of an even number of bytes. */
function checksum(data: Buffer): number {
  let sum = 0
  for (let at = 0; at < data.length; at += 2) sum += data.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
