import type { ControllerConfig } from '../config/controller-schema.ts'
import { furtherGateway, furtherHosts, joinsByItself, poolOf } from '../config/further-hosts.ts'
import { nodePlace } from '../config/node-places.ts'
import { joinName, memberAddress6, memberMac, poolAddress, poolSize, portName } from '../network/addressing.ts'
import { type NetworkFacts, noFacts } from '../network/facts.ts'
import type { Gateway, Member, Overlay } from '../network/overlay.ts'
import type { NodeRecord } from '../store/node-record.ts'
import { encryptionOf, modeOf, servicesOf } from './overlay-settings.ts'

/** The name of the head's own gateway. */
export const headGateway = 'head'

/** A life's place in the overlay, and what of the life it follows from. */
interface Placed extends Pick<NodeRecord, 'host' | 'address'> {
  readonly member: Member
}

/** What was made for a configuration and facts before: neither ever changes once it is there, and a life keeps its place once its host is known. */
interface Made {
  members: ReadonlyMap<string, Placed>
  overlay: Overlay
}

const made = new WeakMap<ControllerConfig, WeakMap<NetworkFacts, Made>>()

/**
 * The overlay that the cluster needs now: the head and every site's gateway, and as members the fixed ones and every node whose
 * machine is being made, lives, or is not surely gone. Nodes of sites that the configuration no longer names are left out.
 *
 * It is asked for with every step of every node, so what did not change is the same object as the last time: each member, and
 * the overlay if all members are.
 */
export function overlayFromNodes(
  config: ControllerConfig,
  nodes: readonly NodeRecord[],
  facts: NetworkFacts = noFacts,
): Overlay {
  const before = madeFor(config, facts)
  const members = new Map<string, Placed>()
  for (const node of nodes) {
    if (node.phase === 'planned' || node.phase === 'gone') continue
    const known = before.members.get(node.id)
    const { host, address } = node
    if (known?.host === host && known.address === address) members.set(node.id, known)
    else {
      const member = memberOf(config, node)
      if (member) members.set(node.id, { host, address, member })
    }
  }
  if (members.size === before.members.size && [...members].every(([id, one]) => before.members.get(id) === one))
    return before.overlay
  before.members = members
  const all = [...fixedMembers(config), ...[...members.values()].map(({ member }) => member)]
  before.overlay = { ...before.overlay, members: all.sort((a, b) => (a.name < b.name ? -1 : 1)) }
  return before.overlay
}

function madeFor(config: ControllerConfig, facts: NetworkFacts): Made {
  const ofConfig = made.get(config) ?? new WeakMap<NetworkFacts, Made>()
  made.set(config, ofConfig)
  const found = ofConfig.get(facts) ?? { members: new Map(), overlay: emptyOverlay(config, facts) }
  ofConfig.set(facts, found)
  return found
}

/** The overlay without nodes. */
export function emptyOverlay(config: ControllerConfig, facts: NetworkFacts = noFacts): Overlay {
  const { vni, subnet, subnet6, underlayMtu, overlay } = config.cluster
  return {
    vni,
    subnet,
    subnet6: subnet6 ?? null,
    underlayMtu: underlayMtu === 'measured' ? facts.pathMtu : underlayMtu,
    mode: modeOf(overlay),
    flood: { broadcast: overlay.flood !== 'nothing', unknown: overlay.flood === 'all' },
    storm: overlay.storm,
    encryption: encryptionOf(overlay, facts),
    services: servicesOf(config),
    gateways: gatewaysOf(config),
    members: fixedMembers(config),
  }
}

function gatewaysOf(config: ControllerConfig): Gateway[] {
  const { cluster, head, sites } = config
  const station = (address: string) => ({
    address,
    address6: address6(cluster.subnet6, address),
    mac: memberMac(address),
  })
  const ofHead = {
    name: headGateway,
    underlay: head.underlay,
    ...station(head.address),
    interception: null,
    routes: false,
    nat: head.nat,
  }
  const ofSites = Object.entries(sites).map(([name, { gateway, cache, driver }]) => {
    const { underlay, address, nat } = gateway
    return {
      name,
      underlay,
      ...station(address),
      interception: cache ? { port: cache.port, origins: cache.origins } : null,
      routes: true,
      nat,
      ...(joinsByItself(driver) ? { joins: true } : {}),
    }
  })
  const further = furtherHosts(config).map(({ site, gateway, underlay, address }) => {
    const router = sites[site]?.gateway.address ?? address
    return { name: gateway, underlay, ...station(address), interception: null, routes: false, router, nat: false }
  })
  return [ofHead, ...ofSites, ...further]
}

function fixedMembers({ cluster }: ControllerConfig): Member[] {
  return Object.entries(cluster.members).map(([name, { address, mac, gateway, port }]) => {
    return { name, address, address6: address6(cluster.subnet6, address), mac, gateway, port, fixed: true }
  })
}

function memberOf(config: ControllerConfig, node: NodeRecord): Member | null {
  const address = nodeAddress(config, node)
  if (address === null) return null
  const { name } = node
  const gateway = gatewayOf(config, node)
  const of6 = address6(config.cluster.subnet6, address)
  const member = { name, address, address6: of6, mac: memberMac(address), gateway, fixed: false }
  const driver = config.sites[node.site]?.driver
  return driver && joinsByItself(driver)
    ? { ...member, port: joinName(config.cluster.vni), via: node.address }
    : { ...member, port: portName(node.id) }
}

/** The gateway that a node is behind: its site's, or the further host that has its machine. */
function gatewayOf({ sites }: ControllerConfig, { site, host }: Pick<NodeRecord, 'site' | 'host'>): string {
  const driver = sites[site]?.driver
  if (!driver || host === null) return site
  const at = poolOf(driver)[host]
  return at && !at.gateway ? furtherGateway(site, host) : site
}

function address6(subnet6: string | undefined, address: string): string | null {
  return subnet6 === undefined ? null : memberAddress6(address, subnet6)
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
