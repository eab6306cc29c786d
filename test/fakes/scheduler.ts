import { CausewayError } from '../../src/base/errors.ts'
import type { Blocked, Job, QueueNode, QueueSnapshot, Size } from '../../src/elastic/plan/demand.ts'
import { reasonPrefix, type Scheduler } from '../../src/elastic/scheduler.ts'

/** A cloud node of the fake queue. Lower weight is filled first. */
export interface FakeNodeSpec {
  readonly name: string
  readonly weight?: number
  readonly features?: readonly string[]
}

/** What to submit; defaults: one node for itself, 1 s, any feature, `alice`, no account, queue `batch`, no limit of time. */
export interface FakeJobSpec {
  readonly nodes?: number
  readonly perNode?: Partial<Size>
  readonly exclusive?: boolean
  readonly account?: string
  readonly queue?: string
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
}

/** A call of the port: its name, what it is about, the reason if it has one. */
export interface SchedulerCall {
  readonly call: Exclude<keyof Scheduler, 'kind' | 'places'>
  /** Of nodes; of jobs for `hold` and `release`. */
  readonly names: readonly string[]
  readonly reason: string
}

interface FakeNode {
  readonly name: string
  readonly weight: number
  readonly features: readonly string[]
  power: QueueNode['power']
  /** When the present power state began. */
  sinceMs: number
  /** The machine's daemon runs, whatever the scheduler believes. */
  alive: boolean
  lostAtMs: number
  drained: boolean
  down: boolean
  reason: string
  /** To be powered down when its job has ended. */
  powerDownPending: boolean
  job: FakeJob | null
}

type FakeJob = { -readonly [key in keyof Omit<Job, 'beginAtMs' | 'blocked'>]: Job[key] } & {
  runMs: number
  beginAtMs: number
  heldBy: 'somebody' | 'causeway' | null
}

/**
 * A queue with cloud nodes that behaves as Slurm's does, on virtual time: pending jobs choose nodes by weight, absent ones
 * are asked for (`onResume`), the job starts when all its nodes have registered (`machineUp`). One job has a node for itself.
 *
 * Nothing happens but in `tick`, or in a call that says so. All state can be looked at with `snapshot`.
 */
export class FakeScheduler implements Scheduler {
  readonly kind = 'fake'
  readonly places: 'scheduler' | 'causeway' = 'scheduler'
  readonly calls: SchedulerCall[] = []
  /** ResumeProgram, SuspendProgram and ResumeFailProgram. */
  onResume: (names: readonly string[], jobs: readonly string[]) => void = () => undefined
  onSuspend: (names: readonly string[]) => void = () => undefined
  onResumeFail: (names: readonly string[]) => void = () => undefined
  /** Called first in each call of the port; the error that it returns rejects the call, which then did not happen. */
  fault: (call: SchedulerCall) => CausewayError | undefined = () => undefined
  nowMs: number
  readonly #times: FakeTimes
  readonly #nodes = new Map<string, FakeNode>()
  readonly #jobs: FakeJob[] = []

