import type { ControllerConfig } from '../config/controller-schema.ts'
import { nodePlace } from '../config/node-places.ts'
import { memberMac, poolAddress, poolSize, portName } from '../network/addressing.ts'
import type { Gateway, Member, Overlay } from '../network/overlay.ts'
import type { NodeRecord } from '../store/node-record.ts'

/** The name of the head's own gateway. */
export const headGateway = 'head'

/** What was made for a configuration before: a loaded configuration never changes, and a life keeps its place. */
interface Made {
  members: ReadonlyMap<string, Member>
  overlay: Overlay
}

const made = new WeakMap<ControllerConfig, Made>()

/**
 * The overlay that the cluster needs now: the head and every site's gateway, and as members every node whose machine is being made, lives,
 * or is not surely gone. Nodes of sites that the configuration no longer names are left out.
 *
 * It is asked for with every step of every node, so what did not change is the same object as the last time: each member, and
 * the overlay if all members are.
 */
export function overlayFromNodes(config: ControllerConfig, nodes: readonly NodeRecord[]): Overlay {
  const before = made.get(config) ?? firstFor(config)
  const members = new Map<string, Member>()
  for (const node of nodes) {
    if (node.phase === 'planned' || node.phase === 'gone') continue
    const member = before.members.get(node.id) ?? memberOf(config, node)
    if (member) members.set(node.id, member)
  }
  if (members.size === before.members.size && [...members.keys()].every((id) => before.members.has(id)))
    return before.overlay
  before.members = members
  before.overlay = { ...before.overlay, members: [...members.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) }
  return before.overlay
}

function firstFor(config: ControllerConfig): Made {
  const { cluster } = config
  const gateways = gatewaysOf(config)
  const { vni, subnet, underlayMtu } = cluster
  const first = { members: new Map(), overlay: { vni, subnet, underlayMtu, gateways, members: [] } }
  made.set(config, first)
  return first
}

function gatewaysOf({ head, sites }: ControllerConfig): Gateway[] {
  const ofHead = {
    name: headGateway,
    underlay: head.underlay,
    address: head.address,
    mac: memberMac(head.address),
    interception: null,
    routes: false,
  }
  const ofSites = Object.entries(sites).map(([name, { gateway, cache }]) => {
    const { underlay, address } = gateway
    return { name, underlay, address, mac: memberMac(address), interception: cache ?? null, routes: true }
  })
  return [ofHead, ...ofSites]
}

function memberOf(config: ControllerConfig, node: NodeRecord): Member | null {
  const address = nodeAddress(config, node)
  if (address === null) return null
  return { name: node.name, address, mac: memberMac(address), gateway: node.site, port: portName(node.id) }
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
