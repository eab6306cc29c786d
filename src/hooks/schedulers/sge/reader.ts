import type { Job, QueueNode } from '../../../elastic/plan/demand.ts'
import type { SgeClient } from './client.ts'
import type { Complexes } from './complexes.ts'
import { type DemandContext, jobsOf, nodesOf } from './demand.ts'
import type { Details } from './details.ts'
import type { SgeOptions } from './options.ts'
import { sitePe } from './parallel.ts'
import type { QueueEntry, QueueInstance } from './qstat.ts'
import { matches, type Wish, wishOf } from './request.ts'

/** One complete look at the queue. */
export interface Reading {
  readonly jobs: readonly Job[]
  readonly nodes: readonly QueueNode[]
  readonly instances: readonly QueueInstance[]
  readonly entries: readonly QueueEntry[]
  readonly details: ReadonlyMap<number, Details>
}

/** How long what administrators change (complexes, environments), or users with `qalter`, may go unnoticed. */
const staleMs = 60_000

/** Jobs that are looked at again in one round for no other reason than that: half a megabyte. */
const refreshedAtOnce = 100

interface Known {
  readonly details: Details
  /** The letters of its state then: when these change, so may have what else is known. */
  readonly state: string
  readonly readAtMs: number
}

/**
 * Reads the queue with one `qstat -f`, and one `qstat -j` for those jobs of which something is new. Nothing of what it keeps
 * is needed to be right: a new reader comes to the same, by longer commands.
 */
export class SgeReader {
  readonly #client: SgeClient
  readonly #options: SgeOptions
  #known = new Map<number, Known>()
  #complexes: Complexes = new Map()
  #rules = new Map<string, string>()
  #objectsReadAtMs = Number.NEGATIVE_INFINITY

  constructor(client: SgeClient, options: SgeOptions) {
    this.#client = client
    this.#options = options
  }

  /** What is known of these jobs is to be read anew. */
  forget(jobs: Iterable<number>): void {
    for (const number of jobs) this.#known.delete(number)
  }

  /** Complexes or environments have been added. */
  forgetObjects(): void {
    this.#objectsReadAtMs = Number.NEGATIVE_INFINITY
  }

  async read(): Promise<Reading> {
    const { instances, entries } = await this.#client.queue()
    const nowMs = this.#options.clock.now()
    await this.#readDetails(entries, nowMs)
    await this.#readObjects(entries, nowMs)
    const details = new Map([...this.#known].map(([number, known]) => [number, known.details]))
    const context = this.#context(details, nowMs)
    return {
      jobs: jobsOf(entries, context),
      nodes: nodesOf(instances, entries, this.#options.queue),
      instances,
      entries,
      details,
    }
  }

  async #readDetails(entries: readonly QueueEntry[], nowMs: number): Promise<void> {
    // Of an array's several entries that which waits says most.
    const states = new Map<number, string>()
    for (const { number, state, host } of entries) {
      if (host === null || !states.has(number)) states.set(number, state)
    }
    const wanted: number[] = []
    const stale: number[] = []
    const known = new Map<number, Known>()
    for (const [number, state] of states) {
      const before = this.#known.get(number)
      if (before) known.set(number, before)
      if (before?.state !== state) wanted.push(number)
      else if (nowMs - before.readAtMs > staleMs) stale.push(number)
    }
    const asked = [...wanted, ...stale.slice(0, refreshedAtOnce)]
    const found = asked.length === 0 ? new Map<number, Details>() : await this.#client.details(asked)
    for (const [number, details] of found) {
      known.set(number, { details, state: states.get(number) ?? '', readAtMs: nowMs })
    }
    this.#known = known
  }

  async #readObjects(entries: readonly QueueEntry[], nowMs: number): Promise<void> {
    const isUnknown = entries.some(
      ({ pe, hard }) => (pe !== '' && this.#ruleOf(pe) === null) || hard.some(([name]) => !this.#complexes.has(name)),
    )
    const age = nowMs - this.#objectsReadAtMs
    if (age < staleMs && !(isUnknown && age > 5000)) return
    this.#complexes = await this.#client.complexes()
    const rules = new Map<string, string>()
    for (const name of await this.#client.list('-spl')) {
      rules.set(name, (await this.#client.show('-sp', name)).get('allocation_rule') ?? '')
    }
    this.#rules = rules
    this.#objectsReadAtMs = nowMs
  }

  #context(details: ReadonlyMap<number, Details>, nowMs: number): DemandContext {
    const wishes = new Map<QueueEntry, Wish>()
    const ruleOf = (pe: string) => this.#ruleOf(pe)
    return {
      nowMs,
      queue: this.#options.queue,
      details,
      wishOf: (entry) => {
        let wish = wishes.get(entry)
        if (!wish) wishes.set(entry, (wish = wishOf(entry, this.#complexes, ruleOf, this.#options.queue)))
        return wish
      },
      isConfined: (pe) => this.#options.parallel.some((name) => pe.startsWith(sitePe(name, ''))),
    }
  }

  /** The rule of an environment, or of the first that a pattern means; null if there is none. */
  #ruleOf(pe: string): string | null {
    const exact = this.#rules.get(pe)
    if (exact !== undefined) return exact
    for (const [name, rule] of this.#rules) if (matches(pe, name)) return rule
    return null
  }
}
