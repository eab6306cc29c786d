import type { Clock } from '../base/clock.ts'
import { CausewayError, toCausewayError } from '../base/errors.ts'
import type { Driver } from '../sites/driver.ts'
import type { Drain } from '../store/drain-store.ts'
import type { NodeStore } from '../store/node-store.ts'
import { retryAfterMs } from './backoff.ts'
import type { QueueSnapshot } from './plan/demand.ts'
import type { Observation, Path, Reading, SiteMachine, SiteReading, UnreadHost } from './plan/observation.ts'
import { type Budget, budgetKey } from './plan/policy.ts'
import type { Capabilities, Scheduler } from './scheduler.ts'

/** How long a round waits for a source before it goes on without it, ms. */
const patienceMs = 5_000

/** What others know that a round stands on. */
interface Known {
  /** What is known of the paths between gateways; left out: nobody measures them. */
  readonly paths?: () => readonly Path[]
  /** Sites and hosts that are to be empty; left out: none ever is. */
  readonly drains?: () => Promise<readonly Drain[]>
}

/** Reads the queue and the sites for one round after another. */
export class Observer {
  readonly #clock: Clock
  readonly #nodes: NodeStore
  readonly #capabilities: Capabilities
  readonly #queue: Source<QueueSnapshot>
  readonly #sites: ReadonlyMap<string, Source<SiteListing>>
  readonly #known: Known
  readonly #orphansSinceMs = new Map<string, number>()

  constructor(
    clock: Clock,
    scheduler: Scheduler,
    drivers: ReadonlyMap<string, Driver>,
    nodes: NodeStore,
    known: Known = {},
  ) {
    this.#clock = clock
    this.#known = known
    this.#nodes = nodes
    this.#capabilities = scheduler.capabilities
    this.#queue = new Source('the queue', clock, () => scheduler.snapshot())
    this.#sites = new Map(
      [...drivers].map(([name, driver]) => [name, new Source(`site ${name}`, clock, () => listingOf(driver))]),
    )
  }

  /**
   * One picture of everything. A source that can't be read, or not in time, is marked unread; nothing here throws for it.
   * @param since how far back failed names, and names whose lives are over, matter, ms since the epoch
   * @param budgets whose periods' costs are wanted
   */
  async observe(
    acts: { inFlight: ReadonlySet<string>; settledAtMs: ReadonlyMap<string, number> },
    { failuresSinceMs, goneSinceMs }: { failuresSinceMs: number; goneSinceMs: number },
    budgets: readonly Budget[],
  ): Promise<Observation> {
    const [queue, ...sites] = await Promise.all([
      this.#queue.read(),
      ...[...this.#sites].map(async ([name, source]) => [name, siteReading(await source.read())] as const),
    ])
    // The store is read last: a node recorded while the sources were read is then known, and is no orphan.
    const nodes = await this.#nodes.live()
    const siteReadings = new Map(sites)
    const spent = new Map<string, number>()
    for (const budget of budgets) spent.set(budgetKey(budget), await this.#nodes.spent(budget))
    return {
      queue,
      places: this.#capabilities.places,
      registers: this.#capabilities.registers,
      confines: this.#capabilities.confines,
      sites: siteReadings,
      ...(this.#known.drains ? { drains: await this.#known.drains() } : {}),
      ...(this.#known.paths ? { paths: this.#known.paths() } : {}),
      nodes,
      inFlight: new Set(acts.inFlight),
      settledAtMs: new Map(acts.settledAtMs),
      breakers: await this.#nodes.breakers(),
      spent,
      lastFailureMs: await this.#nodes.lastFailures(failuresSinceMs),
      lastGoneMs: await this.#nodes.lastGone(goneSinceMs),
      orphansSinceMs: this.#orphans(siteReadings, new Set(nodes.map((node) => node.id))),
    }
  }

  #orphans(sites: ReadonlyMap<string, SiteReading>, known: ReadonlySet<string>): ReadonlyMap<string, number> {
    const present = new Set<string>()
    for (const reading of sites.values()) {
      for (const machine of reading.ok ? reading.value : []) {
        if (known.has(machine.id)) continue
        present.add(machine.id)
        if (!this.#orphansSinceMs.has(machine.id)) this.#orphansSinceMs.set(machine.id, this.#clock.now())
      }
    }
    const allRead = [...sites.values()].every((reading) => reading.ok && (reading.unread ?? []).length === 0)
    for (const id of this.#orphansSinceMs.keys()) {
      if (known.has(id) || (allRead && !present.has(id))) this.#orphansSinceMs.delete(id)
    }
    return new Map(this.#orphansSinceMs)
  }
}

interface SiteListing {
  readonly machines: readonly SiteMachine[]
  readonly unread: readonly UnreadHost[]
}

/** As much of a driver's listing as is decided on. */
async function listingOf(driver: Driver): Promise<SiteListing> {
  const { machines, unread } = await driver.list()
  return {
    machines: machines.map(({ id, name, state, host, address, leaving }) => ({
      id,
      name,
      state,
      host,
      address,
      leaving,
    })),
    unread: unread.map(({ host, error }) => ({ host, code: error.code, text: error.message })),
  }
}

function siteReading(reading: Reading<SiteListing>): SiteReading {
  if (!reading.ok) return reading
  const { machines, unread } = reading.value
  return { ...reading, value: machines, ...(unread.length > 0 ? { unread } : {}) }
}

/** One thing that is read every round, never twice at the same time, and not before it lets itself be read again. */
class Source<T> {
  readonly #name: string
  readonly #clock: Clock
  readonly #fetch: () => Promise<T>
  #pending: Promise<Reading<T>> | null = null
  #refusal: { readonly error: CausewayError; readonly untilMs: number } | null = null

  constructor(name: string, clock: Clock, fetch: () => Promise<T>) {
    this.#name = name
    this.#clock = clock
    this.#fetch = fetch
  }

  /** A reading that began now; unread at once while an earlier one still hangs. */
  async read(): Promise<Reading<T>> {
    const startedAtMs = this.#clock.now()
    if (this.#pending) return unread(startedAtMs, this.#tooSlow())
    if (this.#refusal && startedAtMs < this.#refusal.untilMs) return unread(startedAtMs, this.#refusal.error)
    const reading = this.#fetch().then(
      (value): Reading<T> => ({ ok: true, startedAtMs, value }),
      (thrown: unknown) => {
        const error = toCausewayError(thrown)
        this.#refusal = { error, untilMs: this.#clock.now() + retryAfterMs(error) }
        return unread<T>(startedAtMs, error)
      },
    )
    this.#pending = reading
    void reading.then(() => {
      this.#pending = null
    })
    const done = new AbortController()
    const late = this.#clock.sleep(patienceMs, done.signal).then(() => unread<T>(startedAtMs, this.#tooSlow()))
    const first = await Promise.race([reading, late])
    done.abort()
    return first
  }

  #tooSlow(): CausewayError {
    return new CausewayError('CommandTimeout', `${this.#name} has not answered within ${patienceMs / 1000} s`)
  }
}

function unread<T>(startedAtMs: number, error: CausewayError): Reading<T> {
  return { ok: false, startedAtMs, code: error.code, text: error.message }
}
