import type { Command } from 'commander'
import { adminSocketOf, loadCacheSettings } from '../cache/settings.ts'
import { askForLines, askSocket, type Question } from './api-client.ts'
import { askingCommand, type Flags, type QuerySpec } from './query.ts'

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
 * @throws CausewayError `InvalidConfig`, or as `askSocket`
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
  const hint = `is "causeway cache --config ${config}" running?`
  return { ...rest, socket: adminSocketOf(settings), who: 'cache', hint }
}

/** As `askingCommand`, of the cache. */
export function cacheQuery<T>(
  spec: QuerySpec,
  path: (argument: string | undefined, flags: Flags) => string,
  show: (answer: T, flags: Flags) => string,
): Command {
  const cache = {
    configOption: cacheConfigOption,
    ask: (config: string, path: string) => askCache<T>({ config, path }),
  }
  return askingCommand(cache, spec, path, show)
}
