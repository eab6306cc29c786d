import { Command } from 'commander'
import type { Warmed, WarmProgress } from '../cache/ahead/warm.ts'
import { askCache, cacheConfigOption, followCache } from './cache-query.ts'
import { print } from './query.ts'
import { bytes } from './sizes.ts'

interface Options {
  readonly config: string
  readonly package: readonly string[]
  readonly wait: boolean
  readonly json?: boolean
}

/** `causeway cache warm [ROLE...]`: brings what roles install before any node asks for it. */
export function cacheWarmCommand(): Command {
  return new Command('warm')
    .description('bring the packages and files of roles (all, if none is named) before nodes ask for them')
    .argument('[role...]', 'roles of the configuration')
    .option(
      '--package <name...>',
      "after the roles: packages to bring besides, with what they depend on, from these roles' repositories",
      [],
    )
    .option('--no-wait', 'return as soon as the cache has begun')
    .option(...cacheConfigOption)
    .option('--json', 'print the result as JSON')
    .action(async (roles: readonly string[], { config, package: packages, wait, json = false }: Options) => {
      const question = { config, path: '/v1/warm', method: 'POST', body: { roles, packages, wait } } as const
      if (!wait) {
        await askCache(question)
        return
      }
      const warmed = await followCache<WarmProgress, Warmed>(question, showProgress)
      print(json, warmed, showWarmed)
      if (warmed.lacking.length > 0) process.exitCode = 1
    })
}

/** How far it is, in a few words. */
export function showProgress({ stage, files, ofFiles, bytes: there, ofBytes }: WarmProgress): string {
  if (stage === 'indexes') return 'reading the indexes'
  return `${files} of ${ofFiles} files, ${bytes(there)} of ${bytes(ofBytes)}`
}

/** What is there now, and what could not be brought, with the reason. */
export function showWarmed({ roles, files, bytes: there, fetchedBytes, lacking }: Warmed): string {
  const what = roles.length === 0 ? 'no roles' : roles.join(', ')
  return [
    `${what}: ${files} files, ${bytes(there)} are there; ${bytes(fetchedBytes)} of them were fetched now`,
    ...lacking.map(({ what: lacks, code, message }) => `  lacking ${lacks}: ${message} (${code})`),
  ].join('\n')
}
