import { contains, formatIpv4, parseIpv4, parseSubnet, type Subnet } from '../base/ipv4.ts'
import type { ControllerConfig } from './controller-schema.ts'
import type { Problem } from './explain.ts'

/** What can't be true together in a configuration whose parts are each well-formed. */
export function contradictions(config: ControllerConfig): Problem[] {
  return [...sizes(config), ...addresses(config), ...overlaps(config)]
}

function* sizes(config: ControllerConfig): Generator<Problem> {
  for (const [name, site] of Object.entries(config.sites)) {
    const { minimum, maximum } = site.nodes
    const path = ['sites', name, 'nodes', 'minimum']
    if (minimum > maximum)
      yield at(path, `the minimum of ${minimum} is over the maximum of ${maximum}: lower it or raise the maximum`)
    const pool = parseSubnet(site.pool)
    // The network's own address and the broadcast address are nobody's.
    const room = pool ? 2 ** (32 - pool.prefix) - 2 : 0
    if (maximum > room) {
      yield at(
        ['sites', name, 'pool'],
        `${site.pool} has ${Math.max(0, room)} addresses for ${maximum} nodes: widen it or lower sites.${name}.nodes.maximum`,
      )
    }
  }
}

function* addresses(config: ControllerConfig): Generator<Problem> {
  const subnet = parseSubnet(config.cluster.subnet)
  if (!subnet) return
  const inside = (text: string) => contains(subnet, parseIpv4(text) ?? -1)
  if (!inside(config.head.address))
    yield at(['head', 'address'], `${config.head.address} is outside cluster.subnet ${config.cluster.subnet}`)
  for (const [name, site] of Object.entries(config.sites)) {
    const { address } = site.gateway
    if (!inside(address))
      yield at(['sites', name, 'gateway', 'address'], `${address} is outside cluster.subnet ${config.cluster.subnet}`)
    const pool = parseSubnet(site.pool)
    if (!pool) continue
    if (!inside(site.pool.split('/')[0] ?? '') || pool.prefix < subnet.prefix) {
      yield at(['sites', name, 'pool'], `${site.pool} is not within cluster.subnet ${config.cluster.subnet}`)
    }
    for (const [what, taken] of [
      ['the head', config.head.address],
      ['its gateway', address],
    ] as const) {
      const k = (parseIpv4(taken) ?? 0) - pool.base
      if (k >= 1 && k <= site.nodes.maximum) {
        yield at(
          ['sites', name, 'pool'],
          `node ${name}-${k} would have ${taken}, the address of ${what}: move one of them`,
        )
      }
    }
  }
}

function* overlaps(config: ControllerConfig): Generator<Problem> {
  const pools: { name: string; pool: Subnet }[] = []
  const taken = new Map([
    [config.head.address, 'head.address'],
    [config.head.underlay, 'head.underlay'],
  ])
  for (const [name, site] of Object.entries(config.sites)) {
    const pool = parseSubnet(site.pool)
    const other = pool && pools.find((p) => contains(p.pool, pool.base) || contains(pool, p.pool.base))
    if (other) {
      yield at(
        ['sites', name, 'pool'],
        `${site.pool} overlaps the pool of ${other.name} (${formatIpv4(other.pool.base)}/${other.pool.prefix})`,
      )
    }
    if (pool) pools.push({ name, pool })
    for (const key of ['address', 'underlay'] as const) {
      const holder = taken.get(site.gateway[key])
      if (holder) yield at(['sites', name, 'gateway', key], `${site.gateway[key]} is ${holder} already`)
      taken.set(site.gateway[key], `sites.${name}.gateway.${key}`)
    }
  }
}

function at(path: string[], message: string): Problem {
  return { path, about: 'value', message }
}
