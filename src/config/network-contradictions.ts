import { contains, parseIpv4, parseSubnet, type Subnet } from '../base/ipv4.ts'
import { addressFamily } from '../base/ipv6.ts'
import type { ControllerConfig } from './controller-schema.ts'
import { type Problem, problemAt } from './explain.ts'
import { furtherHosts, joinsByItself, poolOf } from './further-hosts.ts'
import { nodePlaces } from './node-places.ts'

/** Where the gateways' tunnel addresses come from unless the file says it: of 198.18.0.0/15, which RFC 2544 sets aside for benchmarks. */
export const defaultTunnels = '198.18.0.0/15'

/** What can't be true together in what a configuration says of the network, its parts being well-formed. */
export function networkContradictions(config: ControllerConfig): Problem[] {
  const gateways = gatewaysOf(config)
  return [
    ...families(config, gateways),
    ...nat(config, gateways),
    ...tunnels(config),
    ...reflectors(config, gateways),
    ...members(config),
    ...pools(config),
    ...joins(config),
  ]
}

/** A gateway, the head's too, with where the file has it. */
interface GatewayPlace {
  readonly name: string
  readonly path: readonly string[]
  readonly underlay: string
  readonly nat: boolean
}

function gatewaysOf(config: Pick<ControllerConfig, 'head' | 'sites'>): GatewayPlace[] {
  const { head, sites } = config
  const ofSites = Object.entries(sites).map(([name, { gateway }]) => {
    return { name, path: ['sites', name, 'gateway'], underlay: gateway.underlay, nat: gateway.nat }
  })
  const further = furtherHosts(config).map(({ site, host, gateway: name, underlay }) => {
    return { name, path: ['sites', site, 'driver', 'hosts', host], underlay, nat: false }
  })
  return [{ name: 'head', path: ['head'], underlay: head.underlay, nat: head.nat }, ...ofSites, ...further]
}

/** Each host of a pool has its place in the overlay. */
function* pools({ sites }: ControllerConfig): Generator<Problem> {
  for (const [site, { driver }] of Object.entries(sites)) {
    for (const [host, { gateway, underlay, address }] of Object.entries(poolOf(driver))) {
      const path = ['sites', site, 'driver', 'hosts', host]
      for (const [key, value] of Object.entries({ underlay, address })) {
        if (gateway && value !== undefined)
          yield problemAt([...path, key], "stands in the site's gateway: remove it here")
      }
      if (!gateway && address === undefined) {
        yield problemAt([...path, 'address'], 'missing; expected a free address in the segment for its bridge')
      }
    }
  }
}

/** What nodes can't have that join by themselves: a BGP daemon would not tell other gateways of them. */
function* joins({ cluster, sites }: ControllerConfig): Generator<Problem> {
  for (const [site, { driver }] of Object.entries(sites)) {
    if (!joinsByItself(driver)) continue
    const text = `nodes of ${site} join the segment by themselves, which needs cluster.overlay.mode static`
    if (cluster.overlay.mode === 'evpn') yield problemAt(['sites', site, 'driver', 'kind'], text)
  }
}

/** A VXLAN device has one address to send from: only tunnels can join gateways of both families. */
function* families({ cluster }: ControllerConfig, gateways: readonly GatewayPlace[]): Generator<Problem> {
  const [first, ...others] = gateways
  if (!first || cluster.overlay.encryption) return
  for (const { path, underlay } of others) {
    if (addressFamily(underlay) === addressFamily(first.underlay)) continue
    const text = `${underlay} is not of the family of head.underlay ${first.underlay}: give all gateways addresses of one family, or add cluster.overlay.encryption`
    yield problemAt([...path, 'underlay'], text)
  }
}

function* nat({ cluster }: ControllerConfig, gateways: readonly GatewayPlace[]): Generator<Problem> {
  const { encryption } = cluster.overlay
  const hidden = gateways.filter((gateway) => gateway.nat)
  if (!encryption) {
    for (const { path } of hidden) {
      yield problemAt([...path, 'nat'], 'only tunnels get through NAT: add cluster.overlay.encryption')
    }
    return
  }
  const path = ['cluster', 'overlay', 'encryption', 'relay']
  const relay = gateways.find(({ name }) => name === encryption.relay)
  if (!relay) {
    yield problemAt(
      path,
      `there is no gateway ${encryption.relay}; there are ${gateways.map(({ name }) => name).join(', ')}`,
    )
  } else if (relay.nat && hidden.length > 1) {
    yield problemAt(path, `${relay.name} is behind NAT itself: name a gateway that all others can call`)
  }
}

