import { createHash } from 'node:crypto'
import { addressInSubnet, bridgeName, tableName } from '../addressing.ts'
import type { Gateway, Overlay } from '../overlay.ts'
import type { Chain, Table } from './table.ts'

/**
 * The set that the cache keeps alive: it adds the element 80 with a short timeout again and again while it serves, and
 * only ports in the set are redirected. When the cache dies or hangs, the kernel itself drops the element and the nodes'
 * connections go the direct way.
 */
const cacheAlive = { name: 'cache_alive', type: 'inet_service', flags: ['timeout'] } as const

/**
 * The nftables tables of a gateway.
 *
 * `ip`: redirects its nodes' plain HTTP for the origins to the cache (only what arrives over the bridge: the gateway's own
 * requests, and so the cache's, go out untouched) and masquerades what its nodes send outside the segment.
 * `bridge`: only where an origin lies inside the segment. Frames to it are bridged, not routed, so the `ip` chain would
 * never see them: they are addressed to the bridge's MAC instead and thereby handed to the gateway. While the cache is
 * away the gateway routes them on to the origin.
 */
export function desiredTables(overlay: Overlay, gateway: Gateway): readonly Table[] {
  const name = tableName(overlay.vni)
  const bridge = bridgeName(overlay.vni)
  const { interception } = gateway
  const ip: Chain[] = []
  const bridged: Chain[] = []
  if (interception !== null && interception.origins.length > 0) {
    ip.push(
      chain('intercept', 'nat', 'prerouting', -100, [
        `iifname "${bridge}" ip saddr ${overlay.subnet} ip daddr ${anyOf(interception.origins)} ` +
          `tcp dport 80 tcp dport @${cacheAlive.name} redirect to :${interception.port}`,
      ]),
    )
    const inside = interception.origins.filter((origin) => addressInSubnet(origin, overlay.subnet))
    if (inside.length > 0) {
      bridged.push(
        chain('intercept', 'filter', 'prerouting', -300, [
          `iifname "cwp*" ip saddr ${overlay.subnet} ip daddr ${anyOf(inside)} ` +
            `tcp dport 80 ether daddr set ${gateway.mac} meta pkttype set host`,
        ]),
      )
    }
  }
  if (gateway.routes) {
    ip.push(
      chain('outward', 'nat', 'postrouting', 100, [
        `ip saddr ${overlay.subnet} ip daddr != ${overlay.subnet} oifname != "${bridge}" masquerade`,
      ]),
    )
  }
  const sets = ip.some((one) => one.name === 'intercept') ? [cacheAlive] : []
  const tables: readonly Table[] = [
    { family: 'ip', name, sets, chains: ip },
    { family: 'bridge', name, sets: [], chains: bridged },
  ]
  return tables.filter((table) => table.chains.length > 0)
}

function chain(
  name: string,
  type: Chain['type'],
  hook: Chain['hook'],
  priority: number,
  rules: readonly string[],
): Chain {
  const digest = createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 12)
  return {
    name,
    type,
    hook,
    priority,
    rules: rules.map((text, index) => ({ text, comment: `causeway ${digest} ${index}` })),
  }
}

function anyOf(addresses: readonly string[]): string {
  return `{ ${[...new Set(addresses)].sort().join(', ')} }`
}
