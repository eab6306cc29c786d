import { once } from 'node:events'
import { flushCompileCache } from 'node:module'
import { Command, Option } from 'commander'
import { CausewayError } from '../base/errors.ts'
import { createLogger } from '../base/log.ts'
import { startCache } from '../cache/server.ts'
import { loadCacheSettings } from '../cache/settings.ts'
import { cacheConfigOption } from './cache-query.ts'
import { cachePinCommand, cacheSnapshotsCommand, cacheUnpinCommand } from './cache-snapshots.ts'
import { cacheStatusCommand } from './cache-status.ts'
import { cacheInspectCommand, cacheListCommand, cachePurgeCommand, cacheVerifyCommand } from './cache-store.ts'
import { cacheWarmCommand } from './cache-warm.ts'

/** `causeway cache --config FILE`: the package cache of a site; runs until SIGTERM or SIGINT. Its commands ask the running one. */
export function cacheCommand(): Command {
  const command = new Command('cache')
    .description("run a site's package cache in the foreground, until SIGTERM; or, by a command, ask the one that runs")
    // Options behind the name of a command belong to that command: `cache status --config FILE`.
    .enablePositionalOptions()
    .option(...cacheConfigOption)
    .addOption(
      new Option('--log-level <level>', 'what to log, to stderr')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    // Else a mistyped command would be an argument too many.
    .allowExcessArguments()
    .action(async (options: { config: string; logLevel: string }, { args: [mistyped] }: Command) => {
      if (mistyped !== undefined) {
        const known = command.commands.map((one) => one.name()).join(', ')
        throw new CausewayError('InvalidRequest', `cache has no command ${mistyped}; there are ${known}`)
      }
      const log = createLogger('cache', options.logLevel)
      const settings = await loadCacheSettings(options.config)
      const cache = await startCache(settings, { log })
      log.info({ port: cache.port, origins: Object.keys(settings.origins) }, 'cache serves')
      // Where one is kept (see bin/causeway), also the start after a crash finds it.
      flushCompileCache()
      const signal = await Promise.race([
        once(process, 'SIGTERM').then(() => 'SIGTERM'),
        once(process, 'SIGINT').then(() => 'SIGINT'),
      ])
      log.info({ signal }, 'cache stops')
      await cache.stop()
    })
  for (const one of [
    cacheStatusCommand(),
    cacheListCommand(),
    cacheInspectCommand(),
    cacheVerifyCommand(),
    cachePurgeCommand(),
    cacheWarmCommand(),
    cacheSnapshotsCommand(),
    cachePinCommand(),
    cacheUnpinCommand(),
  ]) {
    command.addCommand(one)
  }
  return command
}
