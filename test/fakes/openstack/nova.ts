import { randomUUID } from 'node:crypto'
import { type Answer, type Asked, empty, novaNo, ok, page } from './answers.ts'
import type { FakeCloud } from './cloud.ts'
import { type CloudServer, stamp } from './state.ts'

interface ServerBody {
  readonly name: string
  readonly availability_zone?: string
  readonly flavorRef: string
  readonly imageRef?: string
  readonly block_device_mapping_v2?: readonly { readonly uuid: string; readonly volume_size: number }[]
  readonly networks: readonly { readonly port: string }[]
  readonly user_data?: string
  readonly config_drive?: boolean
  readonly metadata?: Readonly<Record<string, string>>
  readonly tags?: readonly string[]
}

/** Nova at microversion 2.69. */
export function answerNova(cloud: FakeCloud, asked: Asked): Answer {
  if (asked.header('openstack-api-version') !== 'compute 2.69') return novaNo(406, 'computeFault', 'no such version')
  const [, kind, id, more] = asked.path.split('/')
  const question = `${asked.method} ${kind}`
  if (question === 'POST servers' && id === undefined) {
    const body = asked.body as { server: ServerBody; 'os:scheduler_hints'?: Record<string, unknown> }
    return create(cloud, body.server, body['os:scheduler_hints'] ?? {})
  }
  if (question === 'GET servers' && id === 'detail') return list(cloud, asked)
  if (kind === 'servers') return one(cloud, asked, id ?? '', more)
  if (question === 'GET flavors') return flavors(cloud, asked)
  if (question === 'GET os-availability-zone') {
    const zone = (zoneName: string) => ({
      zoneName,
      zoneState: { available: !cloud.darkZones.has(zoneName) },
      hosts: null,
    })
    return ok({ availabilityZoneInfo: cloud.zones.map(zone) })
  }
  if (question === 'GET limits') return limits(cloud)
  return novaNo(404, 'itemNotFound', 'The resource could not be found.')
}

function create(cloud: FakeCloud, body: ServerBody, hints: Record<string, unknown>): Answer {
  const wrong = refused(cloud, body)
  if (wrong) return wrong
  const now = cloud.clock.now()
  const { listed, bound, built } = cloud.delays
  const zone = body.availability_zone ?? cloud.zones[0] ?? ''
  const metadata = body.metadata ?? {}
  const others = [...cloud.servers.values()].filter((other) => other.metadata.causeway_id === metadata.causeway_id)
  if (others.length > 0) cloud.doubles.push(metadata.causeway_id ?? '')
  const isFull = cloud.fullZones.has(zone)
  const server: CloudServer = {
    id: randomUUID(),
    name: body.name,
    metadata,
    tags: body.tags ?? [],
    zone,
    portId: body.networks[0]?.port ?? '',
    body: { ...body },
    hints,
    createdAtMs: now,
    listedAtMs: now + listed,
    // A server for which there is no host never gets its port.
    boundAtMs: isFull ? Infinity : now + bound,
    // It is built with its port only.
    builtAtMs: now + Math.max(bound, built),
    fault: isFull ? 'No valid host was found. There are not enough hosts available.' : null,
    status: null,
    task: null,
    goneAtMs: null,
    printed: body.user_data && body.config_drive ? `hello from ${body.name}\n` : '',
  }
  cloud.servers.set(server.id, server)
  cloud.settle()
  const links = [{ rel: 'self', href: `${cloud.url}/compute/v2.1/x/servers/${server.id}` }]
  return ok({ server: { id: server.id, links, adminPass: 'not-for-logs', 'OS-DCF:diskConfig': 'MANUAL' } }, 202)
}

function refused(cloud: FakeCloud, body: ServerBody): Answer | null {
  const bad = (message: string) => novaNo(400, 'badRequest', message)
  if ((body.user_data?.length ?? 0) > 65_535) {
    const quoted = `Value: ${body.user_data}. '${body.user_data}' is too long`
    return bad(`Invalid input for field/attribute user_data. ${quoted}`)
  }
  if (body.tags?.some((tag) => tag.length > 60 || /[,/]/.test(tag)))
    return bad('Invalid input for field/attribute tags.')
  if (!cloud.flavors.some(({ id }) => id === body.flavorRef)) return bad(`Flavor ${body.flavorRef} could not be found.`)
  const image = body.imageRef ?? body.block_device_mapping_v2?.[0]?.uuid
  if (!cloud.images.some(({ id }) => id === image)) return bad('Can not find requested image')
  if (body.availability_zone !== undefined && !cloud.zones.includes(body.availability_zone)) {
    return bad('The requested availability zone is not available')
  }
  const port = cloud.ports.get(body.networks[0]?.port ?? '')
  if (!port) return bad(`Port ${body.networks[0]?.port} could not be found.`)
  if (port.deviceId !== '') return novaNo(409, 'conflictingRequest', `Port ${port.id} is still in use.`)
  const used = cloud.servers.size
  if (used < cloud.instances) return null
  const message = `Quota exceeded for instances: Requested 1, but already used ${used} of ${cloud.instances} instances`
  return novaNo(403, 'forbidden', message)
}

