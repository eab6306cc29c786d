import type { Clock } from '../base/clock.ts'
import { CausewayError, toCausewayError } from '../base/errors.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { hostNames } from '../config/further-hosts.ts'
import type { Capacity, Driver, HostCapacity } from '../sites/driver.ts'
import type { Drain, DrainStore } from '../store/drain-store.ts'
import type { EventStore } from '../store/event-store.ts'
import type { BreakerRecord, NodeRecord } from '../store/node-record.ts'
import type { NodeStore } from '../store/node-store.ts'
import type { View } from './loop.ts'
import { withEmptyPools } from './plan/departure.ts'

/** How long a site may take to tell its capacity, ms. */
const patienceMs = 10_000

/** A site as the API and the CLI show it. */
export interface SiteReport {
  readonly site: string
  /** Whether it could be read in the last round, and what went wrong if not. */
  readonly reachable: boolean
  readonly trouble: string
  readonly drain: DrainReport | null
  /** Nodes of it that are not gone. */
  readonly nodes: number
  /** How many machines more its quota allows; null: it has none, or does not tell. */
  readonly machinesLeft: number | null
  /** Why it does not tell what it has to offer; '' if it does. */
  readonly silence: string
  readonly hosts: readonly HostReport[]
  /** Types of it that failed lately. */
  readonly breakers: readonly BreakerRecord[]
}

/** A host of a site's pool, or a zone. */
export interface HostReport extends HostCapacity {
  readonly drain: DrainReport | null
  /** Nodes that it has. */
  readonly nodes: number
}

type DrainReport = Pick<Drain, 'reason' | 'sinceMs'>

/** What a site keeper stands on. */
export interface SiteSources {
  readonly clock: Clock
  readonly config: { readonly current: Pick<ControllerConfig, 'sites'> }
  readonly drivers: ReadonlyMap<string, Driver>
  readonly drains: DrainStore
  readonly nodes: NodeStore
  readonly events: EventStore
  view(): Pick<View, 'observation'> | null
  /** Has the loop look at once. */
  wake(): void
}

/** Takes sites and hosts out of use and back, and tells how it stands with them. */
export class SiteKeeper {
  readonly #from: SiteSources
  readonly #sinceMs: number
  /** The hosts of each site, as it told them last. */
  readonly #told = new Map<string, readonly string[]>()

  constructor(sources: SiteSources) {
    this.#from = sources
    this.#sinceMs = sources.clock.now()
  }

