import { contains, parseIpv4, parseSubnet, type Subnet } from '../../base/ipv4.ts'
import type { CacheSettings } from '../settings.ts'

/** Which cluster a client belongs to, by its address. */
export class Clusters {
  readonly #clusters: readonly { readonly name: string; readonly subnets: readonly Subnet[] }[]

  constructor(settings: CacheSettings['clusters']) {
    this.#clusters = Object.entries(settings).map(([name, { clients }]) => ({
      name,
      subnets: clients.map(parseSubnet).filter((subnet) => subnet !== null),
    }))
  }

  get names(): readonly string[] {
    return this.#clusters.map(({ name }) => name)
  }

  has(name: string): boolean {
    return this.#clusters.some((cluster) => cluster.name === name)
  }

  /** @param client An address as Node tells it, IPv4 also in IPv6's clothes (`::ffff:10.0.0.1`). */
  of(client: string): string | undefined {
    if (this.#clusters.length === 0) return undefined
    const address = parseIpv4(client.replace(/^::ffff:/i, ''))
    if (address === null) return undefined
    return this.#clusters.find(({ subnets }) => subnets.some((subnet) => contains(subnet, address)))?.name
  }
}
