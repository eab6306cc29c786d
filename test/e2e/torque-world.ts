import assert from 'node:assert/strict'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import { TorqueScheduler } from '../../src/hooks/schedulers/torque/scheduler.ts'
import type { NodeRecord } from '../../src/store/node-record.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'
import { bootController, type Controller, tokenFor } from '../chaos/controller.ts'
import { Fuse } from '../chaos/fuse.ts'
import { VirtualClock } from '../chaos/virtual-clock.ts'
import { typePolicy } from '../elastic/world.ts'
import { FakeDriver } from '../fakes/driver.ts'
import { FakeTorque } from '../fakes/torque/cluster.ts'
import { runCommand } from '../fakes/torque/commands.ts'
import { FakeTorqueHost } from '../fakes/torque/host.ts'
import { type FakeTorqueJob, idOf } from '../fakes/torque/model.ts'

const startMs = 1_800_000_000_000

/** Two sites, the first preferred: two nodes at east, four at west, with two processors each. */
const twoSites: Policy = {
  types: ['east', 'west'].map((site) =>
    typePolicy(site, {
      maximum: site === 'east' ? 2 : 4,
      size: { cpus: 2, memoryMiB: 4000, gpus: 0 },
      idleMs: 20_000,
    }),
  ),
  caps: [],
  budgets: [],
  placement: [],
  retry: { firstMs: 500, mostMs: 30_000 },
  deadlines: { createMs: 90_000, bootMs: 20_000, installMs: 30_000, enrolMs: 30_000, drainMs: 86_400_000 },
  grace: { unreachableMs: 60_000, orphanMs: 60_000, reuseMs: 0 },
  breaker: { failures: 1, cooldownMs: 300_000 },
  paths: { loss: 0.05, rttMs: Infinity },
}

/**
 * The engine as the controller runs it, over the adapter for Torque, over a Torque as the fake plays it, and machines at two sites
 * that boot in seconds; all on virtual time.
 */
export class TorqueWorld {
  readonly clock = new VirtualClock(startMs)
  readonly torque = new FakeTorque({ nowMs: startMs })
  readonly host = new FakeTorqueHost(this.torque)
  readonly scheduler = new TorqueScheduler({
    host: this.host,
    prefix: '/opt/torque',
    placeholder: 'placeholder',
    clock: this.clock,
  })
  readonly drivers: ReadonlyMap<string, FakeDriver>
  /** Machines of these names never get further than their boot. */
  readonly duds = new Set<string>()
  /** Every node that has been there, in order. */
  readonly seen: string[] = []
  readonly #db: Db
  readonly #store: NodeStore
  #controller: Controller
  #ids = 0

  static async begin(policy = twoSites): Promise<TorqueWorld> {
    return new TorqueWorld(await openStore(':memory:'), policy)
  }

