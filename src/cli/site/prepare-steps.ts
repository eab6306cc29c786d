import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { emptyOverlay } from '../../elastic/overlay-from-nodes.ts'
import { applyGateway } from '../../network/apply.ts'
import { examine } from '../../network/doctor/examine.ts'
import type { Finding } from '../../network/doctor/finding.ts'
import type { Driver } from '../../sites/driver.ts'
import { checkDriver } from './check-site.ts'
import { packagesFor } from './packages.ts'
import type { Step } from './steps.ts'
import { tryTestNode } from './test-node.ts'

/** What preparing new hosts of a site needs. */
export interface Preparation {
  /** With the new hosts. */
  readonly config: ControllerConfig
  readonly site: string
  /** The hosts of all gateways, by name. */
  readonly host: (gateway: string) => Host
  readonly driver: Driver
  /** What the driver warned of so far. */
  readonly warnings: () => readonly string[]
  /** How long a test node may take to boot, ms; null: none is made. */
  readonly testMs: number | null
  readonly clock: Clock
}

/** The script that does what only site commands do at a gateway. */
export function siteScript(host: Host): HostScript {
  return new HostScript(host, 'scripts/site/causeway-site')
}

/** Installs the Debian packages that these gateways of the site lack. */
export function packagesStep({ config, site, host }: Preparation, gateways: readonly string[]): Step {
  return {
    name: 'packages',
    async run() {
      const argv = ['install', ...packagesFor(config, site)]
      await Promise.all(gateways.map((name) => siteScript(host(name)).call(argv, '', installMs)))
      return 'all that it needs is installed'
    },
  }
}

/** How long packages may take to be installed on a host, ms. */
const installMs = 15 * 60_000

/**
 * What of an examination must be well before anything is made. Whether the others are reached in the segment is seen once they know
 * of the new hosts.
 */
const needed = new Set(['reach', 'clock', 'kernel', 'programs', 'MTU', 'machines', 'room'])

/** Looks at these gateways: reach, clock, kernel, programs, and whether their packets get to the others outside. */
export function hostsStep({ config, host, clock }: Preparation, gateways: readonly string[]): Step {
  return {
    name: 'hosts',
    async run() {
      const found = await examine(emptyOverlay(config), ({ name }) => host(name), clock, {
        only: ({ name }) => gateways.includes(name),
      })
      for (const { gateway, findings } of found) refuseBad(gateway, findings)
      const doubts = found.flatMap(({ gateway, findings }) => {
        const ofPaths = findings.filter(({ about, level }) => about === 'paths' && level === 'warning')
        return ofPaths.map(({ text, todo }) => `; for ${gateway}: ${text}: ${todo}`)
      })
      return `${gateways.join(', ')}: reached, with clock, kernel and programs as they should be${doubts.join('')}`
    },
  }
}

/**
 * Looks whether machines can be had.
 * @param hosts of the pool, each of which must take machines; none: one of the site's
 */
export function machinesStep({ config, site, driver, warnings }: Preparation, hosts: readonly string[]): Step {
  return {
    name: 'machines',
    async run() {
      const findings = await checkDriver(driver, config.cluster.name, warnings)
      refuseBad(site, findings)
      const closed = hosts.length === 0 ? [] : (await driver.capacity()).hosts.filter((one) => one.closed !== null)
      const refusing = closed.filter(({ host }) => hosts.includes(host))
      if (refusing.length > 0) {
        const why = refusing.map((one) => `${one.host} takes no machines: ${one.closed}`).join('; ')
        throw new CausewayError('CommandFailed', `${site}: ${why}`)
      }
      const worth = findings.filter(({ level, about }) => level === 'warning' || about === 'room')
      return worth.map(({ text }) => text).join('; ')
    },
  }
}

/** Makes the segment at these gateways. */
export function networkStep({ config, host }: Preparation, gateways: readonly string[]): Step {
  return {
    name: 'network',
    async run() {
      for (const name of gateways) {
        const { failures, missing } = await applyGateway(host(name), emptyOverlay(config), name)
        if (missing.length === 0) continue
        const why = failures.map(({ command, reason }) => `${command}: ${reason}`).join('; ')
        throw new CausewayError('CommandFailed', `${name} refused what the segment needs: ${why}`)
      }
      return 'the segment is there'
    },
  }
}

/** A host of a pool that is tried by a node. */
export interface Trial {
  /** Null: the site has no pool. */
  readonly at: string | null
  /** Whether the node must reach its router, or only boot. */
  readonly reach: boolean
}

/** Tries a node at each of these hosts; no steps where none are wanted. */
export function testSteps(to: Preparation, trials: readonly Trial[]): readonly Step[] {
  const { testMs: deadlineMs } = to
  if (deadlineMs === null) return []
  return trials.map((trial) => ({
    name: trial.at === null ? 'test node' : `test node at ${trial.at}`,
    run: async () => `${await tryTestNode({ ...to, ...trial, deadlineMs })}; it is removed`,
  }))
}

function refuseBad(where: string, findings: readonly Finding[]): void {
  const bad = findings.filter(({ level, about }) => level === 'bad' && needed.has(about))
  if (bad.length === 0) return
  const text = bad.map((one) => `${where}: ${one.about}: ${one.text}. To do: ${one.todo}`).join('\n')
  throw new CausewayError('CommandFailed', text)
}
