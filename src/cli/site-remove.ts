import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { CausewayError, toCausewayError } from '../base/errors.ts'
import { contradictions } from '../config/contradictions.ts'
import { type ControllerConfig, ControllerConfigSchema } from '../config/controller-schema.ts'
import { parseYaml, readText } from '../config/yaml.ts'
import type { NodeReport } from '../hooks/reports.ts'
import { askController } from './api-client.ts'
import { defaultConfigFile } from './config-file.ts'
import { driverOf } from './drivers.ts'
import { hostOf, withGatewayHosts } from './gateway-hosts.ts'
import { refuseWhileControlled } from './network-remove.ts'
import { yesOrNo } from './site/ask.ts'
import { gatewaysOf } from './site/gateways-of.ts'
import { withRecords } from './site/records.ts'
import { forgetSteps, removeSteps } from './site/remove-steps.ts'
import { withoutSite } from './site/site-text.ts'
import { showStep, type WalkReport, walk } from './site/steps.ts'
import { replaceConfig } from './site/write-config.ts'
import { leftText } from './site-drain.ts'

interface Options {
  readonly config: string
  readonly deletePackages?: boolean
  readonly force?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/** `causeway site remove NAME`: takes away what `site add` made, and the site out of the configuration. */
export function siteRemoveCommand(): Command {
  return new Command('remove')
    .description('take an empty site out of the configuration, and what was made for it away from its hosts')
    .argument('<name>')
    .option('--delete-packages', 'delete also the packages that its cache has kept')
    .option('--force', 'it is gone for good: only forget it, and give up its nodes')
    .option('--yes', 'ask nothing')
    .option('--json', 'print the report as JSON')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (name: string, options: Options) => {
      const before = await readText(options.config)
      const config = parseYaml(before, options.config, ControllerConfigSchema, contradictions)
      const after = withoutSite(before, name)
      parseYaml(after, options.config, ControllerConfigSchema, contradictions)
      const { socket } = config.controller
      if (!options.force) await refuseNodes(socket, name)
      await refuseWhileControlled(socket)
      const forgetPackages = await vouched(config, name, options)
      const write = async () => {
        await replaceConfig(options.config, before, after)
        return `${name} is no more in ${options.config}`
      }
      const report = await carryOut(config, name, { ...options, forgetPackages, write })
      if (options.json) process.stdout.write(`${JSON.stringify(report.steps, null, 2)}\n`)
      if (report.failure) throw report.failure
      const hosts = gatewaysOf(config, name).join(', ')
      const rest = options.force ? '' : ` Images and scripts are left at ${hosts}, in /var/lib/causeway.`
      process.stderr.write(`Start the controller: it forgets the site.${rest}\n`)
    })
}

/**
 * Has the admin say that it is to be done.
 * @returns whether kept packages are to go, too
 */
async function vouched(config: ControllerConfig, site: string, options: Options): Promise<boolean> {
  const forgetPackages = options.deletePackages === true
  if (options.yes) return forgetPackages
  const what = options.force ? `Forget ${site}, and give up its nodes?` : `Remove ${site}?`
  if (!process.stdin.isTTY) throw new CausewayError('InvalidRequest', `${what} Say --yes`)
  if (!(await yesOrNo(what))) throw new CausewayError('InvalidRequest', 'nothing is done')
  if (forgetPackages || options.force || !config.sites[site]?.cache) return forgetPackages
  return yesOrNo('Delete also the packages that its cache has kept?')
}

/** @throws CausewayError `Conflict` where a controller runs that has nodes there */
async function refuseNodes(socket: string, site: string): Promise<void> {
  const nodes = await askController<readonly NodeReport[]>(socket, '/v1/nodes').catch((thrown: unknown) => {
    const error = toCausewayError(thrown)
    if (error.code === 'HostUnreachable') return []
    throw error
  })
  const left = nodes.filter((node) => node.site === site)
  if (left.length === 0) return
  const way = `\`causeway site drain ${site} --wait\` first; then stop the controller`
  throw new CausewayError('Conflict', `${leftText(`site ${site}`, left)}: ${way}`)
}

async function carryOut(
  config: ControllerConfig,
  site: string,
  { force, forgetPackages, write }: { force?: boolean; forgetPackages: boolean; write: () => Promise<string> },
): Promise<WalkReport> {
  return withRecords(config, site, (records) =>
    withGatewayHosts(config, async (hosts) => {
      const warn = (_facts: unknown, message = '') => void process.stderr.write(`${message}\n`)
      const driver = driverOf(config, site, hosts, { warn })
      const host = (gateway: string) => hostOf(hosts, gateway)
      try {
        const steps = force
          ? forgetSteps({ site, records, write }, systemClock)
          : removeSteps({ config, site, host, driver, records, forgetPackages, write })
        return await walk(steps, systemClock, (report) => process.stderr.write(`${showStep(report)}\n`))
      } finally {
        await driver.close()
      }
    }),
  )
}
