import { Command } from 'commander'
import { loadControllerConfig } from '../config/controller-config.ts'
import { askController } from './api-client.ts'
import { defaultConfigFile } from './config-file.ts'

/** A command that asks one question: what it is called and takes. */
export interface QuerySpec {
  readonly name: string
  readonly argument?: string
  readonly description: string
  readonly flags?: readonly [flag: string, description: string][]
}

/** The flags that were given, by their long names. */
export type Flags = Readonly<Record<string, unknown>>

/** Whom a command asks: the option that names its configuration file, and how a question reaches it. */
export interface Asked<T> {
  readonly configOption: readonly [flag: string, description: string, file: string]
  ask(config: string, path: string): Promise<T>
}

/**
 * A command that asks one question and prints the answer: for people, or with `--json` as it came.
 * @param path the API's path for the command's argument
 */
export function askingCommand<T>(
  asked: Asked<T>,
  spec: QuerySpec,
  path: (argument: string | undefined, flags: Flags) => string,
  show: (answer: T, flags: Flags) => string,
): Command {
  const command = new Command(spec.name).description(spec.description)
  if (spec.argument) command.argument(spec.argument)
  for (const [flag, description] of spec.flags ?? []) command.option(flag, description)
  return command
    .option(...asked.configOption)
    .option('--json', 'print the answer as JSON')
    .action(async (...given: unknown[]) => {
      const argument = spec.argument ? (given[0] as string | undefined) : undefined
      const options = given[spec.argument ? 1 : 0] as { config: string; json?: boolean }
      const flags = { ...options }
      const answer = await asked.ask(options.config, path(argument, flags))
      print(options.json === true, answer, (one) => show(one, flags))
    })
}

/** Prints an answer as JSON or as text. */
export function print<T>(json: boolean, answer: T, show: (answer: T) => string): void {
  process.stdout.write(`${json ? JSON.stringify(answer, null, 2) : show(answer)}\n`)
}

/**
 * As `askingCommand`, of the controller.
 * @param path the API's path for the command's argument ('' when it has none), which is fit for a URL
 */
export function queryCommand<T>(
  spec: QuerySpec & {
    /** What the controller is told rather than asked: POST. */
    readonly method?: 'GET' | 'POST'
  },
  path: (argument: string, flags: Flags) => string,
  show: (answer: T) => string,
): Command {
  const controller: Asked<T> = {
    configOption: ['--config <file>', "the controller's configuration file", defaultConfigFile()],
    async ask(file, path) {
      const { controller } = await loadControllerConfig(file)
      return askController<T>(controller.socket, path, spec.method)
    },
  }
  return askingCommand(controller, spec, (argument = '', flags) => path(encodeURIComponent(argument), flags), show)
}