function list(cloud: FakeCloud, { query, base, path }: Asked): Answer {
  const tags = query.get('tags')?.split(',') ?? []
  const found = [...cloud.servers.values()]
    .filter(({ listedAtMs }) => listedAtMs <= cloud.clock.now())
    // What a cell that is down has can't be looked through for tags.
    .filter(({ zone, ...server }) => !cloud.darkZones.has(zone) && tags.every((tag) => server.tags.includes(tag)))
  const part = page(found, cloud.pageSize, query)
  if (!part) return novaNo(400, 'badRequest', `marker [${query.get('marker')}] not found`)
  const servers_links = [{ rel: 'next', href: `${base}${path}?${part.next}` }]
  return ok({
    servers: part.items.map((server) => shown(cloud, server)),
    ...(part.next === null ? {} : { servers_links }),
  })
}

function one(cloud: FakeCloud, { method, body }: Asked, id: string, more: string | undefined): Answer {
  const server = cloud.servers.get(id)
  if (!server) return novaNo(404, 'itemNotFound', `Instance ${id} could not be found.`)
  if (method === 'GET') return ok({ server: shown(cloud, server) })
  if (cloud.darkZones.has(server.zone)) return novaNo(503, 'computeFault', 'The cell is not reachable.')
  const action = Object.keys(body ?? {})[0]
  if (method === 'DELETE') return remove(cloud, server, cloud.keepsDeleted)
  if (more !== 'action') return novaNo(404, 'itemNotFound', 'The resource could not be found.')
  if (action === 'forceDelete') return remove(cloud, server, false)
  if (action !== 'os-getConsoleOutput') return novaNo(400, 'badRequest', `There is no such action: ${action}`)
  if (server.builtAtMs > cloud.clock.now()) {
    return novaNo(409, 'conflictingRequest', `Instance ${id} is not ready`)
  }
  return ok({ output: server.printed })
}

function remove(cloud: FakeCloud, server: CloudServer, isKept: boolean): Answer {
  if (isKept) {
    server.status = 'SOFT_DELETED'
    return empty()
  }
  server.task = 'deleting'
  server.goneAtMs ??= cloud.clock.now() + cloud.delays.gone
  cloud.settle()
  return empty()
}

function shown(cloud: FakeCloud, server: CloudServer) {
  const created = stamp(server.createdAtMs)
  const known = { id: server.id, tenant_id: cloud.project, created, 'OS-EXT-AZ:availability_zone': server.zone }
  if (cloud.darkZones.has(server.zone)) return { ...known, status: 'UNKNOWN', 'OS-EXT-STS:power_state': 0 }
  const isBuilt = server.builtAtMs <= cloud.clock.now()
  const status = !isBuilt ? 'BUILD' : (server.status ?? (server.fault === null ? 'ACTIVE' : 'ERROR'))
  return {
    ...known,
    'OS-EXT-AZ:availability_zone': isBuilt ? server.zone : '',
    status,
    name: server.name,
    updated: created,
    metadata: server.metadata,
    tags: server.tags,
    'OS-EXT-STS:task_state': server.task ?? (isBuilt ? null : 'spawning'),
    addresses: {},
    ...(status === 'ERROR' ? { fault: { code: 500, created, message: server.fault ?? '' } } : {}),
  }
}

function flavors(cloud: FakeCloud, { query, base, path }: Asked): Answer {
  const part = page(cloud.flavors, cloud.pageSize, query)
  if (!part) return novaNo(400, 'badRequest', 'marker not found')
  const flavors_links = [{ rel: 'next', href: `${base}${path}?${part.next}` }]
  return ok({ flavors: part.items, ...(part.next === null ? {} : { flavors_links }) })
}

function limits(cloud: FakeCloud): Answer {
  const absolute = {
    maxTotalInstances: cloud.instances,
    totalInstancesUsed: cloud.servers.size,
    maxTotalCores: -1,
    totalCoresUsed: cloud.servers.size,
    maxTotalRAMSize: 1_000_000,
    totalRAMUsed: 2048 * cloud.servers.size,
  }
  return ok({ limits: { rate: [], absolute } })
}
