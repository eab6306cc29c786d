/** An IPv4 subnet as numbers: `10.77.0.0/16`. */
export interface Subnet {
  /** The network address, host bits zero, as an unsigned 32-bit number. */
  readonly base: number
  /** 0..32. */
  readonly prefix: number
}

/** The 32-bit number of a dotted quad; null for anything else (leading zeros are refused: they once meant octal). */
export function parseIpv4(text: string): number | null {
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text)
  if (!match) return null
  // Written out: the overlay of a large cluster is made from thousands of addresses, many times.
  const [a, b, c, d] = [Number(match[1]), Number(match[2]), Number(match[3]), Number(match[4])]
  return Math.max(a, b, c, d) > 255 ? null : ((a * 256 + b) * 256 + c) * 256 + d
}

/** The dotted quad of a 32-bit number. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}

/** The subnet of `ADDRESS/PREFIX`; null when it is none or when host bits are set. */
export function parseSubnet(text: string): Subnet | null {
  const [address = '', length = '', ...rest] = text.split('/')
  const base = parseIpv4(address)
  if (base === null || rest.length > 0 || !/^(\d|[12]\d|3[0-2])$/.test(length)) return null
  const prefix = Number(length)
  return base % 2 ** (32 - prefix) === 0 ? { base, prefix } : null
}

/** Whether the address lies in the subnet. */
export function contains(subnet: Subnet, address: number): boolean {
  return address >= subnet.base && address < subnet.base + 2 ** (32 - subnet.prefix)
}
