import { AsyncLocalStorage } from 'node:async_hooks'
import type { Job, QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import { withEmptyPools } from '../../src/elastic/plan/departure.ts'
import type { Finding } from '../../src/elastic/plan/lint-findings.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { Scheduler } from '../../src/elastic/scheduler.ts'
import type { Drain } from '../../src/store/drain-store.ts'
import type { NodeRecord } from '../../src/store/node-record.ts'
import type { NodeStore } from '../../src/store/node-store.ts'
import type { FakeDriver } from '../fakes/driver.ts'
import type { FakeScheduler, SchedulerCall } from '../fakes/scheduler.ts'
import { Book, type Entry } from './book.ts'
import { type Bench, wrongsOfBegin, wrongsOfGangs, wrongsOfRelease } from './limits.ts'
import type { Machines } from './machines.ts'

/** A reading counts for the controller only if it came within the time that a round waits for it, ms. */
const patienceMs = 5000

/** The oldest reading that an act may be based on, ms: a round's patience and a slow call. */
const recentMs = 20_000

/** The longest way of a call (weather.ts), ms: what is read meanwhile can't stop it. */
const slowestWayMs = 9120

/**
 * How long an unknown machine may stay beyond the grace once the troubles are over, ms. A reading or an act on its name that
 * began before may hang for its 9.12 s there and 30 s back (weather.ts), and nothing is read or collected meanwhile; a
 * failed collection may wait for 30 s, but does so at the same time. Then comes a round that sees the machine first (a poll
 * of 3 s, 0.02 s of batching, a reading of 0.24 s: world.ts), the grace begins, a round of the same length decides, the
 * deletion takes 0.12 s to arrive, and the oracle looks every 0.25 s.
 */
const collectionMs = 39_120 + 2 * 3260 + 120 + 250

/** A reading of the queue that began at `atMs`, ms. */
interface SeenQueue {
  readonly atMs: number
  readonly queue: QueueSnapshot
}

/** What the oracle looks at. */
export interface Scene {
  /** The rules that are in force at a time, ms since the epoch. */
  policyAt(now: number): Policy
  readonly scheduler: FakeScheduler
  readonly drivers: ReadonlyMap<string, FakeDriver>
  readonly machines: Machines
  /** Sites and hosts that are to be empty. */
  readonly drains: ReadonlyMap<string, Drain>
  /** The drains that admins have set, by node name. */
  readonly adminDrains: ReadonlyMap<string, string>
  /** Whether a controller runs. */
  isAlive(): boolean
  /** Whether one runs and the troubles are over: no call that begins now is slow or fails. */
  isCalm(): boolean
  now(): number
}

/** Watches the whole world and says what must never happen and did. */
export class Oracle {
  readonly violations: string[] = []
  /** When the scheduler last forgot something, ms. */
  schedulerRestartedMs = Number.NEGATIVE_INFINITY
  /** Machines made by a call that outlived the controller that made it: nobody could know of them. */
  readonly zombies = new Set<string>()
  readonly #scene: Scene
  readonly #reported = new Set<string>()
  /** For each running job, the machine that each of its nodes is. */
  readonly #machinesOf = new Map<string, Map<string, string>>()
  readonly #deleted = new Set<string>()
  readonly #announced = new Set<string>()
  /** Sites and hosts that were ever drained. */
  readonly #everDrained = new Set<string>()
  readonly #unknownForMs = new Map<string, number>()
  readonly #book: Book
  /** Lives that began in this step of the clock. */
  #begun: Entry[] = []
  /** Jobs that were let go in this step, and names that the queue was told won't come. */
  readonly #released = new Set<string>()
  readonly #refused = new Set<string>()
  #reading: SeenQueue = { atMs: 0, queue: { jobs: [], nodes: [] } }
  /** What a call that is on its way was decided on. */
  readonly #basis = new AsyncLocalStorage<SeenQueue>()
  #checkedMs = 0

  constructor(scene: Scene) {
    this.#scene = scene
    this.#book = new Book(
      () => this.#policy,
      () => scene.now(),
      (entry) => this.#begun.push(entry),
      (entry) => this.#isForgiven(entry),
    )
    scene.scheduler.fault = (call) => {
      this.#queueIsTold(call)
      return undefined
    }
    for (const [site, driver] of scene.drivers) {
      driver.interfere = (call, moment) => {
        if (call.call !== 'delete') return
        if (moment === 'before') this.#isDeleted(site, call.id)
        else this.#deleted.add(call.id)
      }
    }
  }

  /** The scheduler as the controller sees it; what it reads is noted. */
  watch(scheduler: Scheduler): Scheduler {
    const snapshot = async () => {
      const beganMs = this.#scene.now()
      const queue = await scheduler.snapshot()
      if (this.#scene.now() - beganMs < patienceMs) this.#reading = { atMs: beganMs, queue }
      return queue
    }
    const noted: Partial<Scheduler> = {
      snapshot,
      fail: (names, reason) => {
        for (const name of names) this.#refused.add(name)
        return this.#basis.run(this.#reading, () => scheduler.fail(names, reason))
      },
      release: (jobs) => {
        for (const id of jobs) this.#released.add(id)
        return scheduler.release(jobs)
      },
    }
    return new Proxy(scheduler, { get: (target, key) => Reflect.get(key in noted ? noted : target, key) })
  }

  /** The store as the controller sees it; what is written about lives is noted. */
  watchStore(store: NodeStore): NodeStore {
    return this.#book.watch(store)
  }

  /** A step of the clock is over: what was begun in it is judged as a whole. */
  settle(): void {
    if (this.#begun.length + this.#released.size > 0) {
      const scene = this.#scene
      const { queue } = this.#reading
      const { places } = scene.scheduler
      const drains = withEmptyPools([...scene.drains.values()], (site) => scene.drivers.get(site)?.at.hosts ?? [])
      const bench: Bench = {
        book: this.#book,
        policy: this.#policy,
        now: scene.now(),
        places,
        queue,
        drainedSinceMs: new Map(drains.flatMap(({ site, host, sinceMs }) => (host === null ? [[site, sinceMs]] : []))),
        refused: this.#refused,
        isBrokenOff: !scene.isAlive(),
      }
      const wrongs = this.#begun.flatMap((entry) => wrongsOfBegin(entry, bench))
      wrongs.push(...wrongsOfRelease(this.#released, bench))
      wrongs.push(...wrongsOfGangs(this.#begun, bench))
      for (const wrong of wrongs) this.#violated(wrong)
    }
    this.#begun = []
    this.#released.clear()
    this.#refused.clear()
  }

  /** A machine was announced to be taken away. */
  announced(id: string): void {
    this.#announced.add(id)
  }

  /** A machine starts. `alive`: the controller that asked for it still runs. */
  started(site: string, host: string | null, id: string, alive: boolean): void {
    const drain = host === null ? undefined : this.#scene.drains.get(`${site}/${host}`)
    // What the call was told to avoid was read before its way, and it may be carried out twice.
    if (drain && this.#scene.now() - drain.sinceMs > 2 * slowestWayMs) {
      this.#violated(`${id} starts on ${host} of ${site}, which is drained`)
    }
    if (!alive) this.zombies.add(id)
    else if (this.#deleted.has(id)) this.#violated(`id ${id} runs again after it was deleted`, id)
    for (const [other, { at }] of this.#scene.drivers) {
      if (other !== site && at.machines.has(id)) this.#violated(`id ${id} runs at ${site} and at ${other}`, id)
    }
  }

  /** A machine was made while a host that can't be read has one of the same id. `alive`: the controller that asked for it still runs. */
  twin(id: string, alive: boolean): void {
    if (alive) this.#violated(`there are two machines of id ${id}`, id)
  }

  /** Looks at everything; called often, with the lives that are not gone. */
  check(lives: readonly NodeRecord[]): void {
    const queue = this.#scene.scheduler.peek()
    const known = new Map(lives.map((life) => [life.id, life]))
    for (const key of this.#scene.drains.keys()) this.#everDrained.add(key)
    this.#checkNames(known)
    this.#checkUnknown(known, queue)
    this.#checkDrains(queue)
    this.#followJobs(queue)
    this.#checkedMs = this.#scene.now()
  }

  /** The planner's own linter must have nothing to hold back: it is there for faults that nobody knows of yet. */
  checkFindings(findings: readonly Finding[]): void {
    for (const { step, text } of findings) this.#violated(`the linter held back ${step?.kind ?? 'a plan'}: ${text}`)
  }

  get #policy(): Policy {
    return this.#scene.policyAt(this.#scene.now())
  }

  #checkNames(known: ReadonlyMap<string, NodeRecord>): void {
    const byName = new Map<string, string>()
    for (const { id, name } of this.#scene.machines.bodies.values()) {
      const other = byName.get(name)
      byName.set(name, id)
      if (other !== undefined && !this.zombies.has(id) && !this.zombies.has(other)) {
        this.#violated(`two machines run as ${name}: ${other} and ${id}`, name)
      }
    }
    const names = [...known.values()].map((life) => life.name)
    if (new Set(names).size < names.length) this.#violated(`two lives of one name: ${names.join(' ')}`)
  }

  #checkUnknown(known: ReadonlyMap<string, NodeRecord>, queue: QueueSnapshot): void {
    const passedMs = this.#scene.isCalm() ? this.#scene.now() - this.#checkedMs : 0
    const unknown = new Set<string>()
    for (const { at } of this.#scene.drivers.values()) {
      for (const [id, { spec }] of at.machines) {
        if (known.has(id)) continue
        unknown.add(id)
        // One that may work is left alone until it is idle.
        const busy = queue.nodes.some(({ name, busy }) => busy && name === spec.name)
        const forMs = (this.#unknownForMs.get(id) ?? 0) + (busy ? 0 : passedMs)
        this.#unknownForMs.set(id, forMs)
        if (forMs > this.#policy.grace.orphanMs + collectionMs) {
          this.#violated(`machine ${id} belongs to no life and is not collected`, id)
        }
      }
    }
    for (const id of this.#unknownForMs.keys()) if (!unknown.has(id)) this.#unknownForMs.delete(id)
  }

  #checkDrains(queue: QueueSnapshot): void {
    for (const [name, reason] of this.#scene.adminDrains) {
      const node = queue.nodes.find((candidate) => candidate.name === name)
      if (!node?.drained || node.reason !== reason) {
        this.#violated(`the admin's drain of ${name} (${reason}) is gone: ${node?.reason || 'no reason'}`, name)
      }
    }
  }

  #followJobs(queue: QueueSnapshot): void {
    for (const job of queue.jobs) {
      if (job.state !== 'running') {
        this.#machinesOf.delete(job.id)
        continue
      }
      if (this.#machinesOf.has(job.id)) continue
      const machines = new Map<string, string>()
      for (const name of job.nodes) {
        const body = this.#scene.machines.named(name).find((candidate) => candidate.up)
        if (body) machines.set(name, body.id)
      }
      this.#machinesOf.set(job.id, machines)
    }
  }

  /** A failure that counts for no breaker must be of a machine that had to go. */
  #isForgiven({ id, site }: Entry): void {
    const drained = [...this.#everDrained, ...this.#scene.drains.keys()].some((key) => key.startsWith(`${site}/`))
    if (!drained && !this.#announced.has(id))
      this.#violated(`the failure of ${id} is forgiven, and nothing announced it`)
  }

  #queueIsTold({ call, names }: SchedulerCall): void {
    if (call !== 'fail') return
    for (const name of names) {
      const body = this.#scene.machines.named(name).find((candidate) => candidate.up)
      for (const job of this.#jobsOn(name)) {
        if (!body) continue
        const { atMs, queue } = this.#basis.getStore() ?? this.#reading
        if (!isRunning(job, name, queue) && this.#scene.now() - atMs <= recentMs) continue
        this.#violated(`job ${job.id} ran on ${name} (${body.id}) when the queue was told that the node failed`)
      }
    }
  }

  #isDeleted(site: string, id: string): void {
    const body = this.#scene.machines.bodies.get(id)
    if (!body?.up) return
    for (const job of this.#jobsOn(body.name)) {
      const machine = this.#machinesOf.get(job.id)?.get(body.name) ?? id
      const forgotten = this.schedulerRestartedMs > this.#scene.now() - 2 * recentMs
      if (machine !== id || (forgotten && this.#isNew(job, body.name))) continue
      this.#violated(`job ${job.id} ran on ${body.name} when ${id} was deleted at ${site}`)
    }
  }

  #jobsOn(name: string): Job[] {
    return this.#scene.scheduler.peek().jobs.filter((job) => job.state === 'running' && job.nodes.includes(name))
  }

  /** Whether the job began to run on the node too late for the controller to have read it. */
  #isNew(job: Job, name: string): boolean {
    const { atMs, queue } = this.#reading
    const justStarted = (job.startedAtMs ?? 0) >= this.#scene.now() - slowestWayMs
    return (!isRunning(job, name, queue) || justStarted) && this.#scene.now() - atMs <= recentMs
  }

  /** @param once violations of the same kind and subject are told only once */
  #violated(text: string, once = text): void {
    const key = `${text.slice(0, 12)} ${once}`
    if (this.#reported.has(key)) return
    this.#reported.add(key)
    this.violations.push(text)
  }
}

function isRunning({ id }: Job, on: string, queue: QueueSnapshot | undefined): boolean {
  return queue?.jobs.some((job) => job.id === id && job.state === 'running' && job.nodes.includes(on)) ?? false
}
