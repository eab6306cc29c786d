import { contains, formatIpv4, parseIpv4, parseSubnet, type Subnet } from '../base/ipv4.ts'
import { addressFamily } from '../base/ipv6.ts'
import type { ControllerConfig } from './controller-schema.ts'
import { ec2Contradictions } from './drivers/ec2-contradictions.ts'
import { libvirtContradictions } from './drivers/libvirt-contradictions.ts'
import { openStackContradictions } from './drivers/openstack-contradictions.ts'
import { unusableImages } from './drivers/type-images.ts'
import { unknownDriverTypes } from './drivers/unknown-types.ts'
import { type Problem, problemAt } from './explain.ts'
import { furtherHosts } from './further-hosts.ts'
import { anyAddress } from './images-schema.ts'
import { networkContradictions } from './network-contradictions.ts'
import { type NodePlace, nodePlaces } from './node-places.ts'
import { standardType } from './node-types.ts'
import { policyContradictions } from './policy-contradictions.ts'

/** What can't be true together in a configuration whose parts are each well-formed. */
export function contradictions(config: ControllerConfig): Problem[] {
  const places = nodePlaces(config).map((place) => ({ ...place, poolPath: poolPath(place) }))
  return [
    ...policyContradictions(config),
    ...pools(config, places),
    ...addresses(config, places),
    ...overlaps(places),
    ...taken(config),
    ...warming(config),
    ...imageServer(config),
    ...networkContradictions(config),
    ...unknownDriverTypes(config),
    ...unusableImages(config),
    ...libvirtContradictions(config),
    ...ec2Contradictions(config),
    ...openStackContradictions(config),
  ]
}

/** A node type with where the file has its pool. */
interface Place extends NodePlace {
  readonly poolPath: readonly string[]
}

function poolPath({ site, type, path }: NodePlace): readonly string[] {
  return type === standardType && path.at(-1) === 'nodes' ? ['sites', site, 'pool'] : [...path, 'pool']
}

function* pools(config: ControllerConfig, places: readonly Place[]): Generator<Problem> {
  for (const { pool, poolPath, names, path } of places) {
    if (!pool) {
      yield problemAt(
        poolPath,
        'missing; expected an IPv4 subnet with the addresses of the nodes, such as 10.77.1.0/24',
      )
      continue
    }
    const subnet = parseSubnet(pool)
    // The network's own address and the broadcast address are nobody's.
    const room = subnet ? 2 ** (32 - subnet.prefix) - 2 : 0
    if (names > room) {
      yield problemAt(
        poolPath,
        `${pool} has ${Math.max(0, room)} addresses for ${names} nodes: widen it or lower ${path.join('.')}.maximum`,
      )
    }
  }
  for (const [name, site] of Object.entries(config.sites)) {
    if (site.pool && !site.nodes) {
      yield problemAt(['sites', name, 'pool'], 'a site with `types` has a pool in each of them: move it there')
    }
  }
}

function* warming(config: ControllerConfig): Generator<Problem> {
  for (const [name, { cache, types }] of Object.entries(config.sites)) {
    for (const [type, { warm }] of Object.entries(types ?? {})) {
      if (cache || !warm || warm.length === 0) continue
      yield problemAt(
        ['sites', name, 'types', type, 'warm'],
        'the site has no cache that could bring them: add `cache`',
      )
    }
  }
}

/** Images are served over IPv4 only. */
function* imageServer({ head, images: { listen, url } }: ControllerConfig): Generator<Problem> {
  if (url !== undefined || !listen?.startsWith(`${anyAddress}:`) || addressFamily(head.underlay) === 4) return
  const message = `${listen} is IPv4 and head.underlay ${head.underlay} is not: name an IPv4 address of the head that hosts reach, or set images.url`
  yield problemAt(['images', 'listen'], message)
}

function* addresses(config: ControllerConfig, places: readonly Place[]): Generator<Problem> {
  const subnet = parseSubnet(config.cluster.subnet)
  if (!subnet) return
  const inside = (text: string) => contains(subnet, parseIpv4(text) ?? -1)
  const outside = `outside cluster.subnet ${config.cluster.subnet}`
  if (!inside(config.head.address)) {
    yield problemAt(['head', 'address'], `${config.head.address} is ${outside}`)
  }
  for (const [name, { gateway }] of Object.entries(config.sites)) {
    if (!inside(gateway.address)) {
      yield problemAt(['sites', name, 'gateway', 'address'], `${gateway.address} is ${outside}`)
    }
  }
  for (const { site, host, address } of furtherHosts(config)) {
    if (inside(address)) continue
    yield problemAt(['sites', site, 'driver', 'hosts', host, 'address'], `${address} is ${outside}`)
  }
  for (const { pool: text, poolPath, prefix, names } of places) {
    const pool = parseSubnet(text)
    if (!pool) continue
    if (!inside(text.split('/')[0] ?? '') || pool.prefix < subnet.prefix) {
      yield problemAt(poolPath, `${text} is not within cluster.subnet ${config.cluster.subnet}`)
    }
    for (const [what, address] of routers(config)) {
      const k = (parseIpv4(address) ?? 0) - pool.base
      if (k < 1 || k > names) continue
      yield problemAt(poolPath, `node ${prefix}-${k} would have ${address}, the address of ${what}: move one of them`)
    }
  }
}

/** Whoever has a fixed address in the cluster's subnet. */
function* routers(config: ControllerConfig): Generator<[what: string, address: string]> {
  yield ['the head', config.head.address]
  for (const [name, { gateway }] of Object.entries(config.sites)) yield [`the gateway of ${name}`, gateway.address]
  for (const { gateway, address } of furtherHosts(config)) yield [`host ${gateway}`, address]
}

function* overlaps(places: readonly Place[]): Generator<Problem> {
  const before: { prefix: string; pool: Subnet }[] = []
  for (const { pool: text, poolPath, prefix } of places) {
    const pool = parseSubnet(text)
    if (!pool) continue
    const other = before.find((p) => contains(p.pool, pool.base) || contains(pool, p.pool.base))
    if (other) {
      const { base, prefix: length } = other.pool
      yield problemAt(poolPath, `${text} overlaps the pool of ${other.prefix} (${formatIpv4(base)}/${length})`)
    }
    before.push({ prefix, pool })
  }
}

function* taken(config: ControllerConfig): Generator<Problem> {
  const holders = new Map([
    [config.head.address, 'head.address'],
    [config.head.underlay, 'head.underlay'],
  ])
  const gateways = Object.entries(config.sites).map(([name, { gateway }]) => ({
    ...gateway,
    path: ['sites', name, 'gateway'],
  }))
  const further = furtherHosts(config).map(({ site, host, address, underlay }) => ({
    address,
    underlay,
    path: ['sites', site, 'driver', 'hosts', host],
  }))
  for (const place of [...gateways, ...further]) {
    for (const key of ['address', 'underlay'] as const) {
      const holder = holders.get(place[key])
      const path = [...place.path, key]
      if (holder) yield problemAt(path, `${place[key]} is ${holder} already`)
      holders.set(place[key], path.join('.'))
    }
  }
}
