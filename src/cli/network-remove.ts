import { Command } from 'commander'
import { CausewayError, toCausewayError } from '../base/errors.ts'
import { loadControllerConfig } from '../config/controller-config.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { type ApplyReport, removeOverlay } from '../network/apply.ts'
import { askController } from './api-client.ts'
import { defaultConfigFile } from './config-file.ts'
import { hostOf, withGatewayHosts } from './gateway-hosts.ts'

/** `causeway network remove`: takes everything of the cluster's overlay away from the gateways. */
export function networkRemoveCommand(): Command {
  return new Command('remove')
    .description('take the overlay away from all gateways, keys and all; only while no controller runs')
    .argument('[gateway...]', 'sites, or head; all of them')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (gateways: string[], options: { config: string }) => {
      const config = await loadControllerConfig(options.config)
      await refuseWhileControlled(config.controller.socket)
      const all = await withGatewayHosts(config, async (hosts) => {
        const names = gateways.length > 0 ? gateways : [...hosts.keys()]
        const chosen = names.map((name) => ({ name, host: hostOf(hosts, name) }))
        return Promise.all(
          chosen.map(async ({ name, host }) => {
            const removed = removeOverlay(host, config.cluster.vni).catch(toCausewayError)
            return [name, await removed] as const
          }),
        )
      })
      process.stdout.write(all.map(([name, outcome]) => `${name}: ${showOutcome(outcome)}\n`).join(''))
      if (all.some(([, outcome]) => !isDone(outcome))) process.exitCode = 1
    })
}

/** A controller would put back at once what is removed. @throws CausewayError `Conflict` while one runs */
export async function refuseWhileControlled(socket: ControllerConfig['controller']['socket']): Promise<void> {
  const running = await askController(socket, '/v1/status').then(
    () => true,
    (error: unknown) => toCausewayError(error).code !== 'HostUnreachable',
  )
  if (!running) return
  throw new CausewayError('Conflict', `the controller at ${socket} runs and would put it all back: stop it first`)
}

function isDone(outcome: ApplyReport | CausewayError): boolean {
  return !(outcome instanceof CausewayError) && outcome.missing.length === 0
}

/** What came of it at one gateway, in a line or a few. */
export function showOutcome(outcome: ApplyReport | CausewayError): string {
  if (outcome instanceof CausewayError) return `not removed: ${outcome.message}`
  if (outcome.missing.length > 0) {
    const refused = outcome.failures.map(({ command, reason }) => `\n  ${command}: ${reason}`)
    return `some is left:${refused.join('')}`
  }
  return outcome.commands.length === 0 ? 'there was nothing' : 'removed'
}
