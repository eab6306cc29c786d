import { Cable } from './cable.ts'
import { must } from './process.ts'

/** The lab's hosts in the order of their underlay subnets, and how each hangs on the router. */
export const underlay = {
  head: { subnet: 0, cable: null },
  east: { subnet: 1, cable: null },
  annex: { subnet: 4, cable: null },
  west: { subnet: 2, cable: { delayMs: 10, rate: '100m' } },
  south: { subnet: 3, cable: { delayMs: 20, rate: '50m' } },
  mirror: { subnet: 9, cable: { delayMs: 5, rate: '1g' } },
} as const

/** A host of the lab. */
export type HostName = keyof typeof underlay

/** A host behind a WAN cable. */
export type FarHost = 'west' | 'south' | 'mirror'

/** All that there can be. */
export const hostNames = Object.keys(underlay) as HostName[]

/** What the router's namespace is called beside the hosts'. */
const router = 'wan'

/** A host's address on the underlay; the router has `.1` in the same /24. */
export function underlayAddress(host: HostName): string {
  return `10.250.${underlay[host].subnet}.2`
}

/** A host's IPv6 address on the underlay, where the lab has IPv6. */
export function underlayAddress6(host: HostName): string {
  return `fd00:250:${underlay[host].subnet}::2`
}

/** The named network namespace of a lab's host or router. */
export function netnsOf(lab: string, host: HostName | typeof router): string {
  return `cw-${lab}-${host}`
}

/** What lines are made with. */
export interface Underlay {
  readonly lab: string
  /** Path of the WAN cables' program. */
  readonly wandelay: string
  /** Whether hosts have IPv6; without it nothing disturbs the quiet of a line. */
  readonly ipv6: boolean
}

/**
 * Makes a host's network namespace and its line to the router: a veth pair, or a WAN cable.
 * @returns the cable, null for a host beside the router
 */
export async function connect({ lab, wandelay, ipv6 }: Underlay, host: HostName): Promise<Cable | null> {
  const netns = netnsOf(lab, host)
  const wan = netnsOf(lab, router)
  const { subnet, cable: line } = underlay[host]
  await addNamespace(netns, ipv6)
  let cable: Cable | null = null
  if (line === null) {
    await ip(wan, ['link', 'add', host, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns])
  } else {
    const ends = [
      { netns: wan, device: host },
      { netns, device: 'eth0' },
    ] as const
    cable = await Cable.plug(wandelay, { ...line, ends })
  }
  const six = `fd00:250:${subnet}::`
  await Promise.all([
    batch(wan, [
      `addr add 10.250.${subnet}.1/24 dev ${host}`,
      ...(ipv6 ? [`addr add ${six}1/64 dev ${host} nodad`] : []),
      `link set ${host} up`,
    ]),
    batch(netns, [
      `addr add 10.250.${subnet}.2/24 dev eth0`,
      ...(ipv6 ? [`addr add ${six}2/64 dev eth0 nodad`] : []),
      'link set eth0 up',
      `route add default via 10.250.${subnet}.1`,
      ...(ipv6 ? [`route add default via ${six}1`] : []),
    ]),
  ])
  return cable
}

/** Takes a host's namespace and line away at once, as a power cut does; `connect` brings them back. */
export async function disconnect(lab: string, host: HostName, cable: Cable | null): Promise<void> {
  if (cable === null) await ip(netnsOf(lab, router), ['link', 'del', host])
  else await cable.unplug()
  await must(['ip', 'netns', 'del', netnsOf(lab, host)])
}

/** Makes the router's namespace, which all lines end in. */
export async function addRouter({ lab, ipv6 }: Underlay): Promise<void> {
  await addNamespace(netnsOf(lab, router), ipv6)
  // Enabling this switches IPv6 forwarding on for the devices that come later, too.
  if (ipv6)
    await must(['ip', 'netns', 'exec', netnsOf(lab, router), 'sysctl', '-q', '-w', 'net.ipv6.conf.all.forwarding=1'])
}

async function addNamespace(netns: string, ipv6: boolean): Promise<void> {
  await must(['ip', 'netns', 'add', netns])
  const settings = [
    ...['default', 'all'].map((devices) => `net.ipv6.conf.${devices}.disable_ipv6=${ipv6 ? 0 : 1}`),
    'net.ipv4.ip_forward=1',
    // Bridged packets are not routed ones; absent where the kernel has no br_netfilter, hence -e.
    ...['iptables', 'ip6tables', 'arptables'].map((tables) => `net.bridge.bridge-nf-call-${tables}=0`),
  ]
  await must(['ip', 'netns', 'exec', netns, 'sysctl', '-q', '-e', '-w', ...settings])
  await ip(netns, ['link', 'set', 'lo', 'up'])
}

async function ip(netns: string, argv: readonly string[]): Promise<void> {
  await must(['ip', '-n', netns, ...argv])
}

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await must(['ip', '-n', netns, '-batch', '-'], { stdin: `${lines.join('\n')}\n` })
}
