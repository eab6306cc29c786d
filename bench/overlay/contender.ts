import type { LabHost } from '../../lab/host.ts'
import { batch, type Side, sides, type Wan } from './wan.ts'

/** A way to join two sites to one Ethernet segment. */
export interface Contender {
  readonly name: string
  /** Whose. */
  readonly kind: 'ours' | 'peer'
  readonly encrypted: boolean
  /** What its nodes may send, bytes. */
  readonly mtu: number
  /** The first two bytes of the segment that its nodes are in, a /16: `10.81`. Each contender has its own. */
  readonly subnet: string
  /** Expressions of nftables that its packets on the WAN match, one or the other. */
  readonly packets: readonly string[]
  /** Joins the gateways, and the given ports (one at each gateway, not yet on a bridge) to the segment. */
  up(wan: Wan, ports: Readonly<Record<Side, Port>>): Promise<void>
}

/** The gateway's end of a node's cable. */
export interface Port {
  readonly device: string
  /** Of the node. */
  readonly mac: string
  readonly address: string
}

/** Address of the node at a side. */
export function nodeAddress(contender: Pick<Contender, 'subnet'>, side: Side): string {
  return `${contender.subnet}.${side}.1`
}

/** Puts a bridge of a usual kind at each gateway, with the node's port and the tunnel's device on it. */
export async function bridge(
  wan: Wan,
  name: string,
  ports: Readonly<Record<Side, Port>>,
  tunnel: string,
): Promise<void> {
  for (const side of sides) {
    await batch(wan.gateways[side].netns, [
      `link add ${name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set ${ports[side].device} master ${name} up`,
      `link set ${tunnel} master ${name} up`,
      `link set ${name} up`,
    ])
  }
}

/**
 * Starts a program that makes a device, and waits for it.
 * @throws Error with the end of what the program said when it ends, or makes none within 20 s.
 */
export async function startForDevice(host: LabHost, argv: readonly string[], device: string): Promise<void> {
  const log = `/var/log/causeway/${device}.log`
  const program = await host.start(argv, { log })
  const given = performance.now() + 20_000
  while ((await host.exec(['ip', 'link', 'show', 'dev', device])).code !== 0) {
    if (program.status === undefined && performance.now() < given) continue
    throw new Error(`${host.name}: ${argv[0]} makes no device: ${host.read(log).trim().slice(-1000)}`)
  }
}
