import { CausewayError } from '../../src/base/errors.ts'
import { withEmptyPools } from '../../src/elastic/plan/departure.ts'
import type { Path } from '../../src/elastic/plan/observation.ts'
import { nodeName, type Policy } from '../../src/elastic/plan/policy.ts'
import { type Capabilities, reasonPrefix } from '../../src/elastic/scheduler.ts'
import { type Drain, DrainStore } from '../../src/store/drain-store.ts'
import type { NodeRecord } from '../../src/store/node-record.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'
import { FakeDriver, FakeSite } from '../fakes/driver.ts'
import { FakeScheduler } from '../fakes/scheduler.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { bootController, type Controller, tokenFor } from './controller.ts'
import { Fuse, type FuseSpec } from './fuse.ts'
import { type Body, Machines } from './machines.ts'
import { Oracle } from './oracle.ts'
import type { Random } from './random.ts'
import { startMs } from './rules.ts'
import type { FaultKind, Pools } from './scenario.ts'
import { VirtualClock } from './virtual-clock.ts'
import { queueWay, Weather } from './weather.ts'

/** How often the scheduler looks around, and the oracle at everything, virtual ms. */
const heartbeatMs = 250

/** How fast the controller goes round here. */
const pace = { batchMs: 20, pollMs: 3000, busyPollMs: 500 }

/** The modelled scheduler's own times, short ones so that a run is short; all but resumeMs are shorter than in reality. */
const schedulerTimes = { suspendMs: 2000, resumeMs: 300_000, silentMs: 12_000, requeueMs: 15_000 }

/** What a world is made from. */
export interface WorldOptions {
  readonly places: Capabilities['places']
  /** The rules that are in force at a time, ms since the epoch. */
  policyAt(now: number): Policy
  readonly random: Random
  readonly faults: ReadonlySet<FaultKind>
  /** The hosts of sites that have several; left out: none has. */
  readonly pools?: Pools
  /** Until when they may happen, ms from the start. */
  readonly troubledMs: number
  /** When the next controller dies. */
  fuse(): FuseSpec | undefined
}

/**
 * A whole cluster on virtual time: the engine as it is, between a fake queue, fake sites and machines that boot by
 * themselves, with weather in between, and an oracle that watches. What is outside the controller survives its death.
 */
export class World {
  readonly clock = new VirtualClock(startMs)
  readonly sites: readonly string[]
  readonly scheduler: FakeScheduler
  readonly drivers: ReadonlyMap<string, FakeDriver>
  readonly machines: Machines
  readonly weather: Weather
  readonly oracle: Oracle
  readonly adminDrains = new Map<string, string>()
  /** Sites and hosts that are to be empty, by `SITE/HOST`. */
  readonly drains = new Map<string, Drain>()
  /** What happened, a line each. */
  readonly events: string[] = []
  /** How many controllers there have been. */
  controllers = 0
  readonly #options: WorldOptions
  readonly #db: Db
  readonly #store: NodeStore
  readonly #drains: DrainStore
  readonly #phases = new Map<string, string>()
  readonly #paths = new Map<string, Path>()
  readonly #cutSites = new Set<string>()
  readonly #darkAfterCreate: Random
  readonly #cutHosts = new Set<string>()
  #controller: Controller | null = null
  #ids = 0
  #strays = 0
  #lives: readonly NodeRecord[] = []
  #violationsTold = 0

  static async begin(options: WorldOptions): Promise<World> {
    return new World(await openStore(':memory:'), options)
  }

