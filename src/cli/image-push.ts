import { Command } from 'commander'
import { toCausewayError } from '../base/errors.ts'
import { loadControllerConfig } from '../config/controller-config.ts'
import { defaultConfigFile } from './config-file.ts'
import { hostOf, withGatewayHosts } from './gateway-hosts.ts'
import { chosenHosts, imageSourceOf } from './images.ts'

interface Options {
  readonly config: string
  readonly site?: string
  readonly host?: string
}

/** `causeway image push NAME`: has hosts bring an image before the first machine needs it. */
export function imagePushCommand(): Command {
  return new Command('push')
    .description('bring an image to the hosts of all sites, before the first machine needs it')
    .argument('<image>', 'a name, or sha256:HEX')
    .option('--site <site>', 'only to the hosts of this site')
    .option('--host <host>', 'only to this host')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (image: string, { config: file, ...which }: Options) => {
      const config = await loadControllerConfig(file)
      const chosen = chosenHosts(config, which)
      await withGatewayHosts(config, async (hosts) => {
        const push = async ({ site, name }: (typeof chosen)[number]) => {
          try {
            const path = await imageSourceOf(config, site).bring(hostOf(hosts, name), image)
            process.stdout.write(`${name}: ${path}\n`)
          } catch (thrown) {
            process.stderr.write(`${toCausewayError(thrown).message}\n`)
            process.exitCode = 1
          }
        }
        await Promise.all(chosen.map(push))
      })
    })
}
