import { contains, parseIpv4, parseSubnet, type Subnet } from '../../base/ipv4.ts'
import { contains6, parseIpv6, parseSubnet6, type Subnet6 } from '../../base/ipv6.ts'

/** IPv4 blocks that are not the public Internet: RFC 6890, section 2.2.2, and IANA's registry since; multicast. */
const special4: readonly Subnet[] = [
  '0.0.0.0/8', // "this network"
  '10.0.0.0/8', // private use
  '100.64.0.0/10', // carriers' NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local; clouds' metadata services
  '172.16.0.0/12', // private use
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16', // private use
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
].map((text) => must(parseSubnet(text)))

/** All that IANA has given out for the public Internet. */
const global6 = must(parseSubnet6('2000::/3'))

/** Blocks in it that are not public: RFC 6890, section 2.2.3, and IANA's registry since. */
const special6: readonly Subnet6[] = [
  '2001::/23', // protocol assignments, Teredo, ORCHID
  '2001:db8::/32', // documentation
  '3fff::/20', // documentation
].map((text) => must(parseSubnet6(text)))

/** Blocks whose addresses stand for an IPv4 address, and by how many bits that one is from the right. */
const carriers: readonly (readonly [Subnet6, bigint])[] = [
  [must(parseSubnet6('::ffff:0:0/96')), 0n], // IPv4-mapped, RFC 4291
  [must(parseSubnet6('64:ff9b::/96')), 0n], // NAT64, RFC 6052
  [must(parseSubnet6('2002::/16')), 80n], // 6to4, RFC 3056
]

/**
 * Whether an address is anything but one of the public Internet: private, loopback, link-local, a carrier's, multicast,
 * reserved, for documentation. What is no address is private too.
 */
export function isPrivate(address: string): boolean {
  const ipv4 = parseIpv4(address)
  if (ipv4 !== null) return isPrivate4(ipv4)
  const ipv6 = parseIpv6(address)
  if (ipv6 === null) return true
  const carrier = carriers.find(([subnet]) => contains6(subnet, ipv6))
  if (carrier) return isPrivate4(Number((ipv6 >> carrier[1]) & 0xffff_ffffn))
  return !contains6(global6, ipv6) || special6.some((subnet) => contains6(subnet, ipv6))
}

function isPrivate4(address: number): boolean {
  return special4.some((subnet) => contains(subnet, address))
}

function must<T>(subnet: T | null): T {
  if (subnet === null) throw new Error('a table of addresses has a mistake')
  return subnet
}
