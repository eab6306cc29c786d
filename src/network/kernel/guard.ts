import { tableName } from '../addressing.ts'
import type { Gateway, Overlay } from '../overlay.ts'
import { guardElements } from './guard-elements.ts'
import { type Chain, makeChain, type Table, type TableSet } from './table.ts'

/** Why the guard drops a frame that comes from a member's port. */
export const dropKinds = [
  /** From a port that is nobody's yet, or nobody's any more. */
  'unknown',
  /** Source MAC of another. */
  'mac',
  /** IPv4 or IPv6 source address of another. */
  'address',
  /** ARP that says that another's address is here. */
  'arp',
  /** The same in IPv6: neighbour solicitations and advertisements. */
  'neighbour',
  /** What only a DHCP server sends. */
  'dhcp',
  /** Router advertisements and redirects. */
  'router',
  /** What bridges tell each other: spanning tree, LLDP, pause frames. */
  'bpdu',
  /** Neither IPv4, nor ARP, nor IPv6: VLAN tags too. */
  'ethertype',
  /** More broadcast and multicast than is allowed. */
  'storm',
] as const

export type DropKind = (typeof dropKinds)[number]

/** The counter of what was dropped for a reason. */
export function dropCounter(kind: DropKind): string {
  return `dropped_${kind}`
}

/** The set that says from which ports frames were dropped, with a counter each. */
export const offenders = 'offenders'

/** The set that knows how much each port has shouted. Its elements keep the limit that they began with: another limit, another set. */
function shouts(storm: number): string {
  return `shouts_${storm}`
}

/** How long a port stays among the offenders after its last offence. */
const offenceMinutes = 60

/** Before all other work on bridged frames, ours and most others'. */
const guardPriority = -310

/**
 * The bridge-family table of a gateway: what comes in from a member's port passes only if it is that member's own. All that
 * differs from member to member is elements of sets; the rules are the same for any number of them. `bridged` is what else
 * must happen to frames.
 */
export function guardTable(overlay: Overlay, gateway: Gateway, bridged: readonly Chain[]): Table {
  return {
    family: 'bridge',
    name: tableName(overlay.vni),
    counters: dropKinds.map(dropCounter),
    sets: guardSets(overlay, gateway),
    chains: [...guardChains(overlay), ...bridged],
  }
}

function guardSets(overlay: Overlay, gateway: Gateway): readonly TableSet[] {
  const elements = guardElements(overlay, gateway.name)
  const own = (name: keyof typeof elements, type: string): TableSet => {
    return { name, type: `type ${type}`, told: type, flags: [], elements: elements[name] }
  }
  // nft has no name for the type of a field that it does not know, here those of neighbour discovery (RFC 4861).
  const raw = (name: keyof typeof elements, field: string): TableSet => {
    const type = `typeof iifname . ether saddr . ${field}`
    return { name, type, told: 'ifname . ether_addr . integer', flags: [], elements: elements[name] }
  }
  const perPort = (name: string, minutes: number): TableSet => {
    const options = `size 65536; timeout ${minutes}m;`
    return { name, type: 'type ifname', told: 'ifname', flags: ['dynamic', 'timeout'], options, elements: null }
  }
  return [
    own('ports', 'ifname'),
    own('macs', 'ifname . ether_addr'),
    own('members4', 'ifname . ether_addr . ipv4_addr'),
    own('members6', 'ifname . ether_addr . ipv6_addr'),
    raw('targets6', targetField),
    raw('links6', linkField),
    perPort(shouts(overlay.storm), 1),
    perPort(offenders, offenceMinutes),
  ]
}

/** Where neighbour solicitations and advertisements have the address that they are about, bits (RFC 4861, section 4.3). */
const targetField = '@th,64,128'

/** The first option's type and length, and the link-layer address in it (RFC 4861, section 4.6.1). */
const optionField = '@th,192,16'
const linkField = '@th,208,48'

/** Kinds of sending that a frame may claim, as keys of the sets. */
const asSent = 'iifname . ether saddr'

function guardChains({ vni, storm }: Overlay): readonly Chain[] {
  const refuse = (kind: DropKind) => `counter name ${dropCounter(kind)} goto refuse`
  const base = { type: 'filter', hook: 'prerouting', priority: guardPriority } as const
  return [
    // Where the rules before lead to. The set may be full: then only the first rule is without effect.
    makeChain('refuse', null, [`add @${offenders} { iifname counter }`, 'drop']),

    // A port that has no group was not taken in by any cluster yet; one of ours without a member has lost it.
    makeChain('guard', base, [
      'iifname @ports goto from_port',
      `iifname "cwp*" meta iifgroup { 0, ${vni} } ${refuse('unknown')}`,
    ]),
    makeChain('from_port', null, [
      'ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 jump to_many',
      'ether type vmap { ip : goto from_ipv4, ip6 : goto from_ipv6, arp : goto from_arp }',
      refuse('ethertype'),
    ]),
    makeChain('to_many', null, [
      `ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 ${refuse('bpdu')}`,
      `update @${shouts(storm)} { iifname limit rate over ${storm}/second burst ${storm} packets } ${refuse('storm')}`,
    ]),

    makeChain('from_ipv4', null, [
      `${asSent} . ip saddr != @members4 goto stranger4`,
      'meta l4proto udp goto datagram',
    ]),
    // Who asks for an address has none yet.
    makeChain('stranger4', null, [
      `${asSent} != @macs ${refuse('mac')}`,
      'ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept',
      refuse('address'),
    ]),
    makeChain('datagram', null, [`udp sport { 67, 547 } ${refuse('dhcp')}`, `udp dport { 68, 546 } ${refuse('dhcp')}`]),

    // A probe (RFC 5227) has no sender's address; it may be for one's own only.
    makeChain('from_arp', null, [
      `${asSent} != @macs ${refuse('mac')}`,
      'iifname . arp saddr ether . arp saddr ip @members4 accept',
      `arp operation request arp saddr ip 0.0.0.0 iifname . arp saddr ether . arp daddr ip @members4 accept`,
      refuse('arp'),
    ]),

    makeChain('from_ipv6', null, [
      `${asSent} . ip6 saddr != @members6 goto stranger6`,
      'meta l4proto vmap { icmpv6 : goto from_icmpv6, udp : goto datagram }',
    ]),
    // Without an address yet: questions for routers, reports of groups, and whether an address (one's own) is free.
    makeChain('stranger6', null, [
      `${asSent} != @macs ${refuse('mac')}`,
      'ip6 saddr :: icmpv6 type { nd-router-solicit, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
      `ip6 saddr :: icmpv6 type nd-neighbor-solicit ${asSent} . ${targetField} @targets6 accept`,
      refuse('address'),
    ]),
    makeChain('from_icmpv6', null, [
      `icmpv6 type { nd-router-advert, nd-redirect } ${refuse('router')}`,
      `icmpv6 type nd-neighbor-advert ${asSent} . ${targetField} != @targets6 ${refuse('neighbour')}`,
      'icmpv6 type { nd-neighbor-advert, nd-neighbor-solicit } goto from_neighbour',
    ]),
    // Without options, or with the sender's own link-layer address as the only one: of more, nft sees just the first.
    makeChain('from_neighbour', null, [
      'ip6 length 24 accept',
      `ip6 length 32 ${optionField} { 0x0101, 0x0201 } ${asSent} . ${linkField} @links6 accept`,
      refuse('neighbour'),
    ]),
  ]
}
