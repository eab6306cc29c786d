import { type Clock, systemClock } from '../../base/clock.ts'
import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { type Logger, silentLog } from '../../base/log.ts'
import type { LibvirtConfig } from '../../config/drivers/libvirt.ts'
import { Batcher } from '../batcher.ts'
import type { Capacity, Driver, HostCapacity, Listing, Machine, MachineSpec } from '../driver.ts'
import type { ImageSource } from '../images/image-source.ts'
import { checkId } from '../machine-fields.ts'
import { Creation } from './creation.ts'
import { closedBecause, isDark, machineOf, type Reading, unreadable } from './decide.ts'
import { roomOf } from './placement.ts'
import { PoolHost } from './pool-host.ts'
import type { DeleteWay } from './requests.ts'
import { Whereabouts } from './whereabouts.ts'

/** How a `LibvirtDriver` makes its machines. */
export interface LibvirtDriverOptions {
  readonly site: string
  /** `list` shows the machines of this cluster. */
  readonly cluster: string
  readonly config: LibvirtConfig
  /** The hosts of the pool by name; where `config.hosts` is left out, the gateway under the site's name. */
  readonly hosts: ReadonlyMap<string, Host>
  /** Brings images to hosts that lack them; left out: what is not there is missing. */
  readonly imageSource?: ImageSource
  readonly clock?: Clock
  readonly log?: Pick<Logger, 'warn'>
  /** Folder on the hosts that holds the machines. */
  readonly root?: string
  /** Folder on the hosts for the script that does the work there. */
  readonly bin?: string
  /** Seconds until a libvirtd that does not answer is given up. */
  readonly patienceS?: number
}

/** Calls that come within this time are one exchange with each host. */
const windowMs = 4
/** How often a machine that is shutting down is looked at. */
const lookMs = 500

/**
 * Virtual machines by libvirt and QEMU on a pool of hosts. Every call is at most two exchanges with a host, for however
 * many machines are asked for at the same moment: one that reads it, and one in which its script does all the work there.
 */
export class LibvirtDriver implements Driver {
  readonly site: string
  readonly #options: LibvirtDriverOptions
  readonly #clock: Clock
  readonly #log: Pick<Logger, 'warn'>
  readonly #hosts: ReadonlyMap<string, PoolHost>
  readonly #whereabouts: Whereabouts
  readonly #creations: Batcher<MachineSpec, Machine>
  /** Warnings given already. */
  readonly #warned = new Set<string>()

