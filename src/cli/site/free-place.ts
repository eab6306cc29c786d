import { CausewayError } from '../../base/errors.ts'
import { contains, formatIpv4, parseIpv4, parseSubnet, type Subnet } from '../../base/ipv4.ts'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { furtherHosts } from '../../config/further-hosts.ts'
import { nodePlaces } from '../../config/node-places.ts'

/** Where a new site has its place in the cluster's subnet. */
export interface FreePlace {
  /** Addresses of its nodes. */
  readonly pool: string
  /** Its gateway's address: the last of the pool. */
  readonly address: string
}

/** The smallest and the usual size of a site's pool, as prefix lengths. */
const [longest, usual] = [28, 24]

/**
 * The first block of the cluster's subnet that nobody has, large enough for the nodes and the gateway: a /24 where that does.
 * @param nodes most nodes of the site
 * @throws CausewayError `InvalidRequest` when the subnet has no such block
 */
export function freePlace(config: ControllerConfig, nodes: number): FreePlace {
  const subnet = parseSubnet(config.cluster.subnet)
  // The network's own address, the broadcast address and the gateway's are no node's.
  const needed = 32 - Math.ceil(Math.log2(nodes + 3))
  const prefix = Math.min(needed, usual)
  if (subnet) {
    for (const length of prefix < usual ? [prefix] : [usual, longest].filter((one) => one <= needed)) {
      const base = freeBlock(subnet, length, taken(config))
      if (base !== null) {
        return { pool: `${formatIpv4(base)}/${length}`, address: formatIpv4(base + 2 ** (32 - length) - 2) }
      }
    }
  }
  throw new CausewayError(
    'InvalidRequest',
    `cluster.subnet ${config.cluster.subnet} has no free block for ${nodes} nodes: name one with --pool and --gateway-address, or use a larger subnet`,
  )
}

function freeBlock(subnet: Subnet, prefix: number, others: readonly Subnet[]): number | null {
  if (prefix < subnet.prefix) return null
  const size = 2 ** (32 - prefix)
  for (let base = subnet.base; base < subnet.base + 2 ** (32 - subnet.prefix); base += size) {
    const block = { base, prefix }
    if (!others.some((other) => contains(block, other.base) || contains(other, base))) return base
  }
  return null
}

/** All that somebody has: pools, and single addresses. */
function taken(config: ControllerConfig): Subnet[] {
  const { cluster, head, sites } = config
  const addresses = [
    head.address,
    ...Object.values(sites).map(({ gateway }) => gateway.address),
    ...furtherHosts(config).map(({ address }) => address),
    ...Object.values(cluster.members).map(({ address }) => address),
  ]
  return [
    ...nodePlaces(config).flatMap(({ pool }) => parseSubnet(pool) ?? []),
    ...addresses.flatMap((address) => {
      const base = parseIpv4(address)
      return base === null ? [] : [{ base, prefix: 32 }]
    }),
  ]
}
