import { CausewayError } from '../base/errors.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { joinsByItself } from '../config/further-hosts.ts'
import { nodePlace, nodePlaces } from '../config/node-places.ts'
import { bridgeName, joinPort, memberAddress6, memberMac, portName, segmentMtu } from '../network/addressing.ts'
import type { NetworkFacts } from '../network/facts.ts'
import type { MachineSpec } from '../sites/driver.ts'
import { type Host, type Role, renderSeed, type SeedFacts } from '../sites/seed.ts'
import type { SnippetsOf } from '../sites/snippets.ts'
import type { NodeRecord } from '../store/node-record.ts'
import { emptyOverlay, nodeAddress } from './overlay-from-nodes.ts'
import { nodeName } from './plan/policy.ts'
import { registrationOf } from './registrations.ts'

/** What a machine is to know beside the configuration. */
export interface SpecParts {
  /** The token of this life's reports. */
  readonly token: string
  readonly boot: string
  /** The program by which a machine joins the segment by itself, where its site can't plug it in. */
  readonly join: string
  readonly role: Role
  /** The admin's own programs. */
  readonly snippets: SnippetsOf
  /** What the gateways told. */
  readonly facts: NetworkFacts
}

/**
 * The machine for a node: where it plugs in, and a seed with all that it must know.
 * @throws CausewayError `NotFound` when the configuration has no place for the node
 */
export function machineSpec(config: ControllerConfig, node: NodeRecord, parts: SpecParts): MachineSpec {
  const site = config.sites[node.site]
  const place = nodePlace(config, node)
  const registration = registrationOf(config, node)
  if (!site || !place || !registration) {
    throw new CausewayError('NotFound', `the configuration has no place for ${node.name} at site ${node.site}`)
  }
  const { address } = registration
  const mac = memberMac(address)
  const { cluster, head, controller } = config
  const overlay = emptyOverlay(config, parts.facts)
  const prefixLength = Number(cluster.subnet.split('/')[1])
  const router = site.gateway.address
  const ipv6 = ipv6Of(cluster.subnet6, address, router)
  const mtu = segmentMtu(overlay)
  const resolver = overlay.services && { server: router, zone: overlay.services.zone }
  return {
    id: node.id,
    name: node.name,
    cluster: cluster.name,
    type: node.type,
    image: place.image,
    cpus: registration.size.cpus,
    memoryMiB: registration.size.memoryMiB,
    nic: {
      mac,
      port: portName(node.id),
      bridge: bridgeName(cluster.vni),
      mtu,
      address: `${address}/${prefixLength}`,
      router,
      ipv6: ipv6 && { address: `${ipv6.address}/${ipv6.prefixLength}`, router: ipv6.router },
      resolver,
    },
    seed: renderSeed({
      node: { id: node.id, mac, ...registration },
      cluster: cluster.name,
      prefixLength,
      router,
      ipv6,
      mtu,
      resolver,
      head: { name: head.name, address: head.address },
      controllerUrl: `http://${controller.listen}`,
      hosts: knownNames(config),
      token: parts.token,
      boot: parts.boot,
      role: parts.role,
      snippets: parts.snippets(node),
      join: joinsByItself(site.driver)
        ? { gateway: site.gateway.underlay, port: joinPort, vni: cluster.vni, program: parts.join }
        : null,
    }),
    avoidHosts: [],
    first: false,
  }
}

const known = new WeakMap<ControllerConfig, readonly Host[]>()

/** A node's IPv6 address and its router's, null where the cluster has no IPv6 subnet. */
function ipv6Of(subnet6: string | undefined, address: string, router: string): SeedFacts['ipv6'] {
  if (subnet6 === undefined) return null
  const prefixLength = Number(subnet6.split('/')[1])
  return { address: memberAddress6(address, subnet6), prefixLength, router: memberAddress6(router, subnet6) }
}

/**
 * The names that every node must know by itself: what the configuration adds, and, where no name server knows them, all nodes
 * that there may ever be. The same list for every machine of a configuration.
 */
function knownNames(config: ControllerConfig): readonly Host[] {
  const found = known.get(config)
  if (found) return found
  const names = Object.entries(config.cluster.hosts).map(([name, address]): Host => ({ name, address }))
  const places = config.cluster.overlay.services ? [] : nodePlaces(config)
  for (const { site, type, prefix, names: count } of places) {
    for (let k = 1; k <= count; k++) {
      const name = nodeName(prefix, k)
      const address = nodeAddress(config, { name, site, type })
      if (address !== null) names.push({ name, address })
    }
  }
  known.set(config, names)
  return names
}