function* tunnels(config: ControllerConfig): Generator<Problem> {
  const { cluster } = config
  const { encryption } = cluster.overlay
  if (!encryption) return
  const path = ['cluster', 'overlay', 'encryption', 'subnet']
  const text = encryption.subnet ?? defaultTunnels
  const subnet = parseSubnet(text)
  const inside = parseSubnet(cluster.subnet)
  if (!subnet || !inside) return
  if (subnet.prefix > inside.prefix) {
    yield problemAt(
      path,
      `${text} is smaller than cluster.subnet ${cluster.subnet}: tunnel addresses have the same host bits`,
    )
  }
  if (overlap(subnet, inside)) yield problemAt(path, `${text} overlaps cluster.subnet ${cluster.subnet}`)
  for (const { name, underlay } of gatewaysOf(config)) {
    if (contains(subnet, parseIpv4(underlay) ?? -1)) {
      yield problemAt(path, `${text} holds ${underlay}, the underlay address of ${name}: choose another subnet`)
    }
  }
}

function* reflectors({ cluster }: ControllerConfig, gateways: readonly GatewayPlace[]): Generator<Problem> {
  if (cluster.overlay.mode !== 'evpn') return
  const six = gateways.find(({ underlay }) => addressFamily(underlay) === 6)
  if (six && !cluster.overlay.encryption) {
    const text = `FRR's EVPN knows IPv4 endpoints only, and ${six.name} has ${six.underlay}: add cluster.overlay.encryption, whose tunnels are IPv4`
    yield problemAt(['cluster', 'overlay', 'mode'], text)
  }
  for (const [index, name] of cluster.overlay.evpn.reflectors.entries()) {
    if (gateways.some((gateway) => gateway.name === name)) continue
    yield problemAt(['cluster', 'overlay', 'evpn', 'reflectors', String(index)], `there is no gateway ${name}`)
  }
}

function* members(config: ControllerConfig): Generator<Problem> {
  const subnet = parseSubnet(config.cluster.subnet)
  const addresses = new Map([[config.head.address, 'head.address']])
  for (const [name, { gateway }] of Object.entries(config.sites))
    addresses.set(gateway.address, `the gateway of ${name}`)
  for (const { gateway, address } of furtherHosts(config)) addresses.set(address, `host ${gateway}`)
  const macs = new Map<string, string>()
  for (const [name, { address, mac, gateway }] of Object.entries(config.cluster.members)) {
    const path = ['cluster', 'members', name]
    const number = parseIpv4(address) ?? -1
    if (subnet && !contains(subnet, number)) {
      yield problemAt([...path, 'address'], `${address} is outside cluster.subnet ${config.cluster.subnet}`)
    }
    const holder = addresses.get(address)
    if (holder) yield problemAt([...path, 'address'], `${address} is ${holder} already`)
    addresses.set(address, name)
    const twin = macs.get(mac)
    if (twin) yield problemAt([...path, 'mac'], `${mac} is the MAC of ${twin} already`)
    macs.set(mac, name)
    // Addresses of members follow from nothing else, MACs of all others from their addresses.
    if (mac.startsWith('02:43:'))
      yield problemAt([...path, 'mac'], `MACs that begin with 02:43 are those of nodes and gateways`)
    if (gateway !== 'head' && !(gateway in config.sites)) {
      yield problemAt([...path, 'gateway'], `there is no site ${gateway}: name a site, or head`)
    }
    for (const { pool, prefix, names } of nodePlaces(config)) {
      const k = number - (parseSubnet(pool)?.base ?? 0)
      if (k >= 1 && k <= names) {
        yield problemAt(
          [...path, 'address'],
          `${address} would be the address of node ${prefix}-${k}: move one of them`,
        )
      }
      if (new RegExp(`^${prefix}-[1-9][0-9]*$`).test(name)) {
        yield problemAt(path, `${name} is what a node is called: rename the member`)
      }
    }
    if (name === config.head.name) yield problemAt(path, `${name} is the head's name: rename the member`)
  }
}

function overlap(a: Subnet, b: Subnet): boolean {
  return contains(a, b.base) || contains(b, a.base)
}
