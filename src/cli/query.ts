import { Command } from 'commander'
import { loadControllerConfig } from '../config/controller-config.ts'
import { askController } from './api-client.ts'
import { defaultConfigFile } from './config-file.ts'

/**
 * A command that asks the controller one question and prints the answer: for people, or with `--json` as it came.
 * @param path the API's path for the command's argument ('' when it has none)
 */
export function queryCommand<T>(
  spec: {
    name: string
    argument?: string
    description: string
    flags?: readonly [flag: string, description: string][]
    /** What the controller is told rather than asked: POST. */
    method?: 'GET' | 'POST'
  },
  path: (argument: string, flags: Readonly<Record<string, unknown>>) => string,
  show: (answer: T) => string,
): Command {
  const command = new Command(spec.name).description(spec.description)
  if (spec.argument) command.argument(spec.argument)
  for (const [flag, description] of spec.flags ?? []) command.option(flag, description)
  return command
    .option('--config <file>', "the controller's configuration file", defaultConfigFile())
    .option('--json', 'print the answer as JSON')
    .action(async (...given: unknown[]) => {
      const argument = spec.argument ? String(given[0]) : ''
      const options = given[spec.argument ? 1 : 0] as { config: string; json?: boolean }
      const config = await loadControllerConfig(options.config)
      const answer = await askController<T>(
        config.controller.socket,
        path(encodeURIComponent(argument), { ...options }),
        spec.method,
      )
      process.stdout.write(`${options.json ? JSON.stringify(answer, null, 2) : show(answer)}\n`)
    })
}
