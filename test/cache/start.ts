import { mkdtemp, readdir, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { type Logger, silentLog } from '../../src/base/log.ts'
import { type RunningCache, startCache } from '../../src/cache/server.ts'
import type { CacheSettings } from '../../src/cache/settings.ts'
import { atEnd } from './cleanup.ts'
import { type Answer, type Ask, ask } from './client.ts'
import { startOrigin, type TestOrigin } from './origin.ts'
import { settingsFor } from './settings-for.ts'

export interface Setup {
  readonly origin: TestOrigin
  readonly cache: RunningCache
  readonly folder: string
  readonly settings: CacheSettings
}

/** A folder that goes when the test ends. */
export async function scratchFolder(t: TestContext, within = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(within, 'causeway-cache-'))
  atEnd(t, () => rm(folder, { recursive: true, force: true }))
  return folder
}

/** How many bodies a store has on disk. */
export async function bodiesIn(store: string): Promise<number> {
  const names = await readdir(join(store, 'bodies'), { recursive: true })
  return names.filter((name) => /[0-9a-f]{64}$/.test(name)).length
}

/**
 * An origin `mirror.lab` that answers as said, and a cache before it; both are gone when the test ends. It waits for the origin's
 * word about indexes as long as that takes, unless the settings say otherwise: origin, cache and clients share one process.
 */
export async function setUp(
  t: TestContext,
  answer: RequestListener,
  options: {
    settings?: Record<string, unknown>
    origin?: Record<string, unknown>
    now?: () => number
    log?: Logger
  } = {},
): Promise<Setup> {
  const folder = await scratchFolder(t)
  const origin = await startOrigin(answer)
  atEnd(t, () => origin.close())
  const settings = settingsFor({
    listen: '127.0.0.1:0',
    store: join(folder, 'store'),
    origins: { 'mirror.lab': { address: '127.0.0.1', port: origin.port, ...options.origin } },
    ...options.settings,
    indexes: { patience: '60s', ...(options.settings?.['indexes'] as object | undefined) },
  })
  const clock = options.now ? { ...systemClock, now: options.now } : systemClock
  const cache = await startCache(settings, { log: options.log ?? silentLog, clock })
  atEnd(t, () => cache.stop(0))
  return { origin, cache, folder, settings }
}

/** Waits until `check` holds; says what was waited for when it doesn't for two minutes. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 120_000; !(await check()); ) {
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`)
    await systemClock.sleep(5)
  }
}

/** Asks, and waits until the cache has put away what it fetched for it: what comes next finds it or doesn't. */
export async function askAndRest(cache: RunningCache, path: string, options?: Ask): Promise<Answer> {
  const answer = await ask(cache.port, path, options)
  await until('nothing is being fetched', () => cache.counters.fetching === 0)
  return answer
}
