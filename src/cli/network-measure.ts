import { randomInt } from 'node:crypto'
import { Command, InvalidArgumentError } from 'commander'
import { CausewayError } from '../base/errors.ts'
import { loadControllerConfig } from '../config/controller-config.ts'
import { emptyOverlay } from '../elastic/overlay-from-nodes.ts'
import { measureThroughput } from '../network/health/throughput.ts'
import { defaultConfigFile } from './config-file.ts'
import { hostOf, withGatewayHosts } from './gateway-hosts.ts'

/** Where the receiver may listen, for as long as it takes: beyond the ports that Linux gives out by itself. */
const ports = [61_000, 65_000] as const

/** `causeway network measure A B`: how much passes from one gateway to another. */
export function networkMeasureCommand(): Command {
  return new Command('measure')
    .description(
      'send as much as passes from one gateway to another over the segment, for some seconds (iperf3 on both)',
    )
    .argument('<from>', 'a site, or head')
    .argument('<to>', 'another')
    .option('--config <file>', "the controller's configuration file", defaultConfigFile())
    .option('--seconds <n>', 'how long, 1 to 10', parseSeconds, 3)
    .option('--json', 'print the answer as JSON')
    .action(async (from: string, to: string, options: { config: string; seconds: number; json?: boolean }) => {
      const config = await loadControllerConfig(options.config)
      const { gateways } = emptyOverlay(config)
      const answer = await withGatewayHosts(config, async (hosts) => {
        const endOf = (name: string) => {
          const gateway = gateways.find((one) => one.name === name)
          if (!gateway) throw new CausewayError('NotFound', `there is no gateway ${name}`)
          return { host: hostOf(hosts, name), address: gateway.address }
        }
        if (from === to) throw new CausewayError('InvalidRequest', 'a path has two ends')
        const throughput = await measureThroughput(endOf(from), endOf(to), {
          seconds: options.seconds,
          port: randomInt(...ports),
        })
        return { from, to, ...throughput }
      })
      const text = `${from} to ${to}: ${(answer.bitsPerSecond / 1e6).toFixed(1)} Mbit/s (class ${answer.class} Mbit/s)`
      process.stdout.write(`${options.json ? JSON.stringify(answer, null, 2) : text}\n`)
    })
}

function parseSeconds(text: string): number {
  if (!/^([1-9]|10)$/.test(text)) throw new InvalidArgumentError('a whole number from 1 to 10')
  return Number(text)
}
