import { type Clock, systemClock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Ec2Settings } from '../../config/drivers/ec2.ts'
import type { Capacity, Driver, Listing, Machine, MachineSpec } from '../driver.ts'
import { readAnnouncements } from './announcements.ts'
import { zonesNow } from './capacity.ts'
import { Ec2Api } from './client.ts'
import { readConsole } from './console.ts'
import { ec2Code } from './errors.ts'
import { type Found, isLiving, machineOf, oneOfEach } from './instances.ts'
import { Launcher } from './launcher.ts'
import { removeLeftovers } from './leftovers.ts'
import { OfferReader } from './offers.ts'
import { InstanceRegistry } from './registry.ts'

/** The first and the longest pause between two looks at something that ends, ms. */
const lookMs = { first: 1000, most: 5000 }

/** How an `Ec2Driver` makes its machines. */
export interface Ec2DriverOptions {
  readonly site: string
  /** `list` shows the machines of this cluster. */
  readonly cluster: string
  readonly settings: Ec2Settings
  readonly clock?: Clock
  /** How long an answer of EC2 may take, ms. */
  readonly answersWithinMs?: number
  /** How long it may take until EC2 shows everywhere what was done, ms. */
  readonly visibleWithinMs?: number
  /** How long a machine may take to end, ms. */
  readonly endsWithinMs?: number
}

/**
 * Machines of Amazon EC2: the site's hosts are zones, each with a subnet. One id is one instance at any time: its client
 * tokens see to it while EC2 does not show yet what was made, and a request without a clear answer keeps other purchases
 * from being tried until EC2 must show its machine.
 */
export class Ec2Driver implements Driver {
  readonly site: string
  readonly #cluster: string
  readonly #settings: Ec2Settings
  readonly #clock: Clock
  readonly #endsWithinMs: number
  readonly #visibleWithinMs: number
  readonly #api: Ec2Api
  readonly #registry: InstanceRegistry
  readonly #offers: OfferReader
  readonly #launcher: Launcher

  constructor(options: Ec2DriverOptions) {
    const { site, cluster, settings, clock = systemClock } = options
    const { answersWithinMs = 30_000, visibleWithinMs = 20_000 } = options
    this.site = site
    this.#cluster = cluster
    this.#settings = settings
    this.#clock = clock
    this.#endsWithinMs = options.endsWithinMs ?? 300_000
    this.#visibleWithinMs = visibleWithinMs
    const api = new Ec2Api({ site, settings, clock, answersWithinMs })
    const registry = new InstanceRegistry({ api, clock, visibleWithinMs })
    const offers = new OfferReader({ api, clock, settings })
    this.#api = api
    this.#registry = registry
    this.#offers = offers
    this.#launcher = new Launcher({ api, clock, settings, registry, offers, visibleWithinMs })
  }

  async list(): Promise<Listing> {
    const founds = oneOfEach(await this.#registry.ofCluster(this.#cluster, this.site))
    const leaving = await readAnnouncements(this.#api, founds)
    return { machines: founds.map((found) => machineOf(found, leaving.get(found.instanceId) ?? null)), unread: [] }
  }

  async create(spec: MachineSpec): Promise<Machine> {
    const past = new Set<string>()
    const keep = (founds: readonly Found[]) => oneOfEach(founds).find(({ state }) => state === 'running')
    const running = await this.#end(spec.id, past, keep, spec.first)
    return await this.#made(running ?? (await this.#launcher.launch(spec, past)))
  }

  async delete(id: string): Promise<void> {
    await this.#end(id, new Set(), () => undefined)
    await this.#until(`what ${id} left behind is gone`, async () => (await removeLeftovers(this.#api, id)) === 0)
  }

  async console(id: string): Promise<string> {
    const [found] = oneOfEach((await this.#registry.ofId(id)).founds)
    return found ? await readConsole(this.#api, found.instanceId) : ''
  }

  async capacity(): Promise<Capacity> {
    const [offers, founds] = await Promise.all([
      this.#offers.read(),
      this.#registry.ofCluster(this.#cluster, this.site),
    ])
    const hosts = await zonesNow(this.#api, this.#settings.zones, oneOfEach(founds))
    // Quotas are counted in CPUs per family, and only another service tells them.
    return { hosts, offers, machinesLeft: null }
  }

  close(): Promise<void> {
    return this.#api.close()
  }

  /**
   * Ends the instances of an id and waits until EC2 must show whatever was made for it, or until one is to be kept. One that
   * is stopped is never: it would go on with the disk that it has.
   * @param past gets the ids of those that ended
   * @param first nobody asked for it before this process did
   */
  async #end(
    id: string,
    past: Set<string>,
    keep: (founds: readonly Found[]) => Found | undefined,
    first = false,
  ): Promise<Found | undefined> {
    let kept: Found | undefined
    await this.#until(`${id} has ended`, async () => {
      const { founds, settled } = await this.#registry.ofId(id, first)
      kept = keep(founds)
      const others = founds.filter((found) => found !== kept)
      for (const { instanceId } of others) past.add(instanceId)
      await this.#terminate(others.filter(isLiving))
      return kept !== undefined || (settled && others.every(({ state }) => state === 'gone'))
    })
    return kept
  }

  async #terminate(founds: readonly Found[]): Promise<void> {
    if (founds.length === 0) return
    const InstanceIds = founds.map(({ instanceId }) => instanceId)
    try {
      await this.#api.act('TerminateInstances', (ec2) => ec2.terminateInstances({ InstanceIds }))
    } catch (error) {
      // Not everywhere at EC2 is known yet what was made; whoever waits for the end asks again.
      if (!(error instanceof CausewayError) || ec2Code(error) !== 'InvalidInstanceID.NotFound') throw error
    }
  }

  /** The finishing touch to an instance that runs. */
  async #made(found: Found): Promise<Machine> {
    if (!this.#settings.sourceDestCheck) {
      for (const nic of found.checkedNics) await this.#until(`${nic} is there`, () => this.#uncheck(nic))
    }
    return machineOf(found, null)
  }

  async #uncheck(nic: string): Promise<boolean> {
    const request = { NetworkInterfaceId: nic, SourceDestCheck: { Value: false } }
    try {
      await this.#api.act('ModifyNetworkInterfaceAttribute', (ec2) => ec2.modifyNetworkInterfaceAttribute(request))
      return true
    } catch (error) {
      if (!(error instanceof CausewayError) || ec2Code(error) !== 'InvalidNetworkInterfaceID.NotFound') throw error
      return false
    }
  }

  /** Looks until it is so. @throws CausewayError `CommandTimeout` when it never is */
  async #until(what: string, look: () => Promise<boolean>): Promise<void> {
    const untilMs = this.#clock.now() + this.#endsWithinMs
    let pauseMs = Math.min(lookMs.first, this.#visibleWithinMs)
    while (!(await look())) {
      if (this.#clock.now() >= untilMs) {
        throw new CausewayError('CommandTimeout', `${this.site}: not within ${this.#endsWithinMs} ms: ${what}`)
      }
      await this.#clock.sleep(pauseMs)
      pauseMs = Math.min(pauseMs * 2, lookMs.most)
    }
  }
}
