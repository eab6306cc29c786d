import { isIPv6 } from 'node:net'
import { parseIpv4 } from './ipv4.ts'

/** An IPv6 subnet as numbers: `fd77::/64`. */
export interface Subnet6 {
  /** The network address, host bits zero, 128 bits. */
  readonly base: bigint
  /** 0..128. */
  readonly prefix: number
}

/** The 128-bit number of an IPv6 address in any of its spellings (RFC 4291, section 2.2), without a zone; null for anything else. */
export function parseIpv6(text: string): bigint | null {
  if (!isIPv6(text) || text.includes('%')) return null
  const [head = '', tail] = text.split('::')
  const left = groupsOf(head)
  const right = groupsOf(tail ?? '')
  const groups = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n)
}

/** The canonical text of a 128-bit number (RFC 5952): lower case, the first longest run of zero groups shortened. */
export function formatIpv6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, k) => Number((address >> BigInt(112 - 16 * k)) & 0xffffn))
  let best = { from: 0, length: 0 }
  for (let from = 0; from < 8; from++) {
    let length = 0
    while (from + length < 8 && groups[from + length] === 0) length++
    if (length > best.length) best = { from, length }
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (best.length < 2) return hex(groups)
  return `${hex(groups.slice(0, best.from))}::${hex(groups.slice(best.from + best.length))}`
}

/** The subnet of `ADDRESS/PREFIX`; null when it is none or when host bits are set. */
export function parseSubnet6(text: string): Subnet6 | null {
  const [address = '', length = '', ...rest] = text.split('/')
  const base = parseIpv6(address)
  if (base === null || rest.length > 0 || !/^(0|[1-9]\d?|1[01]\d|12[0-8])$/.test(length)) return null
  const prefix = Number(length)
  return base % (1n << BigInt(128 - prefix)) === 0n ? { base, prefix } : null
}

/** Whether the address lies in the subnet. */
export function contains6(subnet: Subnet6, address: bigint): boolean {
  return address >> BigInt(128 - subnet.prefix) === subnet.base >> BigInt(128 - subnet.prefix)
}

/** Which family an address in text form is of; null when it is none. */
export function addressFamily(text: string): 4 | 6 | null {
  if (parseIpv4(text) !== null) return 4
  return parseIpv6(text) === null ? null : 6
}

/** The 16-bit groups of one side of `::`; an IPv4 address at the end stands for two. */
function groupsOf(side: string): number[] {
  if (side === '') return []
  return side.split(':').flatMap((group) => {
    const ipv4 = parseIpv4(group)
    return ipv4 === null ? [Number.parseInt(group, 16)] : [Math.floor(ipv4 / 65_536), ipv4 % 65_536]
  })
}
