import type { Clock } from '../base/clock.ts'
import { type CausewayError, toCausewayError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { EventStore } from '../store/event-store.ts'
import { backoffMs } from './backoff.ts'
import type { WarmCache } from './ports.ts'

/** For how long a cache that was told is not told the same again, ms: what it brings is there, and it looks for news itself. */
const againAfterMs = 60_000

/** How often a cache is tried to be told, before nodes simply fetch through it as they come. */
const mostTries = 5

/** What telling the caches needs. */
export interface CacheWarmerParts {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<EventStore, 'append'>
  readonly warmCache: WarmCache
  /** The roles that nodes of a type will install, as the cache of their site calls them; none: nobody said. */
  rolesOf(type: { readonly site: string; readonly type: string }): readonly string[]
}

/**
 * Tells the caches of sites what their nodes will install, as soon as nodes are to come: machines boot while packages do.
 * It is a help and nothing else: nothing waits for it, and when it fails nodes come all the same.
 */
export class CacheWarmer {
  readonly #parts: CacheWarmerParts
  /** When a role was told to a site last, by both. */
  readonly #toldAtMs = new Map<string, number>()
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()

  constructor(parts: CacheWarmerParts) {
    this.#parts = parts
  }

  /** Nodes of these types are to come. Returns at once and never throws. */
  nodesCome(types: Iterable<{ readonly site: string; readonly type: string }>): void {
    const bySite = new Map<string, Set<string>>()
    for (const type of types) {
      for (const role of this.#parts.rolesOf(type)) {
        if (!this.#isDue(type.site, role)) continue
        const roles = bySite.get(type.site) ?? new Set()
        bySite.set(type.site, roles.add(role))
      }
    }
    for (const [site, roles] of bySite) this.#start(site, [...roles])
  }

  /** Gives up what has not been told yet, and resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.idle()
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  #isDue(site: string, role: string): boolean {
    const toldAtMs = this.#toldAtMs.get(`${site}/${role}`)
    // A clock that was set back makes it due, too.
    return toldAtMs === undefined || Math.abs(this.#parts.clock.now() - toldAtMs) >= againAfterMs
  }

  #start(site: string, roles: readonly string[]): void {
    if (this.#stop.signal.aborted) return
    for (const role of roles) this.#toldAtMs.set(`${site}/${role}`, this.#parts.clock.now())
    const running = this.#tell(site, roles)
      .catch((thrown: unknown) => {
        this.#parts.log.error({ err: toCausewayError(thrown), site }, 'what a cache was told could not be recorded')
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async #tell(site: string, roles: readonly string[]): Promise<void> {
    const { clock, warmCache } = this.#parts
    let error: CausewayError | undefined
    for (let tries = 0; tries < mostTries && !this.#stop.signal.aborted; tries += 1) {
      if (tries > 0) await clock.sleep(backoffMs(tries - 1), this.#stop.signal)
      if (this.#stop.signal.aborted) return
      try {
        await warmCache(site, roles)
        return await this.#record(site, roles, null)
      } catch (thrown) {
        error = toCausewayError(thrown)
        if (!error.retryable) break
      }
    }
    if (!error) return
    // The next nodes are a new reason to try.
    for (const role of roles) this.#toldAtMs.delete(`${site}/${role}`)
    await this.#record(site, roles, error)
  }

  async #record(site: string, roles: readonly string[], error: CausewayError | null): Promise<void> {
    const { clock, events, log } = this.#parts
    const what = `${roles.length > 1 ? 'roles' : 'role'} ${roles.join(', ')}`
    if (error) log.warn({ site, roles, code: error.code, err: error }, 'a cache could not be told what nodes will want')
    await events.append({
      atMs: clock.now(),
      kind: 'cache',
      site,
      nodeId: null,
      nodeName: null,
      code: error?.code ?? 'CacheWarms',
      text: error
        ? `the cache of ${site} could not be told to bring ${what}: ${error.message}`
        : `the cache of ${site} brings ${what} ahead of its nodes`,
      facts: { roles },
      jobs: [],
    })
  }
}