  constructor(options: LibvirtDriverOptions) {
    const { config, root = '/var/lib/causeway/machines', bin = '/var/lib/causeway/bin', patienceS = 15 } = options
    this.site = options.site
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silentLog
    const how = { config, root, bin, patienceS, clock: this.#clock, windowMs }
    this.#hosts = new Map([...options.hosts].map(([name, host]) => [name, new PoolHost(name, host, how)]))
    this.#whereabouts = new Whereabouts(this.#hosts.keys())
    const creation = new Creation({
      site: this.site,
      config,
      root,
      hosts: this.#hosts,
      whereabouts: this.#whereabouts,
      imageSource: options.imageSource ?? null,
      namesHosts: config.hosts !== undefined,
      read: (files) => this.#read(files),
    })
    this.#creations = new Batcher((batch) => creation.make(batch), this.#clock, windowMs)
  }

  async list(): Promise<Listing> {
    const readings = await this.#read()
    this.#refuseIfAllDark(readings)
    const found = new Map<string, { readonly machine: Machine; readonly at: string }>()
    for (const { host, inventory } of readings) {
      for (const domain of inventory?.domains ?? []) {
        if (domain.stamp?.cluster !== this.#options.cluster) continue
        const machine = machineOf(domain.stamp, domain, this.#hostName(host))
        const other = found.get(machine.id)
        if (other) this.#warnOfTwins(machine.id, [other.at, host])
        if (!other || isBetter(machine, other.machine)) found.set(machine.id, { machine, at: host })
      }
    }
    const machines = [...found.values()].map(({ machine }) => machine)
    return { machines, unread: readings.flatMap(({ host, error }) => (error ? { host, error } : [])) }
  }

  async create(spec: MachineSpec): Promise<Machine> {
    checkId(spec.id)
    return await this.#creations.add(spec)
  }

  async delete(id: string): Promise<void> {
    checkId(id)
    const { shutdown } = this.#options.config
    const deadline = this.#clock.now() + shutdown
    const errors: CausewayError[] = []
    let way: DeleteWay = shutdown > 0 ? 'soft' : 'now'
    for (let hosts = [...this.#hosts.values()]; ; ) {
      const stopping = await Promise.all(hosts.map((host) => this.#deleteAt(host, id, way, errors)))
      hosts = stopping.flat()
      if (hosts.length === 0) break
      const left = deadline - this.#clock.now()
      if (left > 0) await this.#clock.sleep(Math.min(lookMs, left))
      if (left <= lookMs) way = 'now'
    }
    const [error] = errors
    if (error) throw error
  }

  async console(id: string): Promise<string> {
    checkId(id)
    const answers = await Promise.all(
      [...this.#hosts.values()].map(async (host) => {
        try {
          return await host.console(id)
        } catch (error) {
          return this.#missed(host, id, toCausewayError(error)) ?? ''
        }
      }),
    )
    const printed = answers.find((answer) => typeof answer === 'string' && answer !== '')
    const dark = answers.find((answer) => typeof answer !== 'string')
    if (typeof printed !== 'string' && dark) throw dark
    return typeof printed === 'string' ? printed : ''
  }

  async capacity(): Promise<Capacity> {
    const readings = await this.#read()
    this.#refuseIfAllDark(readings)
    return { hosts: readings.map((reading) => this.#capacityOf(reading)), offers: [], machinesLeft: null }
  }

  /** The hosts are their owner's to close. */
  close(): Promise<void> {
    return Promise.resolve()
  }

  #capacityOf({ host, inventory, error }: Reading): HostCapacity {
    if (error) return { host, closed: error.message, cpus: null, memoryMiB: null, freeMemoryMiB: null, machines: 0 }
    const { config, cluster } = this.#options
    const { memoryMiB } = roomOf(inventory, [], config)
    return {
      host,
      closed: closedBecause(host, inventory, config),
      cpus: inventory.cpus,
      memoryMiB: inventory.memoryMiB,
      freeMemoryMiB: Math.max(0, memoryMiB),
      machines: inventory.domains.filter(({ stamp }) => stamp?.cluster === cluster).length,
    }
  }

  /** Reads all hosts; one that can't be read has an error instead. */
  async #read(files: readonly string[] = []): Promise<Reading[]> {
    return await Promise.all(
      [...this.#hosts.values()].map(async (poolHost): Promise<Reading> => {
        const host = poolHost.name
        const shown = this.#whereabouts.reading(host)
        try {
          const inventory = await poolHost.inventory(files)
          shown(inventory.domains.flatMap(({ stamp }) => stamp?.id ?? []))
          if (this.#options.config.accelerator === 'auto' && inventory.withoutKvm !== null) {
            const what = `${host}: machines are emulated, which is slow, since KVM does not work: ${inventory.withoutKvm}`
            this.#warnOnce({ site: this.site, host }, what)
          }
          return { host, inventory, error: null }
        } catch (error) {
          return { host, inventory: null, error: toCausewayError(error) }
        }
      }),
    )
  }

  #refuseIfAllDark(readings: readonly Reading[]): void {
    const errors = readings.flatMap(({ error }) => error ?? [])
    const [first] = errors
    if (!first || errors.length < readings.length) return
    throw errors.length === 1 ? first : unreadable(this.site, 'no host answers', first)
  }

  /** Deletes a machine at one host. Returns the host while the machine is stopping; failures are added to `errors`. */
  async #deleteAt(host: PoolHost, id: string, way: DeleteWay, errors: CausewayError[]): Promise<PoolHost[]> {
    try {
      if ((await host.delete(id, way)) === 'stopping') return [host]
      this.#whereabouts.gone(host.name, id)
    } catch (thrown) {
      errors.push(...[this.#missed(host, id, toCausewayError(thrown)) ?? []].flat())
    }
    return []
  }

  /** What is to be told when a host failed that was asked about a machine; null: nothing, since it can't have it. */
  #missed(host: PoolHost, id: string, error: CausewayError): CausewayError | null {
    if (!isDark(error)) return error
    if (!this.#whereabouts.mayHave(host.name, id)) return null
    return unreadable(this.site, `${host.name} cannot be read and may have machine ${id}`, error)
  }

  #hostName(host: string): string | null {
    return this.#options.config.hosts === undefined ? null : host
  }

  #warnOfTwins(id: string, hosts: readonly string[]): void {
    const what = `machine ${id} is at ${hosts.join(' and ')}: deleting it removes both`
    this.#warnOnce({ site: this.site, id, hosts }, what)
  }

  #warnOnce(facts: object, what: string): void {
    if (this.#warned.has(what)) return
    this.#warned.add(what)
    this.#log.warn(facts, what)
  }
}

/** Whether the first of two machines of one id is the one to be shown: the one that runs, or the older. */
function isBetter(a: Machine, b: Machine): boolean {
  return a.state === b.state ? a.createdAtMs < b.createdAtMs : a.state === 'running'
}