  private constructor(db: Db, policy: Policy) {
    this.#db = db
    this.#store = new NodeStore(db)
    const sites = [...new Set(policy.types.map((type) => type.site))]
    this.drivers = new Map(sites.map((site) => [site, new FakeDriver({ site, cluster: 'lab', clock: this.clock })]))
    for (const driver of this.drivers.values()) {
      driver.interfere = (call, moment) => {
        if (moment === 'before') return
        if (call.call === 'create') this.#boot(driver, call.id)
        // A deleted machine is silent from then on.
        if (call.call === 'delete') this.torque.momLost(this.#names.get(call.id) ?? '')
      }
    }
    const outside = {
      db,
      nodes: this.#store,
      clock: this.clock,
      scheduler: this.scheduler,
      drivers: this.drivers,
      applyGateway: async () => ({ pending: [] }),
      policyAt: () => policy,
      newId: () => `id-${++this.#ids}`,
    }
    this.#outside = outside
    this.#controller = this.#start()
    this.clock.after(0, () => this.#beat())
  }

  readonly #names = new Map<string, string>()
  readonly #outside: Parameters<typeof bootController>[0]

  #start(): Controller {
    const controller = bootController(this.#outside, new Fuse(), { batchMs: 20, pollMs: 3000, busyPollMs: 500 })
    controller.loop.start()
    return controller
  }

  /** The controller dies where it stands, and another one starts. */
  restartController(): void {
    this.#controller.fuse.kill()
    this.#controller = this.#start()
  }

  /** Submits as alice and returns the job's number. */
  qsub(script: string, ...options: string[]): string {
    const { code, stdout, stderr } = runCommand(this.torque, ['qsub', ...options], script, 'alice')
    assert.equal(code, 0, stderr)
    return stdout.split(/[.[]/)[0] ?? ''
  }

  admin(...argv: string[]): void {
    const { code, stderr } = runCommand(this.torque, argv, '')
    assert.equal(code, 0, stderr)
  }

  /** The job, or the elements of the array, with this number. */
  jobs(number: string): FakeTorqueJob[] {
    return this.torque.jobs.filter((job) => String(job.number) === number)
  }

  /** Ids and hosts of the elements of an array. */
  places(number: string): Record<string, string[]> {
    return Object.fromEntries(this.jobs(number).map((job) => [idOf(job), job.hosts.map((host) => host.name)]))
  }

  /** A machine's power fails. */
  cutPower(name: string): void {
    const id = [...this.#names].findLast(([, other]) => other === name)?.[0] ?? ''
    for (const driver of this.drivers.values()) driver.at.cutPower(id)
    this.torque.momLost(name)
  }

  lives(): Promise<NodeRecord[]> {
    return this.#store.live()
  }

  /** Lets time pass until something is so. */
  async until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 900_000): Promise<void> {
    const deadline = this.clock.now() + withinMs
    while (!(await holds())) {
      if (this.clock.now() > deadline)
        assert.fail(`not so within ${withinMs / 1000} s: ${what}; ${await this.#state()}`)
      await this.clock.step()
    }
  }

  ended(number: string): Promise<void> {
    return this.until(`job ${number} has ended`, () => this.jobs(number).every((job) => job.state === 'C'))
  }

  /** No machine is left, and Torque has forgotten all nodes but the placeholder. */
  shrunk(): Promise<void> {
    return this.until('the cluster has shrunk to nothing', async () => {
      const machines = [...this.drivers.values()].reduce((sum, { at }) => sum + at.machines.size, 0)
      return machines === 0 && this.torque.nodes.length === 1 && (await this.lives()).length === 0
    })
  }

  async close(): Promise<void> {
    this.#controller.fuse.kill()
    await this.#db.destroy()
  }

  #boot(driver: FakeDriver, id: string): void {
    const name = driver.at.machines.get(id)?.spec.name
    if (name === undefined || this.#names.has(id)) return
    this.#names.set(id, name)
    this.seen.push(name)
    const runs = () => driver.at.machines.get(id)?.running === true && !this.duds.has(name)
    const report = (phase: 'installing' | 'enrolling') => {
      if (runs()) void this.#controller.reports.report(id, tokenFor(id), { phase })
    }
    this.clock.after(1000, () => report('installing'))
    this.clock.after(2000, () => report('enrolling'))
    this.clock.after(3000, () => runs() && this.torque.momUp(name))
  }

  #beat(): void {
    this.torque.tick(this.clock.now() - this.torque.nowMs)
    this.clock.after(250, () => this.#beat())
  }

  async #state(): Promise<string> {
    const lives = (await this.lives()).map(({ name, phase, failure }) => `${name} ${phase} ${failure?.code ?? ''}`)
    const jobs = this.torque.jobs.map(
      (job) => `${idOf(job)} ${job.state} ${[...job.resources.values()].join(' ')} ${job.comment}`,
    )
    const nodes = this.torque.nodes.map((node) => `${node.name} ${node.offline} ${node.note}`)
    return JSON.stringify({ lives, jobs, nodes, plan: this.#controller.loop.view?.plan.steps }, null, 1)
  }
}
