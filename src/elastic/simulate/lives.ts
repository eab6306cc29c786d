import type { BreakerRecord, NodeRecord } from '../../store/node-record.ts'
import { backoffMs } from '../backoff.ts'
import { afterFailure, afterSuccess } from '../plan/breaker.ts'
import { costWithin } from '../plan/cost.ts'
import type { SiteMachine } from '../plan/observation.ts'
import { type Budget, budgetKey, type Policy, type TypePolicy, typeKey } from '../plan/policy.ts'
import type { Agenda } from './agenda.ts'
import { Life } from './life.ts'
import type { LifeOutcome } from './result.ts'
import type { Boot, SimulatedSite } from './simulated-site.ts'

/** The longest time that can be charged for at once, ms. */
const monthMs = 31 * 86_400_000

/** What the lives tell of, as it happens. */
export interface LivesWatcher {
  /** A node's daemon has started and registers with the queue. */
  registered(life: Life): void
  /** Something about a life has changed that may change a plan. */
  changed(): void
  /** A life will have been too long in its phase at this time, if nothing happens. */
  overdueAt(atMs: number): void
}

/** What of a life that is over decides what it cost. */
interface Over extends Pick<NodeRecord, 'site' | 'beganAtMs' | 'costPerHour' | 'billingMs'> {
  readonly endedMs: number
}

/** The lives of nodes, their machines at the sites, breakers and costs: what the store and the sites keep for the live engine. */
export class Lives {
  readonly breakers = new Map<string, BreakerRecord>()
  readonly inFlight = new Set<string>()
  readonly lastFailureMs = new Map<string, number>()
  readonly lastGoneMs = new Map<string, number>()
  readonly outcomes: LifeOutcome[] = []
  /** What the lives that are over have cost. */
  costOfOver = 0
  policy: Policy
  readonly #sites: ReadonlyMap<string, SimulatedSite>
  readonly #agenda: Agenda
  readonly #watcher: LivesWatcher
  readonly #startMs: number
  readonly #byName = new Map<string, Life>()
  readonly #byId = new Map<string, Life>()
  readonly #over: Over[] = []
  #spentOf: readonly Budget[] = []
  readonly #spent = new Map<string, number>()
  #begun = 0

  /** @param startMs when the trace began, ms since the epoch */
  constructor(
    policy: Policy,
    sites: ReadonlyMap<string, SimulatedSite>,
    agenda: Agenda,
    startMs: number,
    watcher: LivesWatcher,
  ) {
    this.policy = policy
    this.#sites = sites
    this.#agenda = agenda
    this.#startMs = startMs
    this.#watcher = watcher
  }

  get all(): Iterable<Life> {
    return this.#byId.values()
  }

  get count(): number {
    return this.#byId.size
  }

  named(name: string): Life | undefined {
    return this.#byName.get(name)
  }

  withId(id: string): Life | undefined {
    return this.#byId.get(id)
  }

  /** The machines that a site lists. */
  machines(site: string): readonly SiteMachine[] {
    const machines: SiteMachine[] = []
    for (const life of this.#byId.values()) {
      if (life.site !== site || !life.hasMachine || life.phase === 'creating') continue
      machines.push({ id: life.id, name: life.name, state: 'running' })
    }
    return machines
  }

  begin(name: string, type: TypePolicy, jobs: readonly string[], nowMs: number): void {
    const { site, costPerHour, billingMs } = type
    const life = new Life(
      { id: `life-${++this.#begun}`, name, site, type: type.type, costPerHour, billingMs, jobs },
      nowMs,
    )
    this.#byId.set(life.id, life)
    this.#byName.set(name, life)
    this.create(life, nowMs)
  }

  /** Makes the machine: what `createMachine` and the node's own reports do, as far as the store shows it. */
  create(life: Life, nowMs: number): void {
    if (life.phase === 'planned') life.move('creating', nowMs)
    const boot = this.#site(life).create()
    if (!boot) {
      const text = `${life.site} has no room for one more machine`
      this.fail(life, { code: 'InsufficientCapacity', text }, nowMs)
      return
    }
    life.hasMachine = true
    this.inFlight.add(life.id).add(life.name)
    this.#agenda.put(nowMs + boot.createdMs, () => this.#created(life, boot, nowMs))
  }

  fail(life: Life, failure: NonNullable<NodeRecord['failure']>, nowMs: number): void {
    const key = typeKey(life)
    life.move('failed', nowMs)
    life.failure = failure
    this.lastFailureMs.set(life.name, nowMs)
    this.breakers.set(key, afterFailure(this.breakers.get(key), life, this.policy.breaker, nowMs))
    this.#watcher.changed()
  }

