import { answerReader } from '../http/json-answer.ts'
import type { CloudApi } from './cloud-api.ts'
import { isAbsent } from './errors.ts'
import { PortAnswer, type PortRecord, PortsPage } from './schemas.ts'

const read = { port: answerReader(PortAnswer), ports: answerReader(PortsPage) }

/** A port of a machine of ours. */
export interface Port {
  readonly id: string
  /** The id of the machine that it was made for. */
  readonly machine: string
  /** Nova's id of the server that has it; null: none yet, or none any more. */
  readonly server: string | null
  readonly addresses: readonly string[]
  /** Milliseconds since it was made, by Neutron's own clock; null: Neutron does not tell. */
  readonly ageMs: number | null
}

/** A port to be made. */
export interface NewPort {
  readonly machine: string
  readonly cluster: string
  readonly network: string
  readonly mac: string | null
  /** Null: Neutron chooses address and subnet. */
  readonly place: { readonly subnet: string; readonly address: string | null } | null
  /** Whether Neutron filters what the port sends and receives. */
  readonly security: boolean
  readonly securityGroups: readonly string[]
  /** Addresses that may be used at it besides its own, where it is filtered. */
  readonly alsoAddresses: readonly string[]
}

// A port's name and description are given to it in the same act that makes it; its tags would be a second one.
const namePrefix = 'causeway-'

/** OpenStack's network service, API v2.0. Errors are as in `CloudApi.ask`. */
export class Neutron {
  readonly #api: CloudApi

  constructor(api: CloudApi) {
    this.#api = api
  }

  /** The ports that were made for a machine, on whatever network. */
  ports(machine: string): Promise<Port[]> {
    return this.#list({ name: namePrefix + machine })
  }

  /** The ports that were made for machines of a cluster. */
  clusterPorts(cluster: string): Promise<Port[]> {
    return this.#list({ description: descriptionOf(cluster) })
  }

  async create(port: NewPort): Promise<Port> {
    const { machine, cluster, network, mac, place, security, securityGroups, alsoAddresses } = port
    const fixed = place && { subnet_id: place.subnet, ...(place.address === null ? {} : { ip_address: place.address }) }
    const body = {
      port: {
        name: namePrefix + machine,
        description: descriptionOf(cluster),
        network_id: network,
        admin_state_up: true,
        ...(mac === null ? {} : { mac_address: mac }),
        ...(fixed === null ? {} : { fixed_ips: [fixed] }),
        ...(security ? {} : { port_security_enabled: false }),
        ...(securityGroups.length === 0 ? {} : { security_groups: securityGroups }),
        ...(!security || alsoAddresses.length === 0
          ? {}
          : { allowed_address_pairs: alsoAddresses.map((ip_address) => ({ ip_address })) }),
      },
    }
    const question = { service: 'network', method: 'POST', path: '/v2.0/ports', body } as const
    const { value, atMs } = await this.#api.ask(question, read.port)
    return asPort(value.port, atMs)
  }

  async delete(id: string): Promise<void> {
    try {
      await this.#api.tell({ service: 'network', method: 'DELETE', path: `/v2.0/ports/${encodeURIComponent(id)}` })
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
  }

  async #list(filter: Readonly<Record<string, string>>): Promise<Port[]> {
    const path = `/v2.0/ports?${new URLSearchParams(filter).toString()}`
    const { value, atMs } = await this.#api.pages(
      'network',
      path,
      read.ports,
      ({ ports_links }) => ports_links?.find(({ rel }) => rel === 'next')?.href,
    )
    return value.flatMap(({ ports }) =>
      ports.filter(({ name }) => name.startsWith(namePrefix)).map((port) => asPort(port, atMs)),
    )
  }
}

function descriptionOf(cluster: string): string {
  return `node of Causeway cluster ${cluster}`
}

function asPort({ id, name, device_id, created_at, fixed_ips }: PortRecord, nowMs: number): Port {
  const madeAtMs = Date.parse(created_at ?? '')
  return {
    id,
    machine: name.slice(namePrefix.length),
    server: device_id ? device_id : null,
    addresses: fixed_ips.map(({ ip_address }) => ip_address),
    ageMs: Number.isNaN(madeAtMs) ? null : nowMs - madeAtMs,
  }
}
