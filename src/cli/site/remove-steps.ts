import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { removeOverlay } from '../../network/apply.ts'
import type { Driver } from '../../sites/driver.ts'
import { leftText } from '../site-drain.ts'
import { gatewaysOf } from './gateways-of.ts'
import type { SiteRecords } from './records.ts'
import type { Step } from './steps.ts'

/** What removing a site needs, while no controller runs. */
export interface SiteToRemove {
  /** With the site. */
  readonly config: ControllerConfig
  readonly site: string
  /** The hosts of all gateways, by name. */
  host(gateway: string): Host
  readonly driver: Driver
  readonly records: SiteRecords
  /** Whether the packages that its cache has kept go, too. */
  readonly forgetPackages: boolean
  /** Writes the configuration without it. */
  write(): Promise<string>
}

/** The steps of removing a site that is there, the configuration's last: until then each can be tried again. */
export function removeSteps(to: SiteToRemove): readonly Step[] {
  const { config, site, driver, records } = to
  const { cache } = config.sites[site] ?? {}
  return [
    { name: 'machines', run: () => refuseUsed(site, driver, records) },
    {
      name: 'cache',
      async run() {
        if (!cache) return 'it had none'
        const script = new HostScript(to.host(site), 'scripts/site/causeway-site')
        await script.call(['cache-stop', cache.config, to.forgetPackages ? 'forget' : 'keep'], '', stopMs)
        return `what "site add" made is gone, its packages ${to.forgetPackages ? 'too' : 'are kept'}`
      },
    },
    {
      name: 'network',
      async run() {
        for (const name of gatewaysOf(config, site)) {
          const { failures, missing } = await removeOverlay(to.host(name), config.cluster.vni)
          if (missing.length === 0) continue
          const why = failures.map(({ command, reason }) => `${command}: ${reason}`).join('; ')
          throw new CausewayError('CommandFailed', `${name}: some of the segment is left: ${why}`)
        }
        return 'the segment is gone'
      },
    },
    {
      name: 'records',
      async run() {
        await records.endDrains()
        return 'the site is drained no more'
      },
    },
    { name: 'configuration', run: () => to.write() },
  ]
}

/** The steps of forgetting a site that is gone for good: nothing there is asked for, or changed. */
export function forgetSteps(
  { site, records, write }: Pick<SiteToRemove, 'site' | 'records' | 'write'>,
  clock: Pick<Clock, 'now'>,
): readonly Step[] {
  return [
    {
      name: 'records',
      async run() {
        const nodes = await records.nodes()
        await records.giveUp(clock.now())
        await records.endDrains()
        return nodes.length === 0 ? `${site} had no nodes` : `given up: ${nodes.map(({ name }) => name).join(', ')}`
      },
    },
    { name: 'configuration', run: () => write() },
  ]
}

/** How long a cache may take to end, ms. */
const stopMs = 90_000

/** @throws CausewayError `Conflict` where the site has nodes or machines; `HostUnreachable` where that can't be seen */
async function refuseUsed(site: string, driver: Driver, records: SiteRecords): Promise<string> {
  const way = `start the controller, and run \`causeway site drain ${site} --wait\``
  const nodes = await records.nodes()
  if (nodes.length > 0) throw new CausewayError('Conflict', `${leftText(`site ${site}`, nodes)}: ${way}`)
  const { machines, unread } = await driver.list()
  if (machines.length > 0) {
    const names = machines.map(({ name }) => name).join(', ')
    throw new CausewayError('Conflict', `site ${site} has machines of this cluster: ${names}: ${way}`)
  }
  const [dark] = unread
  if (dark) {
    const { message } = dark.error
    throw new CausewayError(
      'HostUnreachable',
      `host ${dark.host} of ${site} can't be read, and may have machines: ${message}. If it is gone for good, take it out of the configuration first`,
      { cause: dark.error },
    )
  }
  return 'it has none'
}
