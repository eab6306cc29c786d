import { CausewayError } from '../../src/base/errors.ts'
import type { Blocked, QueueNode, QueueSnapshot, Size } from '../../src/elastic/plan/demand.ts'
import {
  type Capabilities,
  defaultCapabilities,
  type Registration,
  reasonPrefix,
  type Scheduler,
} from '../../src/elastic/scheduler.ts'
import {
  byPreference,
  drainFor,
  type FakeJob,
  type FakeNode,
  type FakeNodeSpec,
  hasRoom,
  isOurs,
  isUsable,
  makeNode,
} from './scheduler-node.ts'

export type { FakeNodeSpec } from './scheduler-node.ts'

/**
 * What to submit; defaults: one node for itself, of which it needs one CPU, 1 s, any feature, `alice`, no account, queue `batch`,
 * no limit of time.
 */
export interface FakeJobSpec {
  readonly nodes?: number
  readonly perNode?: Partial<Size>
  readonly exclusive?: boolean
  readonly account?: string
  readonly queue?: string
  /** It is ended after so long, whatever `runMs` is. */
  readonly wallMs?: number | null
  readonly runMs?: number
  /** `''`, or features joined by `&`. */
  readonly features?: string
  readonly user?: string
  readonly name?: string
  readonly held?: boolean
}

/** Times of the modelled scheduler, ms. */
export interface FakeTimes {
  /** From power-down until a node can be asked for again. */
  readonly suspendMs: number
  /** Until a wanted node that did not come is given up by the scheduler itself. */
  readonly resumeMs: number
  /** Until a silent node is down. */
  readonly silentMs: number
  /** How long a job that lost its node waits, unless `fail` said that it need not. */
  readonly requeueMs: number
  /** From a machine's reboot until the scheduler misses the jobs that ran there. Default 0; Slurm takes minutes. */
  readonly missedMs: number
}

/** A call of the port: its name, what it is about, the reason if it has one. */
export interface SchedulerCall {
  readonly call: Exclude<keyof Scheduler, 'kind' | 'capabilities'>
  /** Of nodes; of jobs for `hold`, `release`, `confine` and `explain`. */
  readonly names: readonly string[]
  readonly reason: string
}

/** What a fake queue is like. */
export interface FakeOptions {
  readonly nowMs?: number
  readonly times?: Partial<FakeTimes>
  /** Default `scheduler`. */
  readonly places?: Capabilities['places']
  /** Default false, both. */
  readonly registers?: boolean
  readonly confines?: boolean
  /**
   * Whether machines that a restarted scheduler takes for still awaited register again by themselves. Default true; with Slurm they
   * do not, and the node stays wanted until it is powered down, failed or given up.
   */
  readonly reregisters?: boolean
  /** With `places: 'causeway'`: whether a daemon is turned away unless its node was registered, as Grid Engine does. Default false. */
  readonly mustRegister?: boolean
  /** With `places: 'causeway'`, for nodes that were not named beforehand: what a machine of this name is. */
  readonly resolve?: (name: string) => Omit<FakeNodeSpec, 'name'>
}

/**
 * A queue on virtual time, in either of two ways. With `places: 'scheduler'` it behaves as Slurm with cloud nodes: pending jobs
 * choose nodes by weight, absent ones are asked for (`onResume`), and the job starts when all its nodes have registered
 * (`machineUp`). With `places: 'causeway'` there are only nodes whose machines have registered, and no hook asks for any; those
 * given beforehand, and `resolve`, say what a machine is like. Jobs are looked at in the order of their submission, and a later
 * one may go first if it fits where an earlier one does not. Jobs that are not exclusive share a node as far as its size goes.
 *
 * Nothing happens but in `tick`, or in a call that says so. All state can be looked at with `snapshot`.
 */
export class FakeScheduler implements Scheduler {
  readonly kind = 'fake'
  readonly capabilities: Capabilities
  /** What was last said of each job. */
  readonly explained = new Map<string, string>()
  readonly calls: SchedulerCall[] = []
  /** ResumeProgram, SuspendProgram and ResumeFailProgram. */
  onResume: (names: readonly string[], jobs: readonly string[]) => void = () => undefined
  onSuspend: (names: readonly string[]) => void = () => undefined
  onResumeFail: (names: readonly string[]) => void = () => undefined
  /** Called first in each call of the port; the error that it returns rejects the call, which then did not happen. */
  fault: (call: SchedulerCall) => CausewayError | undefined = () => undefined
  nowMs: number
  readonly #times: FakeTimes
  readonly #reregisters: boolean
  readonly #mustRegister: boolean
  readonly #resolve: (name: string) => Omit<FakeNodeSpec, 'name'>
  readonly #nodes = new Map<string, FakeNode>()
  /** With `places: 'causeway'`: what was said of nodes before their machines. */
  readonly #registered = new Map<string, FakeNodeSpec>()
  readonly #jobs: FakeJob[] = []

