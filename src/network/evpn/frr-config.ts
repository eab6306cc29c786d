import type { Speaker } from './speaker.ts'

/** A configuration file's lines. */
export type Lines = readonly string[]

/** What zebra and bgpd of one cluster are started with. */
export interface FrrConfig {
  readonly zebra: Lines
  readonly bgpd: Lines
}

/**
 * The two daemons' configuration (FRR 8.4). It names no member: those go from kernel to kernel. The cluster's routes are
 * told by their route target, which FRR makes of AS number and VNI (RFC 8365, section 5.1.2.1, without the type bits), so
 * that another cluster on the same gateway stays out: `advertise-all-vni` means all VXLAN devices of the host.
 */
export function frrConfig(speaker: Speaker): FrrConfig {
  return { zebra: zebraLines, bgpd: bgpdLines(speaker) }
}

const zebraLines: Lines = [
  'log syslog warnings',
  // Another gateway may be behind the default route.
  'ip nht resolve-via-default',
  // No objects in the kernel that would outlive the daemon.
  'no zebra nexthop kernel enable',
]

function bgpdLines({ vni, asn, address, port, flooding, peers }: Speaker): Lines {
  const groups = ['clients', 'peers']
  return [
    // Options of the program, not of the language; the script reads them here.
    `! listen ${address} ${port}`,
    'log syslog warnings',
    `bgp extcommunity-list standard causeway permit rt ${asn & 0xffff}:${vni}`,
    'route-map causeway permit 10',
    ' match extcommunity causeway',
    'exit',
    `router bgp ${asn}`,
    ` bgp router-id ${address}`,
    ' no bgp default ipv4-unicast',
    // A short hold time would break, with a cut, also what does not need the cut path; see the README.
    ' timers bgp 1 30',
    ...groups.flatMap((group) => [
      ` neighbor ${group} peer-group`,
      ` neighbor ${group} remote-as ${asn}`,
      ` neighbor ${group} update-source ${address}`,
      ` neighbor ${group} timers connect 1`,
      ` neighbor ${group} advertisement-interval 0`,
    ]),
    ...peers.flatMap((peer) => [
      ` neighbor ${peer.address} peer-group ${peer.client ? 'clients' : 'peers'}`,
      // A group's port is not its members'.
      ` neighbor ${peer.address} port ${port}`,
    ]),
    ' address-family l2vpn evpn',
    ...groups.flatMap((group) => [
      `  neighbor ${group} activate`,
      `  neighbor ${group} route-map causeway in`,
      `  neighbor ${group} route-map causeway out`,
    ]),
    '  neighbor clients route-reflector-client',
    `  flooding ${flooding ? 'head-end-replication' : 'disable'}`,
    '  advertise-all-vni',
    '  advertise-svi-ip',
    ' exit-address-family',
  ]
}

/**
 * What must be said to a running bgpd so that it does what another configuration says; null when it must be started anew,
 * because more has changed than who its peers are and whether there is flooding.
 */
export function liveChange(from: Lines, to: Lines): Lines | null {
  const rest = (lines: Lines) => lines.filter((line) => peerOf(line) === null && !isFlooding(line)).join('\n')
  const router = to.find((line) => line.startsWith('router bgp '))
  if (rest(from) !== rest(to) || router === undefined) return null
  // A peer that becomes another kind of peer is made anew, with all its lines.
  const gone = new Set(from.flatMap((line) => (to.includes(line) ? [] : (peerOf(line) ?? []))))
  const added = to.filter((line) => {
    const peer = peerOf(line)
    return peer !== null && (gone.has(peer) || !from.includes(line))
  })
  const flooding = to.filter((line) => isFlooding(line) && !from.includes(line))
  const lines = [
    ...[...gone].map((address) => ` no neighbor ${address}`),
    ...added,
    ...(flooding.length === 0 ? [] : [' address-family l2vpn evpn', ...flooding, ' exit-address-family']),
  ]
  return lines.length === 0 ? [] : [router, ...lines]
}

function peerOf(line: string): string | null {
  return /^ neighbor ([\d.]+) /.exec(line)?.[1] ?? null
}

function isFlooding(line: string): boolean {
  return line.startsWith('  flooding ')
}
