import { furtherGateway, poolOf } from '../../config/further-hosts.ts'
import { cacheStep } from './cache-step.ts'
import { driverConfigOf, gatewaysOf } from './gateways-of.ts'
import {
  hostsStep,
  machinesStep,
  networkStep,
  type Preparation,
  packagesStep,
  type Trial,
  testSteps,
} from './prepare-steps.ts'
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
    cacheStep(to, to.node),
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