  constructor(nodes: readonly FakeNodeSpec[], options: FakeOptions = {}) {
    this.nowMs = options.nowMs ?? 1_000_000_000_000
    const { places = 'scheduler', registers = false, confines = false } = options
    this.capabilities = { ...defaultCapabilities, places, registers, confines }
    this.#mustRegister = options.mustRegister ?? false
    this.#reregisters = options.reregisters ?? true
    this.#times = {
      suspendMs: 2000,
      resumeMs: 600_000,
      silentMs: 60_000,
      requeueMs: 121_000,
      missedMs: 0,
      ...options.times,
    }
    const specs = new Map(nodes.map((spec) => [spec.name, spec]))
    this.#resolve = (name) => specs.get(name) ?? options.resolve?.(name) ?? {}
    if (this.places === 'causeway') return
    for (const spec of nodes) this.#nodes.set(spec.name, makeNode(spec, 'absent', this.nowMs))
  }

  get places(): Capabilities['places'] {
    return this.capabilities.places
  }

  /** Submits a job and returns its id. It is looked at in the next `tick`. */
  submit(spec: FakeJobSpec = {}): string {
    const id = String(this.#jobs.length + 1)
    this.#jobs.push({
      id,
      name: spec.name ?? `job${id}`,
      user: spec.user ?? 'alice',
      account: spec.account ?? '',
      partition: spec.queue ?? 'batch',
      state: 'pending',
      reason: spec.held === true ? 'JobHeldUser' : '',
      nodeCount: spec.nodes ?? 1,
      perNode: { cpus: 1, memoryMiB: 0, gpus: 0, ...spec.perNode },
      tasksPerNode: null,
      exclusive: spec.exclusive ?? true,
      wallMs: spec.wallMs ?? null,
      dependency: '',
      licences: '',
      features: spec.features ?? '',
      nodes: [],
      count: 1,
      submittedAtMs: this.nowMs,
      startedAtMs: null,
      endedAtMs: null,
      runMs: spec.runMs ?? 1000,
      beginAtMs: this.nowMs,
      missedAtMs: null,
      heldBy: spec.held === true ? 'somebody' : null,
    })
    return id
  }

  /** The user takes the job back. */
  cancel(id: string): void {
    const job = this.#jobs.find((candidate) => candidate.id === id)
    if (job && job.state !== 'ended') this.#end(job)
  }

  /** The user holds a pending job; one that is held already stays held by whoever did it. */
  userHold(id: string): void {
    const job = this.#jobs.find((candidate) => candidate.id === id)
    if (job?.state === 'pending' && job.heldBy === null)
      Object.assign(job, { heldBy: 'somebody', reason: 'JobHeldUser' })
  }

  /** An admin, or the user who held it, lets a job go. */
  letGo(id: string): void {
    const job = this.#jobs.find((candidate) => candidate.id === id)
    if (job) Object.assign(job, { heldBy: null, reason: '' })
  }

  /**
   * What the scheduler has saved by now, as a function that starts it again from there: it has then forgotten what it was
   * told since, about nodes and about jobs. Jobs that were submitted, let go or have ended since are made good: users and
   * daemons know of them.
   */
  checkpoint(): () => void {
    const nodes = [...this.#nodes.values()].map(({ alive: _alive, lostAtMs: _lostAtMs, ...node }) => ({
      ...node,
      jobs: [...node.jobs],
    }))
    const jobs = new Map(this.#jobs.map((job) => [job.id, { ...job }]))
    return () => {
      for (const job of this.#jobs) {
        const saved = jobs.get(job.id)
        if (job.state === 'ended') continue
        if (saved) Object.assign(job, saved, { heldBy: restoredHold(saved, job), reason: '' })
        else
          Object.assign(job, {
            state: 'pending',
            reason: '',
            nodes: [],
            startedAtMs: null,
            heldBy: restoredHold(null, job),
          })
      }
      const before = new Map(this.#nodes)
      this.#nodes.clear()
      for (const saved of nodes) {
        const alive = before.get(saved.name)?.alive ?? false
        const held = saved.jobs.filter((job) => job.state !== 'ended')
        this.#nodes.set(saved.name, { ...saved, jobs: held, alive, lostAtMs: this.nowMs })
        if (alive && saved.power === 'wanted' && this.#reregisters) this.machineUp(saved.name)
      }
      if (this.places === 'scheduler') return
      for (const { name, alive, weight, features, size } of before.values()) {
        if (alive && !this.#nodes.has(name)) this.machineUp(name, { weight, features, size })
      }
    }
  }

  /**
   * The machine's daemon registers. Where the scheduler knows absent nodes, only one that is wanted, or was lost and is still
   * expected, takes notice; else the node is there from now on, as `spec` says.
   */
  machineUp(name: string, spec?: Omit<FakeNodeSpec, 'name'>): void {
    if (this.places === 'causeway' && !this.#nodes.has(name)) {
      if (this.#mustRegister && !this.#registered.has(name)) return
      this.#nodes.set(
        name,
        makeNode({ ...this.#resolve(name), ...this.#registered.get(name), ...spec, name }, 'present', this.nowMs),
      )
    }
    const node = this.#node(name)
    node.alive = true
    if (node.power !== 'wanted' && node.power !== 'present') return
    this.#power(node, 'present')
    if (!node.reason.startsWith(reasonPrefix)) node.down = false
  }

  /** The daemon registers after a fresh boot: what ran on the node before is lost, which the scheduler finds out in `missedMs`. */
  machineRebooted(name: string): void {
    for (const job of this.#nodes.get(name)?.jobs ?? []) {
      if (job.state === 'running') job.missedAtMs = this.nowMs + this.#times.missedMs
      this.#advance(job)
    }
    this.machineUp(name)
  }

  /** The machine dies without a word. */
  machineLost(name: string): void {
    const node = this.places === 'causeway' ? this.#nodes.get(name) : this.#node(name)
    if (node) Object.assign(node, { alive: false, lostAtMs: this.nowMs })
  }

  adminDrain(name: string, reason: string): void {
    Object.assign(this.#node(name), { drained: true, reason })
  }

  adminUndrain(name: string): void {
    const node = this.places === 'causeway' ? this.#nodes.get(name) : this.#node(name)
    if (node) node.drained = false
  }

  /** Lets virtual time pass, a step of at most 100 ms at a time, and places jobs at each. */
  tick(ms = 0): void {
    const end = this.nowMs + ms
    do {
      this.nowMs = Math.min(end, this.nowMs + 100)
      for (const node of this.#nodes.values()) this.#age(node)
      for (const job of this.#jobs) this.#advance(job)
      this.#place()
    } while (this.nowMs < end)
  }

  async snapshot(): Promise<QueueSnapshot> {
    this.#record('snapshot', [])
    return this.peek()
  }

  /** The queue as it is, without a call of the port. */
  peek(): QueueSnapshot {
    const jobs = this.#jobs.map(({ runMs: _runMs, missedAtMs: _missedAtMs, beginAtMs, heldBy, ...job }) => {
      const pending = job.state === 'pending'
      const delayed = pending && beginAtMs > this.nowMs
      let blocked: Blocked | null = null
      if (pending && heldBy !== null) blocked = heldBy === 'causeway' ? 'HeldByCauseway' : 'Held'
      else if (delayed) blocked = 'BeginTime'
      const reason = blocked === 'BeginTime' ? 'BeginTime' : job.reason
      return { ...job, reason, blocked, beginAtMs: delayed ? beginAtMs : null, nodes: [...job.nodes] }
    })
    const nodes = [...this.#nodes.values()].map((node) => ({
      name: node.name,
      power: node.power,
      responding: node.alive && (node.power === 'present' || node.power === 'leaving'),
      busy: node.jobs.length > 0,
      drained: node.drained,
      down: node.down,
      reason: node.drained || node.down ? node.reason : '',
      features: [...node.features],
    }))
    return { jobs, nodes }
  }

  async powerUp(names: readonly string[]): Promise<void> {
    const absent = this.#record('powerUp', names).filter((node) => isUsable(node) && node.power === 'absent')
    this.#resume(absent, [])
    this.#complain(names)
  }

  async drain(names: readonly string[], reason: string): Promise<void> {
    for (const node of this.#record('drain', names, reason)) {
      if (!node.drained && !(node.power === 'wanted' && node.jobs.length > 0)) drainFor(node, reason)
    }
    this.#complain(names)
  }

  async cancelDrain(names: readonly string[]): Promise<void> {
    for (const node of this.#record('cancelDrain', names)) {
      if (isOurs(node)) node.drained = false
    }
    this.#complain(names)
  }

  async powerDown(names: readonly string[]): Promise<void> {
    for (const node of this.#record('powerDown', names)) {
      if (node.power === 'absent') {
        if (isOurs(node)) this.#free(node)
      } else if (node.jobs.length > 0) node.powerDownPending = true
      else if (node.power !== 'leaving') this.#leave(node)
    }
    this.#forget(names)
    this.#complain(names)
  }

  async fail(names: readonly string[], reason: string): Promise<void> {
    for (const node of this.#record('fail', names, reason)) {
      const admins = node.drained && !isOurs(node) ? node.reason : null
      for (const job of node.jobs) this.#requeue(job, 0)
      if (node.power === 'wanted' || node.power === 'present') this.#leave(node)
      drainFor(node, admins ?? reason, admins !== null)
    }
    this.#forget(names)
    this.#complain(names)
  }

  async close(names: readonly string[], reason: string): Promise<void> {
    for (const node of this.#record('close', names, reason)) {
      if (node.power === 'absent' && !node.drained) drainFor(node, reason)
    }
    this.#complain(names)
  }

  async hold(jobs: readonly string[], reason: string): Promise<void> {
    this.#record('hold', jobs, reason)
    for (const job of this.#jobs) {
      if (!jobs.includes(job.id) || job.state !== 'pending' || job.heldBy !== null) continue
      Object.assign(job, { heldBy: 'causeway', reason: 'JobHeldAdmin' })
    }
  }

  async release(jobs: readonly string[]): Promise<void> {
    this.#record('release', jobs)
    for (const job of this.#jobs) {
      if (jobs.includes(job.id) && job.heldBy === 'causeway') Object.assign(job, { heldBy: null, reason: '' })
    }
  }

  async register(nodes: readonly Registration[]): Promise<void> {
    this.#record(
      'register',
      nodes.map(({ name }) => name),
    )
    for (const { name, rank, features, size } of nodes) {
      const known = this.#nodes.get(name)
      if (known) {
        Object.assign(known, { features, weight: rank })
        continue
      }
      const spec = { name, weight: rank, features, size }
      if (this.places === 'scheduler') this.#nodes.set(name, makeNode(spec, 'absent', this.nowMs))
      else this.#registered.set(name, spec)
    }
  }

  async confine(jobs: readonly string[], site: string): Promise<void> {
    this.#record('confine', jobs)
    if (!this.capabilities.confines) return
    for (const job of this.#jobs) if (jobs.includes(job.id) && job.state === 'pending') job.confinedTo = site
  }

  async explain(texts: ReadonlyMap<string, string>): Promise<void> {
    this.#record('explain', [...texts.keys()])
    for (const job of this.#jobs) {
      const text = texts.get(job.id)
      if (text !== undefined && job.state !== 'ended') this.explained.set(job.id, text)
    }
  }

  async reopen(names: readonly string[]): Promise<void> {
    for (const node of this.#record('reopen', names)) {
      if (isOurs(node) && node.jobs.length === 0) this.#free(node)
    }
    this.#complain(names)
  }

  #record(call: SchedulerCall['call'], names: readonly string[], reason = ''): FakeNode[] {
    const record = { call, names: [...names], reason }
    this.calls.push(record)
    const error = this.fault(record)
    if (error) throw error
    return [...new Set(names)].flatMap((name) => this.#nodes.get(name) ?? [])
  }

  /** Registrations of nodes whose daemons never came. */
  #forget(names: readonly string[]): void {
    for (const name of names) if (!this.#nodes.has(name)) this.#registered.delete(name)
  }

  /** As the real one: what is known was served, then the unknown names are complained about. */
  #complain(names: readonly string[]): void {
    if (this.places === 'causeway') return
    const unknown = names.filter((name) => !this.#nodes.has(name))
    if (unknown.length > 0) throw new CausewayError('NotFound', `the queue knows no node ${unknown.join(', ')}`)
  }

  #node(name: string): FakeNode {
    const node = this.#nodes.get(name)
    if (!node) throw new Error(`the fake queue has no node ${name}`)
    return node
  }

  #power(node: FakeNode, power: QueueNode['power']): void {
    node.power = power
    node.sinceMs = this.nowMs
  }

  #free(node: FakeNode): void {
    node.drained = false
    node.down = false
  }

  /** Powering down forgets our drain and that the node was down; an admin's drain stays. With Causeway placing, the node is forgotten whole. */
  #leave(node: FakeNode): void {
    if (this.places === 'causeway') {
      this.#nodes.delete(node.name)
      this.#registered.delete(node.name)
      return
    }
    if (isOurs(node)) node.drained = false
    node.down = false
    node.powerDownPending = false
    this.#power(node, 'leaving')
    this.onSuspend([node.name])
  }

  #resume(nodes: readonly FakeNode[], jobs: readonly string[]): void {
    if (nodes.length === 0) return
    for (const node of nodes) this.#power(node, 'wanted')
    this.onResume(
      nodes.map((node) => node.name),
      jobs,
    )
  }

  #age(node: FakeNode): void {
    const forMs = this.nowMs - node.sinceMs
    if (node.power === 'leaving' && forMs >= this.#times.suspendMs) this.#power(node, 'absent')
    if (node.power === 'wanted' && forMs >= this.#times.resumeMs) this.#breakDown(node, 'ResumeTimeout reached')
    const silentMs = this.nowMs - node.lostAtMs
    if (node.power === 'present' && !node.alive && !node.down && silentMs >= this.#times.silentMs) {
      this.#breakDown(node, 'Not responding')
    }
  }

  #breakDown(node: FakeNode, reason: string): void {
    Object.assign(node, { down: true, reason: node.drained ? node.reason : reason })
    for (const job of node.jobs) this.#requeue(job, this.#times.requeueMs)
    if (node.power !== 'wanted') return
    this.#power(node, 'absent')
    this.onResumeFail([node.name])
  }

  #advance(job: FakeJob): void {
    // Of a job that has ended the nodes may be forgotten.
    if (job.state === 'ended') return
    const nodes = job.nodes.map((name) => this.#node(name))
    if (job.state === 'starting' && nodes.every((node) => node.power === 'present' && node.alive)) {
      job.state = 'running'
      job.startedAtMs = this.nowMs
    }
    if (job.missedAtMs !== null) {
      if (this.nowMs >= job.missedAtMs) this.#requeue(job, this.#times.requeueMs)
      return
    }
    const runMs = Math.min(job.runMs, job.wallMs ?? Infinity)
    const ended = job.state === 'running' && this.nowMs - (job.startedAtMs ?? 0) >= runMs
    if (ended && nodes.every((node) => node.alive)) this.#end(job)
  }

  #end(job: FakeJob): void {
    this.#release(job)
    job.state = 'ended'
    job.endedAtMs = this.nowMs
  }

  #requeue(job: FakeJob, delayMs: number): void {
    this.#release(job)
    Object.assign(job, {
      state: 'pending',
      nodes: [],
      startedAtMs: null,
      missedAtMs: null,
      beginAtMs: this.nowMs + delayMs,
    })
  }

  #release(job: FakeJob): void {
    for (const node of this.#nodes.values()) {
      if (!node.jobs.includes(job)) continue
      node.jobs = node.jobs.filter((other) => other !== job)
      if (node.jobs.length === 0 && node.powerDownPending) this.#leave(node)
    }
  }

  #place(): void {
    for (const job of this.#jobs) {
      if (job.state !== 'pending' || job.heldBy !== null || job.beginAtMs > this.nowMs) continue
      const chosen = [...this.#nodes.values()]
        .filter((node) => isUsable(node) && hasRoom(node, job))
        .sort(byPreference)
        .slice(0, job.nodeCount)
      if (chosen.length < job.nodeCount) {
        job.reason = 'Resources'
        continue
      }
      Object.assign(job, { state: 'starting', reason: '', nodes: chosen.map((node) => node.name) })
      for (const node of chosen) node.jobs.push(job)
      const absent = chosen.filter((node) => node.power === 'absent')
      this.#resume(absent, [job.id])
      this.#advance(job)
    }
  }
}

/** What a restarted scheduler remembers of holds: not those of Causeway since, nor their ends; users and admins say theirs again. */
function restoredHold(saved: FakeJob | null, now: FakeJob): FakeJob['heldBy'] {
  if (saved?.heldBy === 'causeway') return 'causeway'
  return now.heldBy === 'causeway' ? null : now.heldBy
}
