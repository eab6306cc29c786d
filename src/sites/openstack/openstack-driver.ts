import { type Clock, systemClock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { OpenStackSettings } from '../../config/drivers/openstack.ts'
import { consoleEnd } from '../console-end.ts'
import type { Capacity, Driver, HostCapacity, Listing, Machine, MachineSpec, UnreadHost } from '../driver.ts'
import { flavorFor, machinesLeft, offerOf, zonesFor } from './choices.ts'
import { CloudApi } from './cloud-api.ts'
import { faultOf, isUnclear } from './errors.ts'
import { findImage } from './glance.ts'
import { darkServer, type Holding, Holdings, isDark, type Patience } from './holdings.ts'
import { clusterTag, idTag, machineOf, oneOfEach, stampsOf, stateOf, zoneOf } from './machine.ts'
import { Neutron, type Port } from './neutron.ts'
import { type NewServer, Nova, type Zone } from './nova.ts'
import { portFor } from './port.ts'
import type { Server } from './schemas.ts'
import { encodeUserData } from './user-data.ts'

export interface OpenStackDriverOptions {
  readonly site: string
  /** `list` shows the machines of this cluster. */
  readonly cluster: string
  readonly settings: OpenStackSettings
  readonly clock?: Clock
  readonly patience?: Partial<Patience>
}

/** What a server needs besides its zone and its port. */
type ServerPlan = Omit<NewServer, 'zone' | 'metadata' | 'portId'>

const usualPatience: Patience = { pollMs: 2_000, buildMs: 900_000, deleteMs: 300_000, settleMs: 60_000 }

/** Nova takes tags of 60 characters; with what stands before it, the id has this. */
const idForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,46}$/

/**
 * Servers of an OpenStack project, each with a port of its own. A server's metadata says whose it is; the hosts of the site
 * are its availability zones. Nova knows no idempotent creation: `Holdings` says how a second server is prevented.
 */
export class OpenStackDriver implements Driver {
  readonly site: string
  readonly #cluster: string
  readonly #settings: OpenStackSettings
  readonly #api: CloudApi
  readonly #nova: Nova
  readonly #neutron: Neutron
  readonly #holdings: Holdings