  /**
   * What of the configuration is to be empty: by order of an admin, hosts that it has in maintenance itself, and sites all of whose
   * hosts are.
   */
  async drains(): Promise<readonly Drain[]> {
    const { sites } = this.#from.config.current
    const ordered = (await this.#from.drains.all()).filter(({ site }) => Object.hasOwn(sites, site))
    return withEmptyPools([...ordered, ...this.#maintenance()], (site) => this.#hostsOf(site))
  }

  /** All sites, in the order of the configuration. */
  async report(): Promise<readonly SiteReport[]> {
    const { config, nodes } = this.#from
    const [live, breakers, drains] = [await nodes.live(), [...(await nodes.breakers()).values()], await this.drains()]
    const sites = Object.keys(config.current.sites)
    return Promise.all(sites.map((site) => this.#reportOf(site, live, breakers, drains)))
  }

  /**
   * The site, or the host of its pool, takes no new nodes; those that it has go as soon as their jobs have ended. It lasts until it
   * is taken back.
   * @throws CausewayError `NotFound` for a site or a host that there is not
   */
  async drain(site: string, host: string | null, reason: string): Promise<SiteReport> {
    const { drains, clock } = this.#from
    const place = await this.#placeOf(site, host)
    await drains.begin({ site, host: place, reason, sinceMs: clock.now() })
    return this.#done(
      site,
      place,
      place === null ? 'SiteDrained' : 'HostDrained',
      `is drained${reason && `: ${reason}`}`,
    )
  }

  /**
   * Takes a drain back: the site or the host takes nodes again.
   * @throws CausewayError `NotFound` when it is not drained; `Conflict` when the configuration has the host in maintenance
   */
  async undrain(site: string, host: string | null): Promise<SiteReport> {
    const place = await this.#placeOf(site, host)
    const what = described(site, place)
    const wasDrained = await this.#from.drains.end(site, place)
    if (this.#maintenance().some((drain) => drain.site === site && drain.host === place)) {
      const way = 'set its "maintenance" to false there and restart the controller'
      throw new CausewayError('Conflict', `the configuration has ${what} in maintenance: ${way}`)
    }
    if (!wasDrained) {
      const byHosts =
        place === null && (await this.drains()).some((drain) => drain.site === site && drain.host === null)
      const way = byHosts ? ` itself, but each of its hosts is: take back those, with --host` : ''
      throw new CausewayError('NotFound', `${what} is not drained${way}`)
    }
    return this.#done(site, place, 'Undrained', 'takes nodes again')
  }

  async #done(site: string, host: string | null, code: string, text: string): Promise<SiteReport> {
    const { clock, events, nodes } = this.#from
    await events.append({
      atMs: clock.now(),
      kind: 'site',
      site,
      nodeId: null,
      nodeName: null,
      code,
      text: `${described(site, host)} ${text}`,
      facts: { host },
      jobs: [],
    })
    this.#from.wake()
    const breakers = [...(await nodes.breakers()).values()]
    return this.#reportOf(site, await nodes.live(), breakers, await this.drains())
  }

  /**
   * What is meant: null is the whole site, as is its only host, whose nodes carry no host. A host that does not answer may be
   * drained, too: only a site that tells all of its hosts knows better.
   */
  async #placeOf(site: string, host: string | null): Promise<string | null> {
    const { config } = this.#from
    if (!Object.hasOwn(config.current.sites, site)) {
      const known = Object.keys(config.current.sites).join(', ')
      throw new CausewayError('NotFound', `there is no site ${site} in the configuration; it has: ${known}`)
    }
    if (host === null) return null
    const told = await this.#capacity(site)
    const hosts = told instanceof CausewayError ? [] : told.hosts.map((one) => one.host)
    if (hosts.length === 0) return host
    if (hosts.includes(host)) return hosts.length === 1 ? null : host
    throw new CausewayError('NotFound', `site ${site} has no host ${host}; it has: ${hosts.join(', ')}`)
  }

  async #reportOf(
    site: string,
    live: readonly NodeRecord[],
    breakers: readonly BreakerRecord[],
    drains: readonly Drain[],
  ): Promise<SiteReport> {
    const told = await this.#capacity(site)
    const reading = this.#from.view()?.observation.sites.get(site)
    const dark = reading?.ok ? (reading.unread ?? []).map(({ host, text }) => `host ${host}: ${text}`) : []
    const ofSite = live.filter((node) => node.site === site)
    const drainOf = (host: string | null): DrainReport | null => {
      const drain = drains.find((one) => one.site === site && one.host === host)
      return drain ? { reason: drain.reason, sinceMs: drain.sinceMs } : null
    }
    const silent = told instanceof CausewayError
    return {
      site,
      reachable: reading?.ok ?? false,
      trouble: reading && !reading.ok ? reading.text : dark.join('; '),
      drain: drainOf(null),
      nodes: ofSite.length,
      machinesLeft: silent ? null : told.machinesLeft,
      silence: silent ? told.message : '',
      hosts: (silent ? [] : told.hosts).map((one) => ({
        ...one,
        drain: drainOf(one.host),
        nodes: ofSite.filter(({ host }) => host === one.host).length,
      })),
      breakers: breakers.filter((breaker) => breaker.site === site && breaker.failures > 0),
    }
  }

  async #capacity(site: string): Promise<Capacity | CausewayError> {
    const { clock, drivers } = this.#from
    const driver = drivers.get(site)
    if (!driver) return new CausewayError('NotFound', `site ${site} has no driver`)
    const done = new AbortController()
    const late = clock
      .sleep(patienceMs, done.signal)
      .then(() => new CausewayError('CommandTimeout', `it has not answered within ${patienceMs / 1000} s`))
    const told = await Promise.race([driver.capacity().catch(toCausewayError), late])
    done.abort()
    if (!(told instanceof CausewayError)) {
      this.#told.set(
        site,
        told.hosts.map(({ host }) => host),
      )
    }
    return told
  }

  #hostsOf(site: string): readonly string[] {
    const { driver } = this.#from.config.current.sites[site] ?? {}
    const named = driver ? hostNames(driver) : []
    return named.length > 0 ? named : (this.#told.get(site) ?? [])
  }

  /** Hosts that the configuration has in maintenance, where the kind of site has such a setting. A site's only host is the site. */
  #maintenance(): Drain[] {
    const [reason, sinceMs] = ['in maintenance by the configuration', this.#sinceMs]
    return Object.entries(this.#from.config.current.sites).flatMap(([site, { driver }]) => {
      const hosts = Object.entries(('hosts' in driver ? driver.hosts : undefined) ?? {})
      return hosts.flatMap(([name, { maintenance }]) =>
        maintenance ? [{ site, host: hosts.length === 1 ? null : name, reason, sinceMs }] : [],
      )
    })
  }
}

function described(site: string, host: string | null): string {
  return host === null ? `site ${site}` : `host ${host} of ${site}`
}
