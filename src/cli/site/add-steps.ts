import { type Clock, systemClock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { emptyOverlay } from '../../elastic/overlay-from-nodes.ts'
import { applyGateway } from '../../network/apply.ts'
import { examine } from '../../network/doctor/examine.ts'
import type { Finding } from '../../network/doctor/finding.ts'
import type { Driver } from '../../sites/driver.ts'
import { cacheText } from './cache-text.ts'
import { checkCache, checkDriver } from './check-site.ts'
import { gatewaysOf } from './gateways-of.ts'
import { packagesFor } from './packages.ts'
import type { Step } from './steps.ts'
import { tryTestNode } from './test-node.ts'

/** What preparing a new site needs. */
export interface SiteToAdd {
  /** With the new site. */
  readonly config: ControllerConfig
  readonly site: string
  /** The hosts of all gateways, by name. */
  host(gateway: string): Host
  readonly driver: Driver
  /** What the driver warned of so far. */
  warnings(): readonly string[]
  /** Whether missing packages are to be installed. */
  readonly install: boolean
  /** The node program that the cache is to run with; null: its own choice. */
  readonly node: string | null
  /** How long a test node may take to boot, ms; null: none is made. */
  readonly testMs: number | null
  readonly clock?: Clock
  /** Writes the configuration. */
  write(): Promise<string>
}

/** What of an examination must be well before anything is made: how far the others are is seen once they know of the site. */
const needed = new Set(['reach', 'clock', 'kernel', 'programs', 'machines', 'room'])

/** The steps of adding a site, the configuration's last: until then nothing but the new site's own hosts has changed. */
export function addSteps(to: SiteToAdd): readonly Step[] {
  const { config, site, driver, clock = systemClock } = to
  const overlay = emptyOverlay(config)
  const gateways = gatewaysOf(config, site)
  const scripts = new Map(gateways.map((name) => [name, new HostScript(to.host(name), 'scripts/site/causeway-site')]))
  const { cache } = config.sites[site] ?? {}

  const install: Step = {
    name: 'packages',
    async run() {
      const packages = packagesFor(config, site)
      for (const script of scripts.values()) await script.call(['install', ...packages], '', installMs)
      return 'all that it needs is installed'
    },
  }
  const check: Step = {
    name: 'hosts',
    async run() {
      const found = await examine(overlay, ({ name }) => to.host(name), clock, {
        only: ({ name }) => gateways.includes(name),
      })
      for (const { gateway, findings } of found) refuseBad(gateway, findings)
      return `${gateways.join(', ')}: reached, with clock, kernel and programs as they should be`
    },
  }
  const network: Step = {
    name: 'network',
    async run() {
      for (const name of gateways) {
        const { failures, missing } = await applyGateway(to.host(name), overlay, name)
        if (missing.length === 0) continue
        const why = failures.map(({ command, reason }) => `${command}: ${reason}`).join('; ')
        throw new CausewayError('CommandFailed', `${name} refused what the segment needs: ${why}`)
      }
      return 'the segment is there'
    },
  }
  const machines: Step = {
    name: 'machines',
    async run() {
      const findings = await checkDriver(driver, config.cluster.name, () => to.warnings())
      refuseBad(site, findings)
      const worth = findings.filter(({ level, about }) => level === 'warning' || about === 'room')
      return worth.map(({ text }) => text).join('; ')
    },
  }
  const startCache: Step = {
    name: 'cache',
    async run() {
      const script = scripts.get(site)
      if (!cache || !script) return 'none is wanted'
      const file = (await script.call(['cache-file', cache.config], cacheText(config, site))).trim()
      const how = (await script.call(['cache-start', cache.config, cache.program, to.node ?? '-'])).trim()
      await untilItAnswers(to.host(site), cache, clock)
      return `${ways[how] ?? how}; ${cache.config} ${file === 'kept' ? 'was there and is kept' : 'is written'}`
    },
  }
  const testNode = (deadlineMs: number): Step => ({
    name: 'test node',
    run: async () =>
      `${await tryTestNode({ config, site, driver, host: (name) => to.host(name), clock, deadlineMs })}; it is removed`,
  })
  return [
    ...(to.install ? [install] : []),
    check,
    machines,
    network,
    startCache,
    ...(to.testMs === null ? [] : [testNode(to.testMs)]),
    { name: 'configuration', run: () => to.write() },
  ]
}

/** How long packages may take to be installed on a host, ms. */
const installMs = 15 * 60_000

/** How long a cache may take to answer, and how often it is asked, ms. */
const [answerMs, askMs] = [60_000, 1000]

type Cache = ControllerConfig['sites'][string]['cache']

/** @throws CausewayError `CommandFailed` with what keeps the cache from answering */
async function untilItAnswers(host: Host, cache: Cache, clock: Clock): Promise<void> {
  for (const deadlineMs = clock.now() + answerMs; ; await clock.sleep(askMs)) {
    const findings = await checkCache(host, cache)
    if (findings.every(({ level }) => level !== 'bad')) return
    const why = findings.map(({ text }) => text).join('; ')
    const logs = 'see journalctl -u causeway-cache there, or /var/log/causeway/cache.log'
    if (clock.now() >= deadlineMs)
      throw new CausewayError('CommandFailed', `the cache does not answer: ${why}; ${logs}`)
  }
}

/** What `causeway-site cache-start` prints. */
const ways: Readonly<Record<string, string>> = {
  systemd: 'it runs as causeway-cache.service',
  background: 'it runs in the background: there is no systemd to keep it, so start it again after a reboot',
  runs: 'it runs already',
}

function refuseBad(where: string, findings: readonly Finding[]): void {
  const bad = findings.filter(({ level, about }) => level === 'bad' && needed.has(about))
  if (bad.length === 0) return
  const text = bad.map((one) => `${where}: ${one.about}: ${one.text}. To do: ${one.todo}`).join('\n')
  throw new CausewayError('CommandFailed', text)
}