  constructor({ site, cluster, settings, clock = systemClock, patience = {} }: OpenStackDriverOptions) {
    this.site = site
    this.#cluster = cluster
    this.#settings = settings
    const { credentials: file, cloud = null, region, interface: kind } = settings
    this.#api = new CloudApi({ site, file, cloud, region, interface: kind, clock })
    this.#nova = new Nova(this.#api)
    this.#neutron = new Neutron(this.#api)
    const deps = { site, nova: this.#nova, neutron: this.#neutron, clock }
    this.#holdings = new Holdings({ ...deps, patience: { ...usualPatience, ...patience } })
  }

  async list(): Promise<Listing> {
    const [listed, ports] = await Promise.all([
      this.#nova.servers(clusterTag(this.#cluster)),
      this.#neutron.clusterPorts(this.#cluster),
    ])
    const servers = [...listed, ...(await this.#holdings.unlisted(listed, ports))]
    const machines = servers.flatMap((server) => this.#machine(server, ports) ?? [])
    return {
      machines: oneOfEach(machines.filter(({ cluster }) => cluster === this.#cluster)),
      unread: this.#unread(servers.filter(isDark)),
    }
  }

  async create(spec: MachineSpec): Promise<Machine> {
    const held = await this.#holdings.of(this.#checkId(spec.id))
    const running = await this.#running(held)
    if (running) return running
    const zones = zonesFor(this.site, await this.#zones(), spec)
    const plan = await this.#plan(spec)
    await this.#holdings.remove(held)
    return await this.#makeInOneOf(zones, spec, plan)
  }

  async delete(id: string): Promise<void> {
    await this.#holdings.remove(await this.#holdings.of(this.#checkId(id)))
  }

  async console(id: string): Promise<string> {
    const { servers } = await this.#holdings.look(this.#checkId(id))
    const server = servers.find((one) => stateOf(one) === 'running') ?? servers[0]
    return server ? consoleEnd(await this.#nova.console(server.id)) : ''
  }

  async capacity(): Promise<Capacity> {
    const [zones, flavors, limits, { machines, unread }] = await Promise.all([
      this.#zones(),
      this.#nova.flavors(),
      this.#nova.limits(),
      this.list(),
    ])
    const hosts = zones.map(({ name, available }): HostCapacity => {
      const dark = unread.find(({ host }) => host === name)
      const closed = dark?.error.message ?? (available ? null : 'the cloud says that it is not available')
      const has = machines.filter(({ host }) => host === name).length
      return { host: name, closed, cpus: null, memoryMiB: null, freeMemoryMiB: null, machines: has }
    })
    const { flavor, types } = this.#settings
    const wanted = new Set([flavor, ...Object.values(types).flatMap((type) => type.flavor ?? [])])
    const ours = flavors.filter(({ id, name }) => wanted.has(id) || wanted.has(name))
    return { hosts, offers: flavors.map(offerOf), machinesLeft: machinesLeft(limits, ours) }
  }

  close(): Promise<void> {
    return this.#api.close()
  }

  /** The machine, if one runs that is to stay; waits for one that is being built. */
  async #running({ servers, ports }: Holding): Promise<Machine | null> {
    const candidates = servers.flatMap((server) => {
      const machine = this.#machine(server, ports)
      return machine?.state === 'running' && machine.leaving === null ? [{ server, machine }] : []
    })
    const chosen = candidates.find(({ server }) => server.status !== 'BUILD') ?? candidates[0]
    if (chosen?.server.status !== 'BUILD') return chosen?.machine ?? null
    const built = this.#machine(await this.#holdings.built(chosen.server.id), ports)
    return built?.state === 'running' ? built : null
  }

  async #plan(spec: MachineSpec): Promise<ServerPlan> {
    const { types } = this.#settings
    const { flavor, serverGroup = null, volume } = { ...this.#settings, ...types[spec.type] }
    const userData = encodeUserData(spec)
    const [flavors, imageId] = await Promise.all([this.#nova.flavors(), findImage(this.#api, this.site, spec.image)])
    return {
      name: spec.name,
      flavorId: flavorFor(this.site, flavors, flavor, spec).id,
      imageId,
      volume: volume ? { gib: Math.ceil(volume.size / 2 ** 30), type: volume.type ?? null } : null,
      serverGroup,
      userData,
      tags: [idTag(spec.id), clusterTag(spec.cluster)],
    }
  }

  /** Makes it in the first zone that has room. */
  async #makeInOneOf(
    [zone, next, ...others]: readonly [string, ...string[]],
    spec: MachineSpec,
    plan: ServerPlan,
  ): Promise<Machine> {
    try {
      return await this.#make(spec, { ...plan, zone, metadata: stampsOf(spec, zone) })
    } catch (error) {
      const isFull = error instanceof CausewayError && error.code === 'InsufficientCapacity'
      if (!isFull || next === undefined) throw error
    }
    return await this.#makeInOneOf([next, ...others], spec, plan)
  }

  /** Makes a port and its server in a zone; where that is refused, or the server can't be built, nothing of it stays. */
  async #make(spec: MachineSpec, plan: Omit<NewServer, 'portId'>): Promise<Machine> {
    const port = await this.#makePort(spec)
    const serverId = await this.#start(spec.id, port, plan)
    const server = await this.#holdings.built(serverId)
    const machine = this.#machine(server, [port])
    if (machine?.state === 'running') return machine
    return await this.#withdraw({ servers: [server], ports: [port] }, faultOf(spec.name, server.fault?.message))
  }

  async #makePort(spec: MachineSpec): Promise<Port> {
    try {
      return await this.#neutron.create(portFor(spec, this.#settings))
    } catch (error) {
      if (!isUnclear(error)) throw error
      const [port] = await this.#neutron.ports(spec.id)
      if (port) return port
      throw error
    }
  }

  /** Has the server made. Where the answer leaves that open, a look tells; where that does too, a later call goes on. */
  async #start(id: string, port: Port, plan: Omit<NewServer, 'portId'>): Promise<string> {
    try {
      return await this.#nova.create({ ...plan, portId: port.id })
    } catch (error) {
      if (!isUnclear(error)) return await this.#withdraw({ servers: [], ports: [port] }, error as CausewayError)
      const [server] = (await this.#holdings.look(id)).servers
      if (server) return server.id
      throw error
    }
  }

  /** Removes what was made in vain, and throws why; where it can't be removed now, that comes first. */
  async #withdraw(holding: Holding, error: CausewayError): Promise<never> {
    try {
      await this.#holdings.remove(holding)
    } catch (also) {
      if (!(also instanceof CausewayError)) throw also
      const { code, facts, retryable } = also
      const message = `${error.message}; what was made of it is still there: ${also.message}`
      throw new CausewayError(code, message, { cause: error, facts, retryable })
    }
    throw error
  }

  #machine(server: Server, ports: readonly Port[]): Machine | null {
    const id = server.metadata?.causeway_id
    const port = ports.find((one) => one.server === server.id) ?? ports.find(({ machine }) => machine === id)
    return machineOf(server, port, this.#settings.network === 'bridged')
  }

  async #zones(): Promise<Zone[]> {
    const { zones: wanted } = this.#settings
    const zones = await this.#nova.zones()
    if (wanted.length === 0) return zones
    return wanted.map((name) => zones.find((zone) => zone.name === name) ?? { name, available: false })
  }

  /** @throws CausewayError `HostUnreachable` where it is not even known which zone has a server that can't be read */
  #unread(servers: readonly Server[]): UnreadHost[] {
    const unread = new Map<string, UnreadHost>()
    for (const server of servers) {
      const host = zoneOf(server)
      const error = darkServer(this.site, server)
      if (host === null) throw error
      unread.set(host, { host, error })
    }
    return [...unread.values()]
  }

  #checkId(id: string): string {
    if (idForm.test(id)) return id
    throw new CausewayError('InvalidRequest', `${this.site}: id of a machine is not acceptable: ${JSON.stringify(id)}`)
  }
}
