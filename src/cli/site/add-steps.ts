import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { furtherGateway, poolOf } from '../../config/further-hosts.ts'
import { cacheText } from './cache-text.ts'
import { checkCache } from './check-site.ts'
import { driverConfigOf, gatewaysOf } from './gateways-of.ts'
import {
  hostsStep,
  machinesStep,
  networkStep,
  type Preparation,
  packagesStep,
  siteScript,
  type Trial,
  testSteps,
} from './prepare-steps.ts'
import { bringProgram, broughtProgram } from './program.ts'
import type { Step } from './steps.ts'

/** What preparing a new site, or hosts of one, needs. */
export interface Addition extends Preparation {
  /** Whether missing packages are to be installed. */
  readonly install: boolean
  /** The node program that the cache is to run with; null: its own choice. */
  readonly node: string | null
  /** Writes the configuration. */
  readonly write: () => Promise<string>
}

/** The steps of adding a site, the configuration's last: until then nothing but the new site's own hosts has changed. */
export function addSteps(to: Addition): readonly Step[] {
  const { config, site } = to
  const gateways = gatewaysOf(config, site)
  const pool = poolOf(driverConfigOf(config, site))
  // Tunnels between its hosts are there when the controller has exchanged their keys.
  const isSealed = config.cluster.overlay.encryption !== undefined
  const trials = Object.entries(pool).map(([at, { gateway }]): Trial => ({ at, reach: gateway || !isSealed }))
  return [
    ...(to.install ? [packagesStep(to, gateways)] : []),
    hostsStep(to, gateways),
    machinesStep(to, Object.keys(pool)),
    networkStep(to, gateways),
    cacheStep(to),
    ...testSteps(to, trials.length > 0 ? trials : [{ at: null, reach: true }]),
    { name: 'configuration', run: to.write },
  ]
}

/**
 * The steps of adding a host to a site's pool, the configuration's last: until then nothing but that host has changed. Its test node
 * need only boot: its router learns of the host from the controller.
 */
export function addHostSteps(to: Addition, host: string): readonly Step[] {
  const gateways = [furtherGateway(to.site, host)]
  return [
    ...(to.install ? [packagesStep(to, gateways)] : []),
    hostsStep(to, gateways),
    machinesStep(to, [host]),
    networkStep(to, gateways),
    ...testSteps(to, [{ at: host, reach: false }]),
    { name: 'configuration', run: to.write },
  ]
}

/** Runs the package cache at the gateway, with the program that is there, or with this one. */
function cacheStep({ config, site, host, node, clock }: Addition): Step {
  return {
    name: 'cache',
    async run() {
      const { cache } = config.sites[site] ?? {}
      if (!cache) return 'none is wanted'
      const script = siteScript(host(site))
      const brought = cache.program === broughtProgram ? `${await bringProgram(host(site))}; ` : ''
      const file = (await script.call(['cache-file', cache.config], cacheText(config, site))).trim()
      const how = (await script.call(['cache-start', cache.config, cache.program, node ?? '-'])).trim()
      await untilItAnswers(host(site), cache, clock)
      return `${brought}${ways[how] ?? how}; ${cache.config} ${file === 'kept' ? 'was there and is kept' : 'is written'}`
    },
  }
}

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
