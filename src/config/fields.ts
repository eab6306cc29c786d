import { Type } from 'typebox'
import { parseIpv4, parseSubnet } from '../base/ipv4.ts'
import { addressFamily, parseSubnet6 } from '../base/ipv6.ts'

/** An IPv4 address in dotted quads. */
export function Ipv4() {
  return Type.Refine(Type.String({ expected: 'an IPv4 address such as 10.77.0.1' }), (text) => parseIpv4(text) !== null)
}

/** An IPv4 subnet whose host bits are zero. */
export function Ipv4Subnet() {
  return Type.Refine(
    Type.String({ expected: 'an IPv4 subnet with no host bits set, such as 10.77.0.0/16' }),
    (text) => parseSubnet(text) !== null,
  )
}

/** An IPv4 or IPv6 address. */
export function Ip() {
  const expected = 'an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1'
  return Type.Refine(Type.String({ expected }), (text) => addressFamily(text) !== null)
}

/** An IPv6 subnet whose host bits are zero, with room for 32-bit host numbers. */
export function Ipv6Subnet() {
  const expected = 'an IPv6 subnet of /96 or shorter with no host bits set, such as fd77::/64'
  return Type.Refine(Type.String({ expected }), (text) => (parseSubnet6(text)?.prefix ?? 128) <= 96)
}

/** An IPv4 address and a TCP port. */
export function Ipv4Endpoint() {
  return Type.Refine(Type.String({ expected: 'an IPv4 address and a port such as 10.77.0.1:8470' }), (text) => {
    const [address = '', port = '', ...rest] = text.split(':')
    return rest.length === 0 && parseIpv4(address) !== null && /^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535
  })
}

/** An absolute path. */
export function Path(options: { default?: string } = {}) {
  return Type.String({ ...options, pattern: '^/[^\\0]*$', expected: 'an absolute path' })
}

/** What a path must be that stands in a line of words for the scripts at site hosts. */
export const plainPathPattern = '^/[A-Za-z0-9._/@+-]*$'

/** An absolute path at a site host. */
export function PlainPath() {
  return Type.String({ pattern: plainPathPattern, expected: 'an absolute path of letters, digits and . _ / @ + -' })
}

/** A whole number within bounds, both included. */
export function Whole(minimum: number, maximum: number, options: { default?: number } = {}) {
  const expected = `a whole number from ${minimum} to ${maximum}`
  return Type.Integer({ ...options, minimum, maximum, expected })
}

/**
 * Options of a map whose missing keys take their defaults, and which may be left out. In a record, typebox wants them for the
 * former.
 */
export const optionalMap = { default: {} }

/** A name that can stand in host names, feature names and file names. */
export const namePattern = '^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$'

/** Schema of such a name. */
export function Name(options: { default?: string } = {}) {
  return Type.String({
    ...options,
    pattern: namePattern,
    expected: 'a name of lower-case letters, digits and inner hyphens, at most 30 characters, starting with a letter',
  })
}
