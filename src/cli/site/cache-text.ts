import { isIP } from 'node:net'
import { stringify } from 'yaml'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { imageOrigin } from '../../config/images-schema.ts'
import { tableName } from '../../network/addressing.ts'

/** Where a cache keeps what it has, unless its configuration is changed by hand; scripts/site/causeway-site knows it, too. */
const store = '/var/lib/causeway/cache'

/**
 * The configuration of a new site's package cache: it serves the site's origins, by the names that the cluster has for them, and
 * shows the gateway's rules that it lives.
 */
export function cacheText({ cluster, head, images, sites }: ControllerConfig, site: string): string {
  const { port, origins } = sites[site]?.cache ?? { port: 3128, origins: [] }
  const named = origins.map((address): [string, { address: string; port?: number }] => {
    const [name = address] = Object.entries(cluster.hosts).find(([, its]) => its === address) ?? []
    return [name, { address }]
  })
  // The head's images come through the cache, too, so that each crosses the WAN once.
  if (images.listen !== undefined && images.url === undefined) {
    named.push([imageOrigin, { address: head.underlay, port: Number(images.listen.split(':')[1]) }])
  }
  const text = stringify({
    listen: `0.0.0.0:${port}`,
    store,
    origins: Object.fromEntries(named),
    heartbeat: { table: tableName(cluster.vni), set: 'cache_alive', port: 80, hold: '2s' },
  })
  const nameless = named.some(([name]) => isIP(name) !== 0)
  return nameless ? `# Nodes ask by names: give each origin its name (and add it to cluster.hosts).\n${text}` : text
}
