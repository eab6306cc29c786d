import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { NodeRecord, Phase } from '../../src/store/node-record.ts'
import type { NodeStore } from '../../src/store/node-store.ts'

/** A life, as the oracle saw it written. */
export interface Entry {
  readonly id: string
  readonly name: string
  readonly site: string
  readonly type: string
  readonly jobs: readonly string[]
  readonly beganAtMs: number
  /** The policy's when it began. */
  readonly costPerHour: number
  readonly billingMs: number
  phase: Phase
  /** When it failed, if it did. */
  failedAtMs: number | null
  goneAtMs: number | null
}

/** Whether a type is in use, by failures that were written. */
interface Luck {
  failures: number
  /** Set by a failure at `sinceMs`; no new nodes before. */
  closedUntilMs: number | null
  sinceMs: number
}

/** What is written to the store about lives and failures, kept a second time and by simpler means. */
export class Book {
  readonly entries = new Map<string, Entry>()
  readonly #luck = new Map<string, Luck>()
  readonly #policyNow: () => Policy
  readonly #now: () => number
  readonly #began: (entry: Entry) => void
  readonly #forgiven: (entry: Entry) => void

  /**
   * @param began called for each new life that is not an adopted one, when it has been entered
   * @param forgiven called for each failure that is to say nothing against its type
   */
  constructor(
    policyNow: () => Policy,
    now: () => number,
    began: (entry: Entry) => void,
    forgiven: (entry: Entry) => void,
  ) {
    this.#policyNow = policyNow
    this.#now = now
    this.#began = began
    this.#forgiven = forgiven
  }

  /** The same store, of whose writes the book takes notice. */
  watch(store: NodeStore): NodeStore {
    const watched: Pick<NodeStore, 'begin' | 'start' | 'move' | 'fail'> = {
      begin: async (node, cause, atMs) => {
        await store.begin(node, cause, atMs)
        this.#enter(node, atMs)
      },
      start: async (lives, creating, atMs) => {
        const begun = await store.start(lives, creating, atMs)
        for (const node of begun) this.#enter(node, atMs)
        return begun
      },
      move: async (id, from, to, ...more) => {
        const moved = await store.move(id, from, to, ...more)
        if (moved) this.#move(id, to)
        return moved
      },
      fail: async (id, failure, breaker, atMs) => {
        const failed = await store.fail(id, failure, breaker, atMs)
        if (failed && breaker) this.#fail(id)
        if (failed && !breaker) this.#forgive(id)
        return failed
      },
    }
    return new Proxy(store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(key in watched ? watched : target, key)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  /** Lives of a type that are not gone. */
  living(of: { readonly site: string; readonly type: string }): Entry[] {
    return [...this.entries.values()].filter(
      ({ site, type, phase }) => phase !== 'gone' && site === of.site && type === of.type,
    )
  }

  /** `closed` or `half-open` by failures that were written before now; null when nothing speaks against the type. */
  luckOf(of: { readonly site: string; readonly type: string }): 'closed' | 'half-open' | null {
    const luck = this.#luck.get(`${of.site} ${of.type}`)
    if (!luck || luck.closedUntilMs === null || luck.sinceMs === this.#now()) return null
    return this.#now() < luck.closedUntilMs ? 'closed' : 'half-open'
  }

  #enter(node: Pick<NodeRecord, 'id' | 'name' | 'site' | 'type' | 'jobs' | 'phase'>, atMs: number): void {
    const type = this.#policyNow().types.find((one) => one.site === node.site && one.type === node.type)
    const entry: Entry = {
      id: node.id,
      name: node.name,
      site: node.site,
      type: node.type,
      jobs: [...node.jobs],
      phase: node.phase,
      beganAtMs: atMs,
      costPerHour: type?.costPerHour ?? 0,
      billingMs: type?.billingMs ?? 0,
      failedAtMs: null,
      goneAtMs: null,
    }
    this.entries.set(entry.id, entry)
    if (entry.phase !== 'booting') this.#began(entry)
  }

  #move(id: string, to: Phase): void {
    const entry = this.entries.get(id)
    if (!entry) return
    const { phase } = entry
    entry.phase = to
    if (to === 'gone') entry.goneAtMs = this.#now()
    // One whose drain is cancelled has shown nothing new.
    if (to === 'ready' && phase !== 'draining') this.#luck.delete(`${entry.site} ${entry.type}`)
  }

  #forgive(id: string): void {
    const entry = this.entries.get(id)
    if (!entry) return
    entry.phase = 'failed'
    entry.failedAtMs = this.#now()
    this.#forgiven(entry)
  }

  #fail(id: string): void {
    const entry = this.entries.get(id)
    if (!entry) return
    const now = this.#now()
    entry.phase = 'failed'
    entry.failedAtMs = now
    const key = `${entry.site} ${entry.type}`
    const { breaker } = this.#policyNow()
    const luck = this.#luck.get(key) ?? { failures: 0, closedUntilMs: null, sinceMs: 0 }
    if (luck.closedUntilMs !== null && now < luck.closedUntilMs) return
    const failures = luck.failures + 1
    const closes = failures >= breaker.failures || luck.closedUntilMs !== null
    this.#luck.set(key, { failures, closedUntilMs: closes ? now + breaker.cooldownMs : null, sinceMs: now })
  }
}
