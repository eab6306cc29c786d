import { Command } from 'commander'
import { loadControllerConfig } from '../config/controller-config.ts'
import { registrations } from '../elastic/registrations.ts'
import { defaultConfigFile } from './config-file.ts'

/** `causeway hosts`: what /etc/hosts on the head needs where the scheduler knows nodes by their names. */
export function hostsCommand(): Command {
  return new Command('hosts')
    .description('print names and addresses of all nodes that the sites may have, for /etc/hosts on the head')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (options: { config: string }) => {
      const config = await loadControllerConfig(options.config)
      const lines = registrations(config).map(({ name, address }) => `${address} ${name}\n`)
      process.stdout.write(lines.join(''))
    })
}
