import { randomUUID } from 'node:crypto'
import { type Answer, type Asked, empty, neutronNo, ok, page } from './answers.ts'
import type { FakeCloud } from './cloud.ts'
import { type CloudPort, stamp } from './state.ts'

interface PortBody {
  readonly name?: string
  readonly description?: string
  readonly network_id: string
  readonly mac_address?: string
  readonly fixed_ips?: readonly { readonly ip_address?: string; readonly subnet_id: string }[]
  readonly port_security_enabled?: boolean
  readonly security_groups?: readonly string[]
  readonly allowed_address_pairs?: readonly unknown[]
}

/** Neutron's ports. */
export function answerNeutron(cloud: FakeCloud, asked: Asked): Answer {
  const [, kind, id] = asked.path.split('/')
  if (kind !== 'ports') return neutronNo(404, 'HTTPNotFound', 'The resource could not be found.')
  if (asked.method === 'POST') return create(cloud, (asked.body as { port: PortBody }).port)
  if (asked.method === 'GET' && id === undefined) return list(cloud, asked)
  const port = cloud.ports.get(id ?? '')
  if (!port) return neutronNo(404, 'PortNotFound', `Port ${id} could not be found.`)
  if (asked.method !== 'DELETE') return ok({ port: shown(port) })
  cloud.ports.delete(port.id)
  return empty()
}

function create(cloud: FakeCloud, body: PortBody): Answer {
  if (body.network_id !== cloud.network) {
    return neutronNo(404, 'NetworkNotFound', `Network ${body.network_id} could not be found.`)
  }
  const ports = [...cloud.ports.values()]
  if (ports.length >= cloud.portQuota) return neutronNo(409, 'OverQuota', "Quota exceeded for resources: ['port'].")
  const isOpen = body.port_security_enabled === false
  if (isOpen && (body.security_groups?.length || body.allowed_address_pairs?.length)) {
    return neutronNo(409, 'PortSecurityAndIPRequiredForSecurityGroups', 'Port security must be enabled.')
  }
  const mac = body.mac_address ?? randomMac(ports)
  if (ports.some((port) => port.mac === mac)) {
    const message = `Unable to complete operation for network ${body.network_id}. The mac address ${mac} is in use.`
    return neutronNo(409, 'MacAddressInUse', message)
  }
  const taken = new Set(ports.flatMap(({ addresses }) => addresses))
  const [wish] = body.fixed_ips ?? []
  if (wish?.ip_address !== undefined && taken.has(wish.ip_address)) {
    return neutronNo(409, 'IpAddressAlreadyAllocated', `IP address ${wish.ip_address} already allocated.`)
  }
  const free = Array.from({ length: 250 }, (_, k) => `192.168.7.${k + 2}`).find((address) => !taken.has(address))
  const address = wish?.ip_address ?? free
  if (address === undefined) {
    const message = `No more IP addresses available on network ${body.network_id}.`
    return neutronNo(409, 'IpAddressGenerationFailure', message)
  }
  const port: CloudPort = {
    id: randomUUID(),
    name: body.name ?? '',
    description: body.description ?? '',
    networkId: body.network_id,
    mac,
    addresses: [address],
    createdAtMs: cloud.clock.now(),
    body: { ...body },
    deviceId: '',
  }
  cloud.ports.set(port.id, port)
  return ok({ port: shown(port) }, 201)
}

function list(cloud: FakeCloud, { query, base, path }: Asked): Answer {
  const filters = [...query].filter(([key]) => key !== 'marker')
  const found = [...cloud.ports.values()]
    .map(shown)
    .filter((port) => filters.every(([key, value]) => (port as Record<string, unknown>)[key] === value))
  const part = page(found, cloud.pageSize, query)
  if (!part) return neutronNo(404, 'PortNotFound', `Port ${query.get('marker')} could not be found.`)
  const links = part.next === null ? {} : { ports_links: [{ rel: 'next', href: `${base}${path}?${part.next}` }] }
  return ok({ ports: part.items, ...links })
}

function shown(port: CloudPort) {
  return {
    id: port.id,
    name: port.name,
    description: port.description,
    network_id: port.networkId,
    mac_address: port.mac,
    fixed_ips: port.addresses.map((ip_address) => ({ ip_address, subnet_id: 'some' })),
    device_id: port.deviceId,
    device_owner: port.deviceId === '' ? '' : 'compute:zone-a',
    created_at: stamp(port.createdAtMs),
    status: port.deviceId === '' ? 'DOWN' : 'ACTIVE',
  }
}

function randomMac(ports: readonly CloudPort[]): string {
  const hex = (ports.length + Math.floor(Math.random() * 2 ** 24)).toString(16).padStart(6, '0').slice(-6)
  return `fa:16:3e:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4)}`
}
