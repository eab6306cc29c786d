import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { loadControllerConfig } from '../config/controller-config.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { emptyOverlay } from '../elastic/overlay-from-nodes.ts'
import { type Diagnosis, examine } from '../network/doctor/examine.ts'
import { defaultConfigFile } from './config-file.ts'
import { driverOf } from './drivers.ts'
import { hostOf, withGatewayHosts } from './gateway-hosts.ts'
import { showDiagnoses } from './network-doctor.ts'
import { checkCache, checkDriver } from './site/check-site.ts'

/** `causeway site check`: whether sites have what they need, and what to do about it. */
export function siteCheckCommand(): Command {
  return new Command('check')
    .description('examine sites: hosts, programs, kernel, machines, cache; needs no controller, changes nothing')
    .argument('[site...]', 'all of them')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .option('--all', 'say also what is well')
    .option('--json', 'print all findings as JSON')
    .action(async (sites: string[], options: { config: string; all?: boolean; json?: boolean }) => {
      const config = await loadControllerConfig(options.config)
      const found = await withGatewayHosts(config, (hosts) => checkSites(config, sites, hosts))
      const text = options.json ? JSON.stringify(found, null, 2) : showDiagnoses(found, options.all ?? false)
      process.stdout.write(`${text}\n`)
      if (found.some(isBad)) process.exitCode = 1
    })
}

/** Whether something there keeps the site from working. */
function isBad({ findings }: Diagnosis): boolean {
  return findings.some(({ level }) => level === 'bad')
}

/**
 * Examines sites at the same time: each of their gateways as `causeway network doctor` does, and with the site's own gateway
 * its machines and its cache.
 * @param names the sites; none: all of them
 * @throws CausewayError `InvalidRequest` for a name that is no site's
 */
export async function checkSites(
  config: ControllerConfig,
  names: readonly string[],
  hosts: ReadonlyMap<string, Host>,
): Promise<readonly Diagnosis[]> {
  const known = Object.keys(config.sites)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new CausewayError('InvalidRequest', `there is no site ${unknown}; there are ${known.join(', ')}`)
  }
  const chosen = names.length > 0 ? names : known
  const siteOf = (gateway: string) => gateway.split('/')[0] ?? gateway
  const overlay = emptyOverlay(config)
  const [gateways, ...sites] = await Promise.all([
    examine(overlay, ({ name }) => hostOf(hosts, name), systemClock, {
      only: ({ name }) => chosen.includes(siteOf(name)),
    }),
    ...chosen.map((site) => checkSite(config, site, hosts)),
  ])
  const ofSites = new Map(sites.map((diagnosis) => [diagnosis.gateway, diagnosis.findings]))
  return gateways.map(({ gateway, findings }) => {
    return { gateway, findings: [...findings, ...(ofSites.get(gateway) ?? [])] }
  })
}

async function checkSite(config: ControllerConfig, site: string, hosts: ReadonlyMap<string, Host>): Promise<Diagnosis> {
  const warnings: string[] = []
  const driver = driverOf(config, site, hosts, {
    warn: (_facts: unknown, text?: string) => void warnings.push(text ?? ''),
  })
  try {
    const found = await Promise.all([
      checkDriver(driver, config.cluster.name, () => warnings),
      checkCache(hostOf(hosts, site), config.sites[site]?.cache),
    ])
    return { gateway: site, findings: found.flat() }
  } finally {
    await driver.close()
  }
}
