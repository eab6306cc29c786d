import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import { loadControllerConfig } from '../config/controller-config.ts'
import { defaultConfigFile } from './config-file.ts'
import { hostOf, withGatewayHosts } from './gateway-hosts.ts'
import { cacheStep } from './site/cache-step.ts'
import { broughtProgram } from './site/program.ts'
import { showStep, walk } from './site/steps.ts'

/** `causeway site renew`: after an upgrade of the head, its program goes to the gateways that it was brought to. */
export function siteRenewCommand(): Command {
  return new Command('renew')
    .description(
      'bring this version of Causeway to gateways that it was brought to before, and start their caches anew',
    )
    .argument('[site...]', 'all that it was brought to')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (names: string[], options: { config: string }) => {
      const config = await loadControllerConfig(options.config)
      const brought = Object.entries(config.sites).flatMap(([name, { cache }]) =>
        cache?.program === broughtProgram ? [name] : [],
      )
      const other = names.find((name) => !brought.includes(name))
      if (other !== undefined || brought.length === 0) {
        const where = brought.length === 0 ? 'to none' : `to ${brought.join(', ')}`
        throw new CausewayError('InvalidRequest', `${other ?? 'nothing to do'}: Causeway was brought ${where}`)
      }
      const { failure } = await withGatewayHosts(config, (hosts) => {
        const host = (gateway: string) => hostOf(hosts, gateway)
        const steps = (names.length > 0 ? names : brought).map((site) => {
          return { ...cacheStep({ config, site, host, clock: systemClock }, null), name: site }
        })
        return walk(steps, systemClock, (report) => process.stderr.write(`${showStep(report)}\n`))
      })
      if (failure) throw failure
    })
}