  constructor(
    nodes: readonly FakeNodeSpec[],
    options: { readonly nowMs?: number; readonly times?: Partial<FakeTimes> } = {},
  ) {
    this.nowMs = options.nowMs ?? 1_000_000_000_000
    this.#times = { suspendMs: 2000, resumeMs: 600_000, silentMs: 60_000, requeueMs: 121_000, ...options.times }
    for (const { name, weight = 1, features = [] } of nodes) {
      this.#nodes.set(name, {
        name,
        weight,
        features,
        power: 'absent',
        sinceMs: this.nowMs,
        alive: false,
        lostAtMs: 0,
        drained: false,
        down: false,
        reason: '',
        powerDownPending: false,
        job: null,
      })
    }
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
      perNode: { cpus: 0, memoryMiB: 0, gpus: 0, ...spec.perNode },
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
      heldBy: spec.held === true ? 'somebody' : null,
    })
    return id
  }

  /** The user takes the job back. */
  cancel(id: string): void {
    const job = this.#jobs.find((candidate) => candidate.id === id)
    if (job && job.state !== 'ended') this.#end(job)
  }

  /** The user or an admin holds a pending job, as may have been done before by somebody else. */
  userHold(id: string): void {
    const job = this.#jobs.find((candidate) => candidate.id === id)
    if (job?.state === 'pending') Object.assign(job, { heldBy: 'somebody', reason: 'JobHeldUser' })
  }

  /** The user or an admin lets a held job go, whoever held it. */
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
    const nodes = [...this.#nodes.values()].map(({ alive: _alive, lostAtMs: _lostAtMs, ...node }) => node)
    const jobs = this.#jobs.map((job) => ({ ...job }))
    return () => {
      for (const job of this.#jobs) {
        const saved = jobs.find((candidate) => candidate.id === job.id)
        if (job.state === 'ended') continue
        if (saved) Object.assign(job, saved, { heldBy: job.heldBy, reason: '' })
        else Object.assign(job, { state: 'pending', reason: '', nodes: [], startedAtMs: null })
      }
      for (const saved of nodes) {
        const node = this.#node(saved.name)
        const job = this.#jobs.find(({ id, state }) => id === saved.job?.id && state !== 'ended') ?? null
        Object.assign(node, saved, { job, lostAtMs: this.nowMs })
        if (node.alive && node.power === 'wanted') this.machineUp(node.name)
      }
    }
  }

  /** The machine's daemon registers. Only a node that is wanted, or was lost and is still expected, takes notice. */
  machineUp(name: string): void {
    const node = this.#node(name)
    node.alive = true
    if (node.power !== 'wanted' && node.power !== 'present') return
    this.#power(node, 'present')
    if (!node.reason.startsWith(reasonPrefix)) node.down = false
  }

  /** The daemon registers after a fresh boot: what ran on the node before is lost. */
  machineRebooted(name: string): void {
    const { job } = this.#node(name)
    if (job?.state === 'running') this.#requeue(job, this.#times.requeueMs)
    this.machineUp(name)
  }

  /** The machine dies without a word. */
  machineLost(name: string): void {
    const node = this.#node(name)
    node.alive = false
    node.lostAtMs = this.nowMs
  }

  adminDrain(name: string, reason: string): void {
    Object.assign(this.#node(name), { drained: true, reason })
  }

  adminUndrain(name: string): void {
    this.#node(name).drained = false
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
    const jobs = this.#jobs.map(({ runMs: _runMs, beginAtMs, heldBy, ...job }) => {
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
      busy: node.job !== null,
      drained: node.drained,
      down: node.down,
      reason: node.drained || node.down ? node.reason : '',
      features: [...node.features],
    }))
    return { jobs, nodes }
  }

  async powerUp(names: readonly string[]): Promise<void> {
    const absent = this.#record('powerUp', names).filter((node) => isFree(node) && node.power === 'absent')
    this.#resume(absent, [])
    this.#complain(names)
  }

  async drain(names: readonly string[], reason: string): Promise<void> {
    for (const node of this.#record('drain', names, reason)) {
      if (!node.drained && !(node.power === 'wanted' && node.job)) drainFor(node, reason)
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
      } else if (node.job) node.powerDownPending = true
      else if (node.power !== 'leaving') this.#leave(node)
    }
    this.#complain(names)
  }

  async fail(names: readonly string[], reason: string): Promise<void> {
    for (const node of this.#record('fail', names, reason)) {
      const admins = node.drained && !isOurs(node) ? node.reason : null
      if (node.job) this.#requeue(node.job, 0)
      if (node.power === 'wanted' || node.power === 'present') this.#leave(node)
      drainFor(node, admins ?? reason, admins !== null)
    }
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

  async reopen(names: readonly string[]): Promise<void> {
    for (const node of this.#record('reopen', names)) {
      if (isOurs(node) && !node.job) this.#free(node)
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

  /** As the real one: what is known was served, then the unknown names are complained about. */
  #complain(names: readonly string[]): void {
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

  /** Powering down forgets our drain and that the node was down; an admin's drain stays. */
  #leave(node: FakeNode): void {
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
    if (node.job) this.#requeue(node.job, this.#times.requeueMs)
    if (node.power !== 'wanted') return
    this.#power(node, 'absent')
    this.onResumeFail([node.name])
  }

  #advance(job: FakeJob): void {
    const nodes = job.nodes.map((name) => this.#node(name))
    if (job.state === 'starting' && nodes.every((node) => node.power === 'present' && node.alive)) {
      job.state = 'running'
      job.startedAtMs = this.nowMs
    }
    const ended = job.state === 'running' && this.nowMs - (job.startedAtMs ?? 0) >= job.runMs
    if (ended && nodes.every((node) => node.alive)) this.#end(job)
  }

  #end(job: FakeJob): void {
    this.#release(job)
    job.state = 'ended'
    job.endedAtMs = this.nowMs
  }

  #requeue(job: FakeJob, delayMs: number): void {
    this.#release(job)
    Object.assign(job, { state: 'pending', nodes: [], startedAtMs: null, beginAtMs: this.nowMs + delayMs })
  }

  #release(job: FakeJob): void {
    for (const node of this.#nodes.values()) {
      if (node.job !== job) continue
      node.job = null
      if (node.powerDownPending) this.#leave(node)
    }
  }

  #place(): void {
    for (const job of this.#jobs) {
      if (job.state !== 'pending' || job.heldBy !== null || job.beginAtMs > this.nowMs) continue
      const wishes = job.features.split('&').filter(Boolean)
      const chosen = [...this.#nodes.values()]
        .filter((node) => isFree(node) && wishes.every((wish) => node.features.includes(wish)))
        .sort((a, b) => a.weight - b.weight || Number(a.power === 'absent') - Number(b.power === 'absent'))
        .slice(0, job.nodeCount)
      if (chosen.length < job.nodeCount) {
        job.reason = 'Resources'
        continue
      }
      Object.assign(job, { state: 'starting', reason: '', nodes: chosen.map((node) => node.name) })
      for (const node of chosen) node.job = job
      const absent = chosen.filter((node) => node.power === 'absent')
      this.#resume(absent, [job.id])
      this.#advance(job)
    }
  }
}

/** May be picked for a job. */
function isFree(node: FakeNode): boolean {
  const there =
    node.power === 'absent' || (node.power === 'wanted' && !node.job) || (node.power === 'present' && node.alive)
  return there && !node.job && !node.drained && !node.down && !node.powerDownPending
}

function isOurs(node: FakeNode): boolean {
  return (node.drained || node.down) && node.reason.startsWith(reasonPrefix)
}

function drainFor(node: FakeNode, reason: string, verbatim = false): void {
  node.drained = true
  node.reason = verbatim || reason.startsWith(reasonPrefix) ? reason : `${reasonPrefix} ${reason}`
}
