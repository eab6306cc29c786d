import { CausewayError } from '../../base/errors.ts'
import { answerReader } from '../http/json-answer.ts'
import type { CloudApi } from './cloud-api.ts'
import { isAbsent } from './errors.ts'
import {
  ConsoleAnswer,
  type Flavor,
  FlavorsPage,
  type Limits,
  LimitsAnswer,
  NewServerAnswer,
  type Server,
  ServerAnswer,
  ServersPage,
  ZonesAnswer,
} from './schemas.ts'

const read = {
  server: answerReader(ServerAnswer),
  servers: answerReader(ServersPage),
  newServer: answerReader(NewServerAnswer),
  console: answerReader(ConsoleAnswer),
  flavors: answerReader(FlavorsPage),
  zones: answerReader(ZonesAnswer),
  limits: answerReader(LimitsAnswer),
}

/** A server to be made. */
export interface NewServer {
  readonly name: string
  readonly zone: string
  readonly flavorId: string
  readonly imageId: string
  /** A root disk that is a volume, made of the image and deleted with the server; null: one of the flavor's. */
  readonly volume: { readonly gib: number; readonly type: string | null } | null
  readonly portId: string
  readonly serverGroup: string | null
  /** Base64. */
  readonly userData: string
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: readonly string[]
}

/** An availability zone. */
export interface Zone {
  readonly name: string
  readonly available: boolean
}

const nextOf = (links: readonly { rel: string; href: string }[] | undefined) =>
  links?.find(({ rel }) => rel === 'next')?.href

/** OpenStack's compute service, API v2.1. Errors are as in `CloudApi.ask`. */
export class Nova {
  readonly #api: CloudApi

  constructor(api: CloudApi) {
    this.#api = api
  }

  /** The servers that bear a tag. Those of a cell that is down are left out, since Nova can't see their tags. */
  async servers(tag: string): Promise<Server[]> {
    const path = `/servers/detail?tags=${encodeURIComponent(tag)}`
    const { value } = await this.#api.pages('compute', path, read.servers, (page) => nextOf(page.servers_links))
    return value.flatMap(({ servers }) => servers)
  }

  /** A server by Nova's id, its status `UNKNOWN` where its cell is down; null: there is none. */
  async server(id: string): Promise<Server | null> {
    const asked = this.#api.ask({ service: 'compute', path: `/servers/${encodeURIComponent(id)}` }, read.server)
    const server = await orNull(asked.then(({ value }) => value.server))
    return server?.status === 'DELETED' ? null : server
  }

  /** Has a server made. @returns its id in Nova */
  async create(server: NewServer): Promise<string> {
    const { name, zone, flavorId, portId, serverGroup, userData, metadata, tags } = server
    const body = {
      server: {
        name,
        availability_zone: zone,
        flavorRef: flavorId,
        ...rootOf(server),
        networks: [{ port: portId }],
        config_drive: true,
        user_data: userData,
        metadata,
        tags,
      },
      ...(serverGroup === null ? {} : { 'os:scheduler_hints': { group: serverGroup } }),
    }
    const question = { service: 'compute', method: 'POST', path: '/servers', body } as const
    return (await this.#api.ask(question, read.newServer)).value.server.id
  }

  /** Has a server deleted, also one that Nova keeps for a while so that it can be restored. It may take a time to go. */
  async delete(id: string, isKept: boolean): Promise<void> {
    const path = `/servers/${encodeURIComponent(id)}`
    await orNull(
      isKept
        ? this.#api.tell({ service: 'compute', method: 'POST', path: `${path}/action`, body: { forceDelete: null } })
        : this.#api.tell({ service: 'compute', method: 'DELETE', path }),
    )
  }

  /** What a server printed, as far as the hypervisor keeps it. */
  async console(id: string): Promise<string> {
    const path = `/servers/${encodeURIComponent(id)}/action`
    const body = { 'os-getConsoleOutput': {} }
    try {
      const answer = await this.#api.ask({ service: 'compute', method: 'POST', path, body }, read.console)
      return answer.value.output ?? ''
    } catch (error) {
      // 409: it is not built yet.
      if (isAbsent(error) || (error instanceof CausewayError && error.facts.status === 409)) return ''
      throw error
    }
  }

  async flavors(): Promise<Flavor[]> {
    const { value } = await this.#api.pages('compute', '/flavors/detail', read.flavors, (page) =>
      nextOf(page.flavors_links),
    )
    return value.flatMap(({ flavors }) => flavors)
  }

  async zones(): Promise<Zone[]> {
    const { value } = await this.#api.ask({ service: 'compute', path: '/os-availability-zone' }, read.zones)
    return value.availabilityZoneInfo.map((zone) => ({ name: zone.zoneName, available: zone.zoneState.available }))
  }

  async limits(): Promise<Limits> {
    return (await this.#api.ask({ service: 'compute', path: '/limits' }, read.limits)).value.limits.absolute
  }
}

function rootOf({ imageId, volume }: NewServer) {
  if (volume === null) return { imageRef: imageId }
  const root = {
    boot_index: 0,
    source_type: 'image',
    uuid: imageId,
    destination_type: 'volume',
    volume_size: volume.gib,
    delete_on_termination: true,
    ...(volume.type === null ? {} : { volume_type: volume.type }),
  }
  return { block_device_mapping_v2: [root] }
}

async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}
