import { CausewayError } from '../../base/errors.ts'
import { contains, formatIpv4, parseIpv4, parseSubnet, type Subnet } from '../../base/ipv4.ts'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { furtherHosts } from '../../config/further-hosts.ts'
import { nodePlaces } from '../../config/node-places.ts'
import { poolAddress, poolSize } from '../../network/addressing.ts'

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
 * @param hosts how many hosts it has, the gateway among them
 * @throws CausewayError `InvalidRequest` when the subnet has no such block
 */
export function freePlace(config: ControllerConfig, nodes: number, hosts = 1): FreePlace {
  const subnet = parseSubnet(config.cluster.subnet)
  // The network's own address, the broadcast address and the hosts' are no node's.
  const needed = 32 - Math.ceil(Math.log2(nodes + hosts + 2))
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

/**
 * An address in the segment for the bridge of one more host of a site: the highest below its gateway's that nobody has, which no
 * node of the site may get and which is in no other site's pool.
 * @throws CausewayError `InvalidRequest` when there is none
 */
export function freeAddress(config: ControllerConfig, site: string): string {
  const subnet = parseSubnet(config.cluster.subnet)
  const gateway = parseIpv4(config.sites[site]?.gateway.address ?? '')
  if (subnet && gateway !== null) {
    const singles = new Set(addressesOf(config).map(parseIpv4))
    const places = nodePlaces(config)
    const foreign = places.flatMap((place) => (place.site === site ? [] : (parseSubnet(place.pool) ?? [])))
    const nodes = places.flatMap(({ site: its, pool, names }) => {
      if (its !== site || names < 1) return []
      const last = Math.min(names, poolSize(pool))
      return [{ first: parseIpv4(poolAddress(pool, 1)) ?? 0, last: parseIpv4(poolAddress(pool, last)) ?? 0 }]
    })
    for (let address = gateway - 1; address > subnet.base; address--) {
      if (singles.has(address) || foreign.some((pool) => contains(pool, address))) continue
      if (!nodes.some(({ first, last }) => address >= first && address <= last)) return formatIpv4(address)
    }
  }
  throw new CausewayError(
    'InvalidRequest',
    `cluster.subnet ${config.cluster.subnet} has no free address below the gateway's of ${site}: name one with --segment-address`,
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
  return [
    ...nodePlaces(config).flatMap(({ pool }) => parseSubnet(pool) ?? []),
    ...addressesOf(config).flatMap((address) => {
      const base = parseIpv4(address)
      return base === null ? [] : [{ base, prefix: 32 }]
    }),
  ]
}

/** The single addresses in the segment that somebody has. */
function addressesOf(config: ControllerConfig): string[] {
  const { cluster, head, sites } = config
  return [
    head.address,
    ...Object.values(sites).map(({ gateway }) => gateway.address),
    ...furtherHosts(config).map(({ address }) => address),
    ...Object.values(cluster.members).map(({ address }) => address),
  ]
}
