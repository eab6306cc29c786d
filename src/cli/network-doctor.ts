import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { loadControllerConfig } from '../config/controller-config.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { nodePlaces } from '../config/node-places.ts'
import { emptyOverlay, headGateway } from '../elastic/overlay-from-nodes.ts'
import { nodeName } from '../elastic/plan/policy.ts'
import { type Diagnosis, examine } from '../network/doctor/examine.ts'
import { defaultConfigFile } from './config-file.ts'
import { hostOf, withGatewayHosts } from './gateway-hosts.ts'
import { table } from './table.ts'

/** `causeway network doctor`: what is wrong on each gateway, and what to do about it. */
export function networkDoctorCommand(): Command {
  return new Command('doctor')
    .description(
      'examine every gateway and say what to mend; exits with 1 if something is bad; needs no controller, changes nothing',
    )
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .option('--all', 'say also what is well')
    .option('--json', 'print all findings as JSON')
    .action(async (options: { config: string; all?: boolean; json?: boolean }) => {
      const config = await loadControllerConfig(options.config)
      const overlay = emptyOverlay(config)
      const found = await withGatewayHosts(config, (hosts) =>
        examine(overlay, ({ name }) => hostOf(hosts, name), systemClock, {
          names: ({ name }) => (name === headGateway ? firstNames(config) : []),
        }),
      )
      const text = options.json ? JSON.stringify(found, null, 2) : showDiagnoses(found, options.all ?? false)
      process.stdout.write(`${text}\n`)
      if (found.some(({ findings }) => findings.some(({ level }) => level === 'bad'))) process.exitCode = 1
    })
}

/** The first node's name of each type: the scheduler must find all of them. */
function firstNames(config: ControllerConfig): readonly string[] {
  return nodePlaces(config).map(({ prefix }) => nodeName(prefix, 1))
}

/** The findings as text, the worst of a gateway first. */
export function showDiagnoses(diagnoses: readonly Diagnosis[], all: boolean): string {
  const order = ['bad', 'warning', 'ok']
  return diagnoses
    .map(({ gateway, findings }) => {
      const shown = findings
        .filter(({ level }) => all || level !== 'ok')
        .toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
      if (shown.length === 0) return `${gateway}: all is well`
      const rows = shown.map(({ level, about, text, todo }) => [
        `  ${level}`,
        about,
        todo ? `${text}. To do: ${todo}` : text,
      ])
      return `${gateway}:\n${table(['', '', ''], rows).split('\n').slice(1).join('\n')}`
    })
    .join('\n')
}
