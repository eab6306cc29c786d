import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { cacheText } from './cache-text.ts'
import { checkCache } from './check-site.ts'
import { type Preparation, siteScript } from './prepare-steps.ts'
import { bringProgram, broughtProgram } from './program.ts'
import type { Step } from './steps.ts'

/** What running a site's cache needs. */
export type CacheToRun = Pick<Preparation, 'config' | 'site' | 'host' | 'clock'>

/**
 * Runs the package cache at the gateway, anew if it runs, with the program that is there, or with this one where it is to be brought.
 * @param node the node program that it is to run with; null: its own choice
 */
export function cacheStep({ config, site, host, clock }: CacheToRun, node: string | null): Step {
  return {
    name: 'cache',
    async run() {
      const { cache } = config.sites[site] ?? {}
      if (!cache) return 'none is wanted'
      const script = siteScript(host(site))
      const brought = cache.program === broughtProgram ? `${await bringProgram(host(site))}; ` : ''
      const file = (await script.call(['cache-file', cache.config], cacheText(config, site))).trim()
      const how = (await script.call(['cache-start', cache.config, cache.program, node ?? '-'])).trim()
      await untilItAnswers(host(site), cache, clock)
      return `${brought}${ways[how] ?? how}; ${cache.config} ${file === 'kept' ? 'was there and is kept' : 'is written'}`
    },
  }
}

/** How long a cache may take to answer, and how often it is asked, ms. */
const [answerMs, askMs] = [60_000, 1000]

type Cache = ControllerConfig['sites'][string]['cache']

/** @throws CausewayError `CommandFailed` with what keeps the cache from answering */
async function untilItAnswers(host: Host, cache: Cache, clock: Clock): Promise<void> {
  for (const deadlineMs = clock.now() + answerMs; ; await clock.sleep(askMs)) {
    const findings = await checkCache(host, cache)
    if (findings.every(({ level }) => level !== 'bad')) return
    const why = findings.map(({ text }) => text).join('; ')
    const logs = 'see journalctl -u causeway-cache there, or /var/log/causeway/cache.log'
    if (clock.now() >= deadlineMs)
      throw new CausewayError('CommandFailed', `the cache does not answer: ${why}; ${logs}`)
  }
}

/** What `causeway-site cache-start` prints. */
const ways: Readonly<Record<string, string>> = {
  systemd: 'it runs as causeway-cache.service',
  background: 'it runs in the background: there is no systemd to keep it, so start it again after a reboot',
}
