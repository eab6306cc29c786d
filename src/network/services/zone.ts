import { CausewayError } from '../../base/errors.ts'
import { formatIpv4 } from '../../base/ipv4.ts'
import { addressFamily, formatIpv6, parseSubnet6 } from '../../base/ipv6.ts'
import { parseNetwork } from '../addressing.ts'
import type { Overlay, Services } from '../overlay.ts'

/** A name and its addresses. */
export interface Entry {
  /** In the zone if it has no dot; else a name of its own. */
  readonly name: string
  readonly addresses: readonly string[]
}

/**
 * All names that the zone's users are to know, in groups: those behind each gateway, and what the configuration adds, so that
 * a node that comes or goes changes one small group. A site's bridge is `gateway-SITE`, the head's `head`; names that the
 * configuration gives to one of them come first, and it has their IPv6 address too. Where two would have the same name,
 * the configuration's counts, then the gateway's.
 * @throws CausewayError `InvalidRequest` for a name that can't be a host's, or an address that is none.
 */
export function zoneNames(overlay: Overlay, services: Services): ReadonlyMap<string, readonly Entry[]> {
  const groups = new Map<string, Entry[]>()
  const taken = new Set<string>()
  const add = (group: string, name: string, addresses: readonly (string | null)[]) => {
    const key = checkName(name).toLowerCase()
    if (taken.has(key)) return
    taken.add(key)
    const there = groups.get(group) ?? []
    groups.set(group, there)
    there.push({ name: key, addresses: addresses.filter((address) => address !== null) })
  }
  const bridges = new Map(overlay.gateways.map((gateway) => [gateway.address, gateway]))
  for (const [name, address] of Object.entries(services.hosts)) {
    if (addressFamily(address) === null)
      throw new CausewayError('InvalidRequest', `${name}: not an address: '${address}'`)
    const bridge = bridges.get(address)
    if (bridge) add(`at-${bridge.name}`, name, [address, bridge.address6])
    else add('configured', name, [address])
  }
  for (const { name, address, address6 } of overlay.gateways) {
    add(`at-${name}`, name === 'head' ? name : `gateway-${name}`, [address, address6])
  }
  for (const { name, address, address6, gateway } of overlay.members) add(`at-${gateway}`, name, [address, address6])
  return groups
}

/**
 * Entries as lines of an `/etc/hosts`: the full name first, which is what an address is translated to, and the short one.
 */
export function hostsFile(entries: readonly Entry[], zone: string): string {
  const line = ({ name, addresses }: Entry) => {
    const names = name.includes('.') ? name : `${name}.${zone} ${name}`
    return addresses.map((address) => `${address} ${names}\n`).join('')
  }
  return entries.map(line).join('')
}

/**
 * The zones that addresses of an IPv4 network are translated to names in (RFC 1035, section 3.5): several where the
 * network does not end at a byte.
 */
export function reverseZones(subnet: string): readonly string[] {
  const { base, prefix } = parseNetwork(subnet)
  const bytes = Math.ceil(prefix / 8)
  return Array.from({ length: 2 ** (bytes * 8 - prefix) }, (_, k) => {
    const labels = formatIpv4(base + k * 2 ** (32 - bytes * 8)).split('.')
    return [...labels.slice(0, bytes).toReversed(), 'in-addr', 'arpa'].join('.')
  })
}

/** The same for an IPv6 network, whose zones end at a half byte (RFC 3596, section 2.5). */
export function reverseZones6(subnet: string): readonly string[] {
  const network = parseSubnet6(subnet)
  if (network === null) throw new CausewayError('InvalidRequest', `not an IPv6 network: '${subnet}'`)
  const digits = Math.ceil(network.prefix / 4)
  return Array.from({ length: 2 ** (digits * 4 - network.prefix) }, (_, k) => {
    const address = network.base + BigInt(k) * (1n << BigInt(128 - digits * 4))
    const labels = address.toString(16).padStart(32, '0').slice(0, digits)
    return [...labels.split('').toReversed(), 'ip6', 'arpa'].join('.')
  })
}

/** What DHCPv6 can serve of an IPv6 network: its first /64, in which all members' addresses are, where it is larger. */
export function served6(subnet6: string): { readonly first: string; readonly prefix: number } {
  const network = parseSubnet6(subnet6)
  if (network === null) throw new CausewayError('InvalidRequest', `not an IPv6 network: '${subnet6}'`)
  return { first: formatIpv6(network.base), prefix: Math.max(64, network.prefix) }
}

/** A host's name (RFC 1123, section 2.1), so that it means nothing else in a file that it stands in. */
function checkName(name: string): string {
  const label = '[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?'
  if (name.length > 253 || !new RegExp(`^${label}(\\.${label})*$`).test(name)) {
    throw new CausewayError('InvalidRequest', `not a host's name: '${name}'`)
  }
  return name
}