  private constructor(db: Db, options: WorldOptions) {
    this.#db = db
    this.#options = options
    this.#store = new NodeStore(db)
    this.#drains = new DrainStore(db)
    const { random } = options
    this.#darkAfterCreate = random.stream('dark after create')
    const first = this.policy
    this.sites = [...new Set(first.types.map((type) => type.site))]
    const ends = ['head', ...this.sites]
    for (const from of ends) for (const to of ends) if (from !== to) this.#setPath(from, to, {})
    const has = (fault: FaultKind) => this.#has(fault)
    const log = (text: string) => this.log(text)
    const names = first.types.flatMap((type, weight) =>
      Array.from({ length: type.names }, (_, i) => ({
        name: nodeName(type.prefix, i + 1),
        weight,
        features: type.features,
        size: type.size,
      })),
    )
    const { places } = options
    // A scheduler that is to know all nodes is told of most of them only once it runs.
    const known = places === 'scheduler' ? names.filter(({ name }) => name.endsWith('-1')) : names
    const can = {
      registers: places === 'scheduler',
      confines: places === 'causeway',
      mustRegister: random.stream('registration').chance(0.5),
    }
    this.scheduler = new FakeScheduler(known, { nowMs: startMs, times: schedulerTimes, places, ...can })
    this.drivers = new Map(
      this.sites.map((site) => {
        const at = new FakeSite(options.pools?.get(site))
        return [site, new FakeDriver({ site, cluster: 'lab', clock: this.clock, at })]
      }),
    )
    this.weather = new Weather(this.clock, random, has, log)
    this.machines = new Machines({
      clock: this.clock,
      random,
      scheduler: this.scheduler,
      has,
      log,
      isCut: ({ site, host }) => this.#cutSites.has(site) || this.#cutHosts.has(`${site}/${host}`),
      report: (id, report) => {
        void this.#controller?.reports.report(id, tokenFor(id), report).catch((thrown: unknown) => {
          log(`the report ${report.phase} of ${id} is refused: ${(thrown as Error).message}`)
        })
      },
    })
    this.oracle = new Oracle({
      policyAt: (now) => options.policyAt(now),
      scheduler: this.scheduler,
      drivers: this.drivers,
      machines: this.machines,
      drains: this.drains,
      adminDrains: this.adminDrains,
      isAlive: () => this.#controller !== null,
      isCalm: () => this.#controller !== null && this.elapsedMs > options.troubledMs,
      now: () => this.clock.now(),
    })
    const hooks = random.stream('hooks')
    const hook = () => {
      if (hooks.chance(0.4) && has('lost-wakeups')) return
      this.clock.after(hooks.int(5, 50), () => this.#controller?.loop.wake())
    }
    this.scheduler.onResume = (wanted) => {
      log(`the queue wants ${wanted.join(', ')}`)
      hook()
    }
    this.scheduler.onSuspend = hook
    this.clock.after(0, () => this.#beat())
    this.#boot()
  }

  /** The rules that are in force now. */
  get policy(): Policy {
    return this.#options.policyAt(this.clock.now())
  }

  /** Milliseconds since the start. */
  get elapsedMs(): number {
    return this.clock.now() - startMs
  }

  /** The lives that are not gone, as of the last step. */
  get lives(): readonly NodeRecord[] {
    return this.#lives
  }

  get controller(): Controller | null {
    return this.#controller
  }

  log(text: string): void {
    this.events.push(`${(this.elapsedMs / 1000).toFixed(3).padStart(8)} ${text}`)
  }

  /** The next thing happens. */
  async step(): Promise<void> {
    await this.clock.step()
    this.oracle.settle()
    const { violations } = this.oracle
    for (; this.#violationsTold < violations.length; this.#violationsTold++) {
      this.log(`VIOLATION: ${violations[this.#violationsTold]}`)
    }
  }

  /** Whether no machine and no life is left. */
  get isEmpty(): boolean {
    return this.#lives.length === 0 && [...this.drivers.values()].every(({ at }) => at.machines.size === 0)
  }

  /** Every life that there ever was. */
  allLives(): Promise<NodeRecord[]> {
    return this.#store.all()
  }

  /** Nobody gets through to a site or the queue (`queueWay`); `network`: the site's machines are off the network, too. */
  cut(way: string, network = false): void {
    this.log(`${way} can't be reached${network ? ', nor can its machines' : ''}`)
    this.weather.closed.add(way)
    if (!network) return
    this.machines.cut(({ site }) => site === way)
    this.#cutSites.add(way)
  }

  mend(way: string): void {
    if (!this.weather.closed.delete(way)) return
    this.log(`${way} can be reached again`)
    if (this.#cutSites.delete(way)) this.machines.mend(({ site }) => site === way)
  }

  /** A host of a pool can't be read; `network`: its machines are off the network, too. False if it is dark already. */
  darken(site: string, host: string, network = false): boolean {
    const dark = this.drivers.get(site)?.at.dark
    if (!dark || dark.has(host)) return false
    this.log(`${host} of ${site} is dark${network ? ', and its machines are cut off' : ''}`)
    dark.add(host)
    if (!network) return true
    this.machines.cut(isAt(site, host))
    this.#cutHosts.add(`${site}/${host}`)
    return true
  }

  lighten(site: string, host: string): void {
    if (!this.drivers.get(site)?.at.dark.delete(host)) return
    this.log(`${host} of ${site} answers again`)
    if (this.#cutHosts.delete(`${site}/${host}`)) this.machines.mend(isAt(site, host))
  }

  /** All machines of a host lose their power, or vanish with it. */
  loseHost(site: string, host: string, vanishes: boolean): void {
    for (const [id, machine] of this.drivers.get(site)?.at.machines ?? []) {
      if (machine.host === host) this.loseMachine(site, id, vanishes)
    }
  }

  /** A site says that it will take a machine away, and does so then unless it changes its mind. */
  announce(body: Body, inMs: number, changesItsMind: boolean): void {
    const { site, id } = body
    const at = this.drivers.get(site)?.at
    const machine = at?.machines.get(id)
    if (!at || !machine || machine.leaving) return
    this.log(`${site} will take ${id} away`)
    at.announce(id, { atMs: this.clock.now() + inMs, reason: 'somebody pays more' })
    this.oracle.announced(id)
    this.clock.after(changesItsMind ? inMs / 2 : inMs, () => {
      if (at.machines.get(id) !== machine) return
      if (changesItsMind) {
        this.log(`${site} leaves ${id} where it is`)
        delete machine.leaving
      } else this.loseMachine(site, id, true)
    })
  }

  /** An admin takes a site, or a host of it, out of use. False if it is already. */
  drain(site: string, host: string | null): boolean {
    const key = `${site}/${host ?? ''}`
    if (this.drains.has(key)) return false
    this.log(`an admin drains ${host ?? 'all'} of ${site}`)
    const drain = { site, host, reason: 'new roof', sinceMs: this.clock.now() }
    this.drains.set(key, drain)
    void this.#drains.begin(drain).then(() => this.#controller?.loop.wake())
    return true
  }

  undrain(site: string, host: string | null): void {
    if (!this.drains.delete(`${site}/${host ?? ''}`)) return
    this.log(`the admin gives ${host ?? 'all'} of ${site} back`)
    void this.#drains.end(site, host).then(() => this.#controller?.loop.wake())
  }

  /** What is known of the paths between gateways. */
  paths(): readonly Path[] {
    return [...this.#paths.values()]
  }

  /** A path is not what it should be, seen from its beginning. */
  worsen(from: string, to: string, how: Partial<Path>): void {
    this.log(`the path from ${from} to ${to} is ${how.state}${how.loss ? ', and loses packets' : ''}`)
    this.#setPath(from, to, how)
    this.#controller?.loop.wake()
  }

  mendPath(from: string, to: string): void {
    if (this.#paths.get(`${from} ${to}`)?.state !== 'good' || this.#paths.get(`${from} ${to}`)?.loss !== 0)
      this.log(`the path between ${from} and ${to} is well again`)
    this.#setPath(from, to, {})
    this.#setPath(to, from, {})
    this.#controller?.loop.wake()
  }

  #setPath(from: string, to: string, how: Partial<Path>): void {
    this.#paths.set(`${from} ${to}`, { from, to, state: 'good', rttMs: 20, loss: 0, ...how })
  }

  /** A machine loses its power, or vanishes from its site altogether. */
  loseMachine(site: string, id: string, vanishes: boolean): void {
    this.log(`${id} at ${site} ${vanishes ? 'vanishes' : 'loses its power'}`)
    const at = this.drivers.get(site)?.at
    if (vanishes) at?.vanish(id)
    else at?.cutPower(id)
    this.machines.stop(id)
  }

  /** A machine of this cluster that nobody knows: left by a call that came after all, or from a store that was lost. */
  addStray(site: string, name: string): void {
    const spec = machineSpec(`stray-${++this.#strays}`, { name, image: '/images/base' })
    this.log(`${spec.id} is at ${site} as ${spec.name}`)
    const createdAtMs = this.clock.now()
    const at = this.drivers.get(site)?.at
    const place = at?.hosts[0] === undefined ? {} : { host: at.hosts[0] }
    at?.machines.set(spec.id, { spec, createdAtMs, running: true, printed: '', ...place })
    this.oracle.zombies.add(spec.id)
  }

  /** The scheduler starts again from what it had saved. */
  restartScheduler(restore: () => void): void {
    this.log('the scheduler restarts and has forgotten what it was told last')
    restore()
    this.oracle.schedulerRestartedMs = this.clock.now()
    // The admins see to theirs.
    for (const { name, drained, reason } of this.scheduler.peek().nodes) {
      const meant = this.adminDrains.get(name)
      if (meant !== undefined && reason !== meant) this.scheduler.adminDrain(name, meant)
      if (meant === undefined && drained && !reason.startsWith(reasonPrefix)) this.scheduler.adminUndrain(name)
    }
  }

  adminDrain(name: string, reason: string): void {
    this.log(`an admin drains ${name}`)
    this.scheduler.adminDrain(name, reason)
    this.adminDrains.set(name, reason)
  }

  adminUndrain(name: string): void {
    if (!this.adminDrains.delete(name)) return
    this.log(`the admin gives ${name} back`)
    this.scheduler.adminUndrain(name)
  }

  /** A user lets a job go that is held by somebody; Causeway's own holds are no user's business. */
  letGo(id: string): void {
    if (this.scheduler.peek().jobs.find((job) => job.id === id)?.blocked === 'Held') this.scheduler.letGo(id)
  }

  async close(): Promise<void> {
    this.#controller?.fuse.kill()
    await this.#db.destroy()
  }

  /** Whether such a fault may happen now. */
  #has(fault: FaultKind): boolean {
    return this.#options.faults.has(fault) && this.elapsedMs < this.#options.troubledMs
  }

  #boot(): void {
    this.controllers += 1
    const fuse = new Fuse(this.#has('kills') ? this.#options.fuse() : undefined)
    const drivers = new Map(
      [...this.drivers].map(([name, driver]) => [name, this.weather.across(name, this.#nearSide(name, driver, fuse))]),
    )
    const gateways = new Map(
      ['head', ...this.drivers.keys()].map((name) => [
        name,
        this.weather.across(name, { apply: async () => ({ pending: [] }) }),
      ]),
    )
    const outside = {
      db: this.#db,
      nodes: this.oracle.watchStore(this.#store),
      clock: this.clock,
      scheduler: this.oracle.watch(this.weather.across(queueWay, this.scheduler)),
      drivers,
      applyGateway: async (_: unknown, gateway: string) => gateways.get(gateway)?.apply() ?? { pending: [] },
      policyAt: (now: number) => this.#options.policyAt(now),
      newId: () => `id-${++this.#ids}`,
      paths: () => this.paths(),
      drains: async () => withEmptyPools(await this.#drains.all(), (site) => this.#options.pools?.get(site) ?? []),
    }
    const controller = bootController(outside, fuse, pace)
    this.#controller = controller
    void fuse.blown.then(() => this.#mourn(controller))
    controller.loop.start()
  }

  #mourn(dead: Controller): void {
    if (this.#controller !== dead) return
    this.log('the controller dies')
    this.#controller = null
    this.clock.after(this.#options.random.stream(`restart ${this.controllers}`).int(50, 6000), () => {
      this.log('a new controller starts')
      this.#boot()
    })
  }

  /** The site, where what a call of this controller starts begins to live. */
  #nearSide(site: string, driver: FakeDriver, fuse: Fuse): FakeDriver {
    const asked = new WeakSet<object>()
    return new Proxy(driver, {
      get: (target, key) => {
        if (key === 'create') {
          return async (spec: Parameters<FakeDriver['create']>[0]) => {
            // The weather may carry out a call twice: the second time it is no first one.
            const first = spec.first && !asked.has(spec)
            asked.add(spec)
            const machine = await target.create({ ...spec, first })
            if (target.at.twins.delete(spec.id)) this.oracle.twin(spec.id, !fuse.isBlown)
            if (this.machines.bodies.has(spec.id)) return machine
            this.machines.start(site, machine.host, spec.id, spec.name)
            this.oracle.started(site, machine.host, spec.id, !fuse.isBlown)
            this.#mayDarken(site, machine.host)
            return machine
          }
        }
        if (key === 'delete') {
          return async (id: string) => {
            await target.delete(id)
            this.machines.stop(id)
          }
        }
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  /** A host may have made a machine and be gone before it has said so. */
  #mayDarken(site: string, host: string | null): void {
    if (host === null || !this.#has('dark-after-create')) return
    const stream = this.#darkAfterCreate
    if (!stream.chance(0.1) || !this.darken(site, host)) return
    this.clock.after(stream.int(500, 20_000), () => this.lighten(site, host))
    throw new CausewayError('HostUnreachable', `${host} of ${site}: the connection broke before the answer`)
  }

  #beat(): void {
    this.scheduler.tick(this.clock.now() - this.scheduler.nowMs)
    if (this.scheduler.places === 'causeway') this.#forgetDrains()
    void this.#store.live().then((lives) => {
      this.#lives = lives
      this.#tellPhases(lives)
      this.oracle.check(lives)
      this.oracle.checkFindings(this.#controller?.loop.view?.findings ?? [])
    })
    this.clock.after(heartbeatMs, () => this.#beat())
  }

  /** Where Causeway places the jobs, a node that leaves the queue leaves with its drain. */
  #forgetDrains(): void {
    const names = new Set(this.scheduler.peek().nodes.map(({ name }) => name))
    for (const name of this.adminDrains.keys()) if (!names.has(name)) this.adminDrains.delete(name)
  }

  #tellPhases(lives: readonly NodeRecord[]): void {
    const now = new Map(lives.map((life) => [life.id, life]))
    for (const id of this.#phases.keys()) if (!now.has(id)) this.#tell(id, `${id} gone`)
    for (const life of lives) {
      const why = life.phase === 'failed' ? ` ${life.failure?.code}: ${life.failure?.text}` : ''
      this.#tell(life.id, `${life.name} (${life.id}) ${life.phase}${why}`)
    }
    for (const id of this.#phases.keys()) if (!now.has(id)) this.#phases.delete(id)
  }

  #tell(id: string, text: string): void {
    if (this.#phases.get(id) === text) return
    this.#phases.set(id, text)
    this.log(`  -- ${text}`)
  }
}

function isAt(site: string, host: string): (body: Body) => boolean {
  return (body) => body.site === site && body.host === host
}
