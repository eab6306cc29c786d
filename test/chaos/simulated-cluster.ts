import type { Clock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Acts } from '../../src/elastic/acts.ts'
import { Backoff } from '../../src/elastic/backoff.ts'
import { Loop } from '../../src/elastic/loop.ts'
import { NetworkKeeper } from '../../src/elastic/network-keeper.ts'
import { Observer } from '../../src/elastic/observe.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import type { NodeRecord } from '../../src/store/node-record.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'
import { FakeDriver, FakeSite } from '../fakes/driver.ts'
import { FakeScheduler } from '../fakes/scheduler.ts'
import { machineSpec } from '../support/machine-spec.ts'
import type { Fuse } from './fuse.ts'

const policy: Policy = {
  sites: [
    { name: 'east', minimum: 0, maximum: 2, idleMs: 3000 },
    { name: 'west', minimum: 0, maximum: 2, idleMs: 3000 },
  ],
  deadlines: { createMs: 10_000, bootMs: 10_000, installMs: 10_000, enrolMs: 10_000 },
  grace: { unreachableMs: 60_000, orphanMs: 5000 },
  breaker: { failures: 3, cooldownMs: 60_000 },
}

/** From a machine's creation until its daemon registers, virtual ms. */
const bootMs = 1500

/** Virtual time between two rounds, ms. */
const stepMs = 500

/**
 * The whole engine on a fake queue, fake sites and virtual time. What is outside the controller (queue, sites, database)
 * survives a crash; `restart` makes a new controller on it.
 */
export class SimulatedCluster {
  readonly scheduler: FakeScheduler
  readonly drivers: ReadonlyMap<string, FakeDriver>
  /** What must never happen and did, a sentence each. */
  readonly violations: string[] = []
  readonly #db: Db
  readonly #clock: Clock
  readonly #booted = new Set<string>()
  #ids = 0
  #controller: { loop: Loop; acts: Acts; fuse: Fuse }

  static async up(fuse: Fuse): Promise<SimulatedCluster> {
    return new SimulatedCluster(await openStore(':memory:'), fuse)
  }

  private constructor(db: Db, fuse: Fuse) {
    this.#db = db
    const names = policy.sites.flatMap((site, weight) =>
      Array.from({ length: site.maximum }, (_, i) => ({
        name: `${site.name}-${i + 1}`,
        weight,
        features: [`site-${site.name}`],
      })),
    )
    this.scheduler = new FakeScheduler(names, { nowMs: 1_000_000 })
    this.#clock = { now: () => this.scheduler.nowMs, sleep: () => new Promise(() => undefined) }
    this.drivers = new Map(policy.sites.map(({ name }) => [name, this.#driver(name)]))
    this.#controller = this.#boot(fuse)
  }

  /** The controller dies where it is, and a new one starts on what it left. */
  restart(fuse: Fuse): void {
    this.#controller = this.#boot(fuse)
  }

  /** Virtual time passes, machines boot, and the controller goes round once. Resolves early when its fuse blows. */
  async step(): Promise<void> {
    this.scheduler.tick(stepMs)
    this.#bootMachines()
    const { loop, acts, fuse } = this.#controller
    const round = loop.round().then(() => acts.idle())
    await Promise.race([round, fuse.blown])
    if (!fuse.isBlown) await round
    this.#checkNames()
  }

  /** Machines that exist at any site. */
  machines(): number {
    return [...this.drivers.values()].reduce((sum, driver) => sum + driver.at.machines.size, 0)
  }

  /** Every life that there ever was. */
  async lives(): Promise<NodeRecord[]> {
    return new NodeStore(this.#db).all()
  }

  async close(): Promise<void> {
    await this.#db.destroy()
  }

  #boot(fuse: Fuse): { loop: Loop; acts: Acts; fuse: Fuse } {
    const nodes = fuse.through(new NodeStore(this.#db))
    const drivers = new Map([...this.drivers].map(([name, driver]) => [name, fuse.through(driver)]))
    const scheduler = fuse.through(this.scheduler)
    const acts = new Acts(this.#clock, silentLog, () => undefined)
    const network = new NetworkKeeper(async () => ({ pending: [] }), this.#clock)
    const tools = {
      clock: this.#clock,
      log: silentLog,
      nodes,
      events: fuse.through(new EventStore(this.#db)),
      scheduler,
      drivers,
      acts,
      backoff: new Backoff(this.#clock),
      policy,
      network,
      newId: () => `id-${++this.#ids}`,
      tokenFor: (id: string) => `token-${id}`,
      wantOverlay: async () => undefined,
      machineSpec: (node: NodeRecord) => machineSpec(node.id, { name: node.name, image: '/images/base' }),
    }
    const jobs = new JobStore(this.#db)
    const loop = new Loop(new Observer(this.#clock, scheduler, drivers, nodes), tools, jobs, {
      batchMs: 0,
      pollMs: stepMs,
      busyPollMs: stepMs,
    })
    return { loop, acts, fuse }
  }

  #driver(site: string): FakeDriver {
    const driver = new FakeDriver({
      site,
      cluster: 'lab',
      clock: { now: () => this.scheduler.nowMs },
      at: new FakeSite(),
    })
    driver.interfere = async (call, moment) => {
      if (call.call !== 'delete' || moment !== 'before') return
      const name = driver.at.machines.get(call.id)?.spec.name
      const { jobs } = await this.#look()
      const running = jobs.find((job) => job.state === 'running' && name !== undefined && job.nodes.includes(name))
      if (running && this.#booted.has(call.id))
        this.violations.push(`job ${running.id} ran on ${name} when ${call.id} was deleted`)
      if (name !== undefined) this.scheduler.machineLost(name)
    }
    return driver
  }

  /** The queue as it is, without a call of the port that the controller would count. */
  async #look() {
    const { calls } = this.scheduler
    const snapshot = await this.scheduler.snapshot()
    calls.pop()
    return snapshot
  }

  #bootMachines(): void {
    for (const driver of this.drivers.values()) {
      for (const [id, machine] of driver.at.machines) {
        if (this.#booted.has(id) || !machine.running || this.scheduler.nowMs - machine.createdAtMs < bootMs) continue
        this.#booted.add(id)
        this.scheduler.machineUp(machine.spec.name)
      }
    }
  }

  #checkNames(): void {
    for (const driver of this.drivers.values()) {
      const names = [...driver.at.machines.values()].map((machine) => machine.spec.name)
      if (new Set(names).size < names.length) this.violations.push(`two machines with one name: ${names.join(', ')}`)
    }
  }
}
