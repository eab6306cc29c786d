import { formatIpv4 } from '../../base/ipv4.ts'
import { bridgeName, parseNetwork, segmentMtu } from '../addressing.ts'
import type { Gateway, Overlay, Services } from '../overlay.ts'
import { reverseZones, reverseZones6, served6 } from './zone.ts'

/**
 * How long an IPv6 lease lasts. Not for ever: dnsmasq knows an IPv6 client by an identifier of its own making (RFC 8415, section 11),
 * and gives the address to nobody else before the lease is over, not even to the same card with another system on it.
 */
const lease6 = '1h'

/** Seconds between unasked router advertisements, and how long the router may be used after the last one. */
const advertisement = { every: 200, lifetime: 1800 }

/**
 * The configuration of a gateway's dnsmasq; each line is one of its long options. `folder` is where its files are.
 *
 * IPv4 leases last for ever: an address belongs to its member as long as that lives, also while the gateway is away.
 */
export function dnsmasqConf(overlay: Overlay, services: Services, gateway: Gateway, folder: string): string {
  const sections = [
    bridgeLines(overlay, folder),
    nameLines(overlay, services, folder),
    dhcpLines(overlay, services, gateway, folder),
    overlay.subnet6 === null || gateway.address6 === null
      ? []
      : dhcp6Lines(overlay, services, overlay.subnet6, gateway),
  ]
  return ['# Written by Causeway: what is changed here is lost.', ...sections.flat(), ''].join('\n')
}

/** Only the cluster's bridge is served; what else runs on this host keeps its own addresses and ports. */
function bridgeLines({ vni }: Overlay, folder: string): string[] {
  return [`interface=${bridgeName(vni)}`, 'except-interface=lo', 'bind-dynamic', `pid-file=${folder}/pid`]
}

/** The zone and the networks' reverse zones are answered here alone; all else goes to the forwarders, or is refused. */
function nameLines({ subnet, subnet6 }: Overlay, { zone, forwarders, hosts }: Services, folder: string): string[] {
  const outside = Object.keys(hosts).filter((name) => name.includes('.') && !name.endsWith(`.${zone}`))
  const own = [zone, ...outside, ...reverseZones(subnet), ...(subnet6 === null ? [] : reverseZones6(subnet6))]
  return [
    'no-resolv',
    'no-hosts',
    `addn-hosts=${folder}/names`,
    'domain-needed',
    ...own.map((name) => `local=/${name.toLowerCase()}/`),
    ...forwarders.map((address) => `server=${address}`),
    'cache-size=2000',
  ]
}

/** Known members get their address; nobody else gets anything, and nobody names himself. */
function dhcpLines(overlay: Overlay, { zone }: Services, gateway: Gateway, folder: string): string[] {
  const { address, routes } = gateway
  const router = gateway.router ?? (routes ? address : null)
  const { base, prefix } = parseNetwork(overlay.subnet)
  const size = 2 ** (32 - prefix)
  const [network, netmask, broadcast] = [base, 2 ** 32 - size, base + size - 1].map(formatIpv4)
  return [
    `dhcp-range=${network},static,${netmask},${broadcast},infinite`,
    `dhcp-hostsfile=${folder}/dhcp-hosts`,
    `dhcp-leasefile=${folder}/leases`,
    'dhcp-authoritative',
    'dhcp-ignore=tag:!known',
    'dhcp-ignore-names',
    // Members are told apart by their MAC: a node that is made anew may come with another client identifier.
    'dhcp-ignore-clid',
    `domain=${zone}`,
    // Without an address it keeps dnsmasq from naming itself.
    `dhcp-option=option:router${router === null ? '' : `,${router}`}`,
    `dhcp-option=option:dns-server,${address}`,
    `dhcp-option=option:domain-search,${zone}`,
    // Forced: not every client asks for it.
    `dhcp-option-force=option:mtu,${segmentMtu(overlay)}`,
  ]
}

/** Router advertisements without addresses of their own making, and DHCPv6. A gateway that does not route is no router. */
function dhcp6Lines(overlay: Overlay, { zone }: Services, subnet6: string, { address6, routes }: Gateway): string[] {
  const { first, prefix } = served6(subnet6)
  const lifetime = routes ? advertisement.lifetime : 0
  return [
    'enable-ra',
    `ra-param=${bridgeName(overlay.vni)},mtu:${segmentMtu(overlay)},${advertisement.every},${lifetime}`,
    `dhcp-range=${first},static,${prefix},${lease6}`,
    `dhcp-option=option6:dns-server,[${address6}]`,
    `dhcp-option=option6:domain-search,${zone}`,
  ]
}

/**
 * The members that a gateway gives addresses to, for `dhcp-hostsfile`: MAC, addresses, name.
 */
export function dhcpHosts(overlay: Overlay, gateway: string): string {
  const local = overlay.members.filter((member) => member.gateway === gateway && member.port !== null)
  const lines = local.map(({ mac, address, address6, name }) => {
    const six = address6 === null ? '' : `${mac},[${address6}],${name},${lease6}\n`
    return `${mac},${address},${name},infinite\n${six}`
  })
  return `# The members behind this gateway\n${lines.join('')}`
}