  /** Whether some type is closed, or is to be tried with one node. */
  get anyClosed(): boolean {
    return [...this.breakers.values()].some(({ closedUntilMs }) => closedUntilMs !== null)
  }

  /** Whether anything has failed lately: then times matter that are not a life's own. */
  get inDoubt(): boolean {
    return this.lastFailureMs.size > 0 || [...this.breakers.values()].some(({ failures }) => failures > 0)
  }

  /** Returns whether that ends the doubts about its type. */
  ready(life: Life, nowMs: number): boolean {
    life.move('ready', nowMs)
    if (!life.isHeld) life.idleSinceMs = nowMs
    const key = typeKey(life)
    const doubted = (this.breakers.get(key)?.failures ?? 0) > 0
    if (doubted) this.breakers.set(key, afterSuccess(life))
    return doubted
  }

  /** The machine is deleted, and the life is over. */
  remove(life: Life, nowMs: number): void {
    life.move('gone', nowMs)
    this.lastGoneMs.set(life.name, nowMs)
    this.#freeMachine(life)
    this.#byId.delete(life.id)
    this.#byName.delete(life.name)
    const outcome = life.outcome(nowMs, this.#startMs)
    this.outcomes.push(outcome)
    this.costOfOver += outcome.cost
    const { site, beganAtMs, costPerHour, billingMs } = life
    const over = { site, beganAtMs, costPerHour, billingMs, endedMs: nowMs }
    this.#over.push(over)
    for (const budget of this.#spentOf) this.#spend(budget, over)
  }

  /** What the lives that are over have cost in the budgets' periods, by `budgetKey`. */
  spent(budgets: readonly Budget[]): ReadonlyMap<string, number> {
    if (budgets === this.#spentOf) return this.#spent
    this.#spentOf = budgets
    this.#spent.clear()
    for (const budget of budgets) {
      this.#spent.set(budgetKey(budget), 0)
      for (let i = this.#over.length - 1; i >= 0; i--) {
        const over = this.#over[i] as Over
        if (over.endedMs <= budget.startMs - monthMs) break
        this.#spend(budget, over)
      }
    }
    return this.#spent
  }

  /** Lives that are not over count as if they ended now. */
  closeBooks(nowMs: number): readonly LifeOutcome[] {
    return [...this.outcomes, ...[...this.#byId.values()].map((life) => life.outcome(nowMs, this.#startMs))]
  }

  #spend(budget: Budget, over: Over): void {
    if (budget.site !== null && budget.site !== over.site) return
    const key = budgetKey(budget)
    this.#spent.set(key, (this.#spent.get(key) ?? 0) + costWithin(over, over.endedMs, budget))
  }

  #created(life: Life, boot: Boot, begunMs: number): void {
    const nowMs = begunMs + boot.createdMs
    this.inFlight.delete(life.id)
    this.inFlight.delete(life.name)
    if (boot.fails === 'call') {
      this.#watcher.changed()
      this.#freeMachine(life)
      life.nextAttemptAtMs = nowMs + backoffMs(life.attempts++, this.policy.retry)
      return
    }
    const { bootMs, installMs, enrolMs } = this.policy.deadlines
    this.#enter(life, 'booting', nowMs, bootMs)
    if (boot.fails === 'boot') return
    const later = (afterMs: number, from: Life['phase'], act: (atMs: number) => void) => {
      this.#agenda.put(begunMs + afterMs, () => {
        if (life.phase === from) act(begunMs + afterMs)
      })
    }
    later(boot.installingMs, 'booting', (atMs) => this.#enter(life, 'installing', atMs, installMs))
    later(boot.enrollingMs, 'installing', (atMs) => this.#enter(life, 'enrolling', atMs, enrolMs))
    later(boot.readyMs, 'enrolling', (atMs) => {
      life.registered(atMs)
      this.#watcher.registered(life)
    })
  }

  #enter(life: Life, phase: 'booting' | 'installing' | 'enrolling', nowMs: number, limitMs: number): void {
    life.move(phase, nowMs)
    this.#watcher.overdueAt(nowMs + limitMs)
  }

  #freeMachine(life: Life): void {
    if (life.hasMachine) this.#site(life).free()
    life.hasMachine = false
  }

  #site({ site }: Life): SimulatedSite {
    const found = this.#sites.get(site)
    if (!found) throw new Error(`the simulation has no site ${site}`)
    return found
  }
}
