import { Command } from 'commander'
import { adminSocketOf, loadCacheSettings } from '../cache/settings.ts'
import { askForLines, askSocket, type Question } from './api-client.ts'

/** The configuration file that the commands of a cache use when they are not told another. */
const defaultCacheConfig = '/etc/causeway/cache.yaml'

/** `--config`, as every command of a cache has it. */
export const cacheConfigOption = ['-c, --config <file>', "the cache's YAML file", defaultCacheConfig] as const

/** One request to the running cache of a configuration file. */
export interface CacheQuestion {
  readonly config: string
  readonly path: string
  readonly method?: 'GET' | 'POST'
  readonly body?: unknown
}

/**
 * Asks the cache that runs with a configuration file.
 * @throws CausewayError `InvalidConfig`, `HostUnreachable`, or what it answered
 */
export async function askCache<T>(question: CacheQuestion): Promise<T> {
  return askSocket<T>(await addressed(question))
}

/**
 * Asks for what takes a while: shows progress on stderr where that is a terminal, and gives the result.
 * @param show a progress in a few words
 */
export async function followCache<P, R>(question: CacheQuestion, show: (progress: P) => string): Promise<R> {
  let result: R | undefined
  await askForLines(await addressed(question), (line) => {
    const said = line as { progress?: P; result?: R }
    if (said.progress !== undefined && process.stderr.isTTY) process.stderr.write(`\r\u001b[K${show(said.progress)}`)
    if (said.result !== undefined) result = said.result
  })
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  return result as R
}

async function addressed({ config, ...rest }: CacheQuestion): Promise<Question> {
  const settings = await loadCacheSettings(config)
  const hint = `is "causeway cache --config ${config}" running, and may you use its socket?`
  return { ...rest, socket: adminSocketOf(settings), who: 'cache', hint }
}

/** A command that asks the cache one question and prints the answer: for people, or with `--json` as it came. */
export function cacheQuery<T>(
  spec: { name: string; argument?: string; description: string; flags?: readonly [flag: string, text: string][] },
  path: (argument: string | undefined, flags: Readonly<Record<string, unknown>>) => string,
  show: (answer: T) => string,
): Command {
  const command = new Command(spec.name).description(spec.description)
  if (spec.argument) command.argument(spec.argument)
  for (const [flag, text] of spec.flags ?? []) command.option(flag, text)
  return command
    .option(...cacheConfigOption)
    .option('--json', 'print the answer as JSON')
    .action(async (...given: unknown[]) => {
      const argument = spec.argument ? (given[0] as string | undefined) : undefined
      const options = given[spec.argument ? 1 : 0] as { config: string; json?: boolean }
      const answer = await askCache<T>({ config: options.config, path: path(argument, { ...options }) })
      print(options.json === true, answer, show)
    })
}

/** Prints an answer as JSON or as text. */
export function print<T>(json: boolean, answer: T, show: (answer: T) => string): void {
  process.stdout.write(`${json ? JSON.stringify(answer, null, 2) : show(answer)}\n`)
}
