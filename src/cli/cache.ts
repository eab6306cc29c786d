import { once } from 'node:events'
import { Command } from 'commander'
import { createLogger } from '../base/log.ts'
import { startCache } from '../cache/server.ts'
import { loadCacheSettings } from '../cache/settings.ts'

/** `causeway cache --config FILE`: the package cache of a site; runs until SIGTERM or SIGINT. */
export function cacheCommand(): Command {
  return new Command('cache')
    .description('run the package cache of a site, on its gateway')
    .requiredOption('-c, --config <file>', 'the cache’s YAML file')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .action(async (options: { config: string; logLevel: string }) => {
      const log = createLogger('cache', options.logLevel)
      const settings = await loadCacheSettings(options.config)
      const cache = await startCache(settings, { log })
      log.info({ port: cache.port, origins: Object.keys(settings.origins) }, 'cache serves')
      const signal = await Promise.race([
        once(process, 'SIGTERM').then(() => 'SIGTERM'),
        once(process, 'SIGINT').then(() => 'SIGINT'),
      ])
      log.info({ signal }, 'cache stops')
      await cache.stop()
    })
}
