import type { ControllerConfig } from '../config/controller-schema.ts'
import { nodePlace } from '../config/node-places.ts'
import { memberMac, poolAddress, poolSize, portName } from '../network/addressing.ts'
import type { Gateway, Member, Overlay } from '../network/overlay.ts'
import type { NodeRecord } from '../store/node-record.ts'

/** The name of the head's own gateway. */
export const headGateway = 'head'

/**
 * The overlay that the cluster needs now: the head and every site's gateway, and as members every node whose machine is being made, lives,
 * or is not surely gone. Nodes of sites that the configuration no longer names are left out.
 */
export function overlayFromNodes(config: ControllerConfig, nodes: readonly NodeRecord[]): Overlay {
  const { cluster, head } = config
  const gateways: Gateway[] = [
    {
      name: headGateway,
      underlay: head.underlay,
      address: head.address,
      mac: memberMac(head.address),
      interception: null,
      routes: false,
    },
  ]
  const members: Member[] = []
  for (const [name, site] of Object.entries(config.sites)) {
    const { underlay, address } = site.gateway
    gateways.push({ name, underlay, address, mac: memberMac(address), interception: site.cache ?? null, routes: true })
  }
  for (const node of nodes.toSorted((a, b) => a.name.localeCompare(b.name))) {
    const address = nodeAddress(config, node)
    if (address === null || node.phase === 'planned' || node.phase === 'gone') continue
    members.push({ name: node.name, address, mac: memberMac(address), gateway: node.site, port: portName(node.id) })
  }
  return { vni: cluster.vni, subnet: cluster.subnet, underlayMtu: cluster.underlayMtu, gateways, members }
}

/**
 * A node's address in the segment: the k-th of its type's pool; null when the configuration has no place for it. A node that
 * lives keeps its address when the policy has fewer names than before: a job may run on it.
 */
export function nodeAddress(config: ControllerConfig, node: Pick<NodeRecord, 'name' | 'site' | 'type'>): string | null {
  const place = nodePlace(config, node)
  if (!place?.pool || !node.name.startsWith(`${place.prefix}-`)) return null
  const k = Number(node.name.slice(place.prefix.length + 1))
  if (!Number.isInteger(k) || k < 1 || k > poolSize(place.pool)) return null
  return poolAddress(place.pool, k)
}
