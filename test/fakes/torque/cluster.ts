import { type FakeMom, type FakeTorqueJob, type FakeTorqueNode, type FakeTorqueState, idOf, partsOf } from './model.ts'

/** Times of the modelled Torque, ms of its own clock. */
export interface FakeTorqueTimes {
  /** From a node's making until the other daemons know of it. */
  readonly announceMs: number
  /** Between two looks of pbs_sched, beside those at submissions and ends. */
  readonly iterationMs: number
  /** Between two reports of a daemon. */
  readonly reportMs: number
  /** From a daemon's last report until pbs_server notices that it is dead. */
  readonly noticeMs: number
}

/** pbs_server refused a request. */
export class Refusal extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** What to submit: what `qsub` was asked for. */
export interface Submission {
  readonly user: string
  readonly name: string
  readonly resources: ReadonlyMap<string, string>
  readonly runMs: number
  readonly array: { readonly indexes: readonly number[]; readonly limit: number } | null
  readonly holds: readonly ('u' | 'o' | 's')[]
  readonly variables: string
  readonly exclusive: boolean
  readonly rerunnable: boolean
  readonly depend: string
  readonly x: string
  readonly beginAtMs: number | null
}

/**
 * A Torque 6 with pbs_sched on virtual time, as far as its commands show it. Nothing happens but in `tick` and in a call that says
 * so. It has the traps of the real one: a new node is offline and unannounced for a while, a daemon that starts before that is a stranger
 * to the others for good, a dead daemon's node stays `free` until somebody needs it or minutes have passed, jobs that are larger than
 * the cluster are refused at submission unless they were let in, and a job that waits is looked at again once in a while only.
 */
export class FakeTorque {
  readonly server: string
  nowMs: number
  /** pbs_server does not answer. */
  away = false
  readonly #times: FakeTorqueTimes
  readonly #moms = new Map<string, FakeMom>()
  #state: FakeTorqueState = { nodes: [], jobs: [], nextNumber: 1, settings: new Map() }
  #nextLookMs: number
  #boots = 0

  constructor(options: { server?: string; nowMs?: number; times?: Partial<FakeTorqueTimes> } = {}) {
    this.server = options.server ?? 'head'
    this.nowMs = options.nowMs ?? 1_800_000_000_000
    this.#times = { announceMs: 12_000, iterationMs: 5000, reportMs: 45_000, noticeMs: 600_000, ...options.times }
    this.#nextLookMs = this.nowMs
    for (const [name, value] of Object.entries({
      'queue batch queue_type': 'Execution',
      'queue batch resources_default.nodes': '1',
      'queue batch enabled': 'True',
      'queue batch started': 'True',
      'server scheduling': 'True',
      'server default_queue': 'batch',
    })) {
      this.settings.set(name, value)
    }
  }

  get nodes(): readonly FakeTorqueNode[] {
    return this.#state.nodes
  }

  get jobs(): readonly FakeTorqueJob[] {
    return this.#state.jobs
  }

  get settings(): Map<string, string> {
    return this.#state.settings
  }

  // --- The machines ---------------------------------------------------------------------------------------------------

  /** A machine boots and starts its pbs_mom. */
  momUp(name: string): void {
    const node = this.#state.nodes.find((candidate) => candidate.name === name)
    this.#moms.set(name, { alive: true, boot: ++this.#boots, stranger: !node || !this.isAnnounced(node) })
    if (node) this.#report(node)
    this.tick()
  }

  /** The machine dies without a word. */
  momLost(name: string): void {
    const mom = this.#moms.get(name)
    if (mom) mom.alive = false
  }

  isAnnounced(node: FakeTorqueNode): boolean {
    return this.nowMs - node.createdAtMs >= this.#times.announceMs
  }

  // --- Time -----------------------------------------------------------------------------------------------------------

  /** Lets virtual time pass, a step of at most 100 ms at a time. */
  tick(ms = 0): void {
    const end = this.nowMs + ms
    do {
      this.nowMs = Math.min(end, this.nowMs + 100)
      for (const node of this.nodes) this.#age(node)
      for (const job of this.jobs) this.#advance(job)
      if (this.nowMs >= this.#nextLookMs) this.#look()
    } while (this.nowMs < end)
  }

  /** What pbs_server has saved, as a function that starts it again from there. Machines go on as they were. */
  checkpoint(): () => void {
    const saved = structuredClone(this.#state)
    return () => {
      this.#state = structuredClone(saved)
      for (const node of this.nodes) if (this.#moms.get(node.name)?.alive) this.#report(node)
    }
  }

  // --- Requests -------------------------------------------------------------------------------------------------------

  /** @throws Refusal for a job that could not run even if all nodes were free, down and offline ones included */
  submit(wish: Submission): string {
    const resources = new Map(wish.resources)
    if (!resources.has('nodes') && !resources.has('procs')) resources.set('nodes', '1')
    const parts = resources.has('nodes') ? partsOf(resources.get('nodes') ?? '') : []
    const count = parts.reduce((sum, part) => sum + part.count, 0)
    const allowed = Number(this.settings.get('server resources_available.nodect') ?? this.nodes.length)
    const widest = Math.max(0, ...this.nodes.map((node) => node.np))
    if (count > allowed || parts.some((part) => part.ppn > widest)) {
      throw new Refusal(188, 'Job exceeds queue resource limits MSG=cannot locate feasible nodes')
    }
    resources.set('nodect', String(Math.max(1, count)))
    const number = this.#state.nextNumber++
    for (const index of wish.array?.indexes ?? [null]) {
      const { user, runMs, variables, exclusive, rerunnable, depend, x, beginAtMs } = wish
      const name = index === null ? wish.name : `${wish.name}-${index}`
      this.#state.jobs.push({
        number,
        index,
        user,
        name,
        queue: 'batch',
        runMs,
        variables,
        exclusive,
        rerunnable,
        depend,
        x,
        beginAtMs,
        resources: new Map(resources),
        state: 'Q',
        holds: new Set(depend === '' ? wish.holds : [...wish.holds, 's']),
        comment: '',
        submittedAtMs: this.nowMs,
        startedAtMs: null,
        endedAtMs: null,
        hosts: [],
        boots: [],
        requeuedAtMs: null,
      })
    }
    if (wish.array) {
      const limited = this.jobs.filter((job) => job.number === number).slice(wish.array.limit)
      for (const job of limited) job.holds.add('l')
    }
    for (const job of this.jobs) if (job.number === number) this.#evaluate(job)
    this.#nextLookMs = Math.min(this.#nextLookMs, this.nowMs + 300)
    return wish.array ? `${number}[].${this.server}` : `${number}.${this.server}`
  }

  job(id: string): FakeTorqueJob {
    const bare = id.endsWith(`.${this.server}`) ? id.slice(0, -this.server.length - 1) : id
    const job = this.jobs.find((candidate) => idOf(candidate) === bare)
    if (!job) throw new Refusal(153, `Unknown Job Id Error ${bare}.${this.server}`)
    return job
  }

  node(name: string): FakeTorqueNode {
    const node = this.nodes.find((candidate) => candidate.name === name)
    if (!node) throw new Refusal(1, 'Unknown node  MSG=cannot locate specified node')
    return node
  }

  createNode(name: string): void {
    if (this.nodes.some((node) => node.name === name)) throw new Refusal(1, 'Node already exists')
    if (name.startsWith('unresolvable')) throw new Refusal(1, `cannot resolve name of node ${name}`)
    this.#state.nodes.push({
      name,
      np: 1,
      gpus: 0,
      properties: [],
      note: '',
      offline: false,
      createdAtMs: this.nowMs,
      reportedAtMs: null,
      foundDead: false,
    })
  }

  deleteNode(name: string): void {
    const node = this.node(name)
    if (this.jobsOn(name).length > 0) throw new Refusal(1, 'Node is in use')
    this.#state.nodes.splice(this.#state.nodes.indexOf(node), 1)
  }

  hold(id: string, letters: readonly ('u' | 'o' | 's')[]): void {
    const job = this.job(id)
    if (job.state === 'C') throw new Refusal(170, `Request invalid for state of job ${idOf(job, this.server)}`)
    for (const letter of letters) job.holds.add(letter)
    this.#evaluate(job)
  }

  letGo(id: string, letters: readonly ('u' | 'o' | 's')[]): void {
    const job = this.job(id)
    for (const letter of letters) job.holds.delete(letter)
    this.#evaluate(job)
    this.#nextLookMs = Math.min(this.#nextLookMs, this.nowMs + 300)
  }

  alter(id: string, what: { readonly resources?: ReadonlyMap<string, string>; readonly comment?: string }): void {
    const job = this.job(id)
    if (job.state === 'C') throw new Refusal(170, `Request invalid for state of job ${idOf(job, this.server)}`)
    if (what.resources && job.state === 'R') {
      throw new Refusal(172, `Cannot modify attribute while job running  Resource_List.nodes ${idOf(job, this.server)}`)
    }
    for (const [name, value] of what.resources ?? []) job.resources.set(name, value)
    if (what.comment !== undefined) job.comment = what.comment
  }

  rerun(id: string, force: boolean): void {
    const job = this.job(id)
    if (job.state !== 'R' && job.state !== 'E') {
      throw new Refusal(170, `Request invalid for state of job ${idOf(job, this.server)}`)
    }
    if (!job.rerunnable) throw new Refusal(171, `Job is not rerunnable ${idOf(job, this.server)}`)
    const first = job.hosts[0]
    const mom = first && this.#moms.get(first.name)
    // The daemon is asked to kill it first, which takes a moment; one that does not answer or knows no such job is passed over by force.
    if (mom?.alive && mom.boot === job.boots[0]) job.requeuedAtMs = this.nowMs + 500
    else if (force) this.#requeue(job)
    else throw new Refusal(176, `Cannot contact MOM ${idOf(job, this.server)}`)
  }

  /** @param purge whatever the daemon says */
  remove(id: string, purge: boolean): void {
    const job = this.job(id)
    if (job.state === 'C') throw new Refusal(170, `Request invalid for state of job ${idOf(job, this.server)}`)
    const first = job.hosts[0]
    if (job.state === 'R' && !purge && first && !this.#moms.get(first.name)?.alive) return
    this.#end(job)
  }

  jobsOn(name: string): FakeTorqueJob[] {
    return this.jobs.filter((job) => job.state !== 'C' && job.hosts.some((host) => host.name === name))
  }

  // --- What happens by itself -----------------------------------------------------------------------------------------

  #report(node: FakeTorqueNode): void {
    node.reportedAtMs = this.nowMs
    node.foundDead = false
  }

  #age(node: FakeTorqueNode): void {
    const sinceMs = this.nowMs - (node.reportedAtMs ?? 0)
    if (this.#moms.get(node.name)?.alive) {
      if (node.reportedAtMs === null || sinceMs >= this.#times.reportMs) this.#report(node)
    } else if (sinceMs >= this.#times.noticeMs) node.foundDead = true
  }

  #advance(job: FakeTorqueJob): void {
    if (job.state === 'W') this.#evaluate(job)
    if (job.requeuedAtMs !== null && this.nowMs >= job.requeuedAtMs) this.#requeue(job)
    if (job.state !== 'R' || this.nowMs - (job.startedAtMs ?? 0) < job.runMs) return
    const moms = job.hosts.map((host) => this.#moms.get(host.name))
    const live = moms.every((mom, k) => mom?.alive && mom.boot === job.boots[k])
    const hangs = moms.length > 1 && moms.some((mom) => mom?.stranger)
    if (live && !hangs) this.#end(job)
  }

  #end(job: FakeTorqueJob): void {
    Object.assign(job, { state: 'C', endedAtMs: this.nowMs, requeuedAtMs: null })
    for (const other of this.jobs) {
      const waits = other.depend.split(':').some((word) => word.split('.')[0] === idOf(job))
      if (waits && other.state === 'H' && other.holds.delete('s')) this.#evaluate(other)
    }
    const next = this.jobs.find((other) => other.number === job.number && other.holds.has('l'))
    if (next) {
      next.holds.delete('l')
      this.#evaluate(next)
    }
    this.#nextLookMs = Math.min(this.#nextLookMs, this.nowMs + 300)
  }

  #requeue(job: FakeTorqueJob): void {
    Object.assign(job, { state: 'Q', hosts: [], boots: [], startedAtMs: null, requeuedAtMs: null })
    this.#evaluate(job)
  }

  #evaluate(job: FakeTorqueJob): void {
    if (job.state === 'R' || job.state === 'E' || job.state === 'C') return
    if (job.holds.size > 0) job.state = 'H'
    else job.state = (job.beginAtMs ?? 0) > this.nowMs ? 'W' : 'Q'
  }

  /** pbs_sched looks at the queue. It believes what pbs_server says of nodes; pbs_server finds out when it sends a job. */
  #look(): void {
    this.#nextLookMs = this.nowMs + this.#times.iterationMs
    for (const job of this.jobs.filter((candidate) => candidate.state === 'Q')) {
      const chosen = this.#choose(job)
      const moms = chosen?.map((host) => this.#moms.get(host.name)) ?? []
      const dead = chosen?.filter((_, k) => !moms[k]?.alive) ?? []
      for (const host of dead) this.node(host.name).foundDead = true
      if (!chosen || dead.length > 0) {
        job.comment = 'Not Running: Not enough of the right type of nodes are available'
        continue
      }
      Object.assign(job, {
        state: 'R',
        hosts: chosen,
        boots: moms.map((mom) => mom?.boot ?? 0),
        startedAtMs: this.nowMs,
      })
      job.comment = 'Job started on Sun Nov 22 at 15:21'
    }
  }

  #choose(job: FakeTorqueJob): FakeTorqueJob['hosts'] | null {
    const chosen: FakeTorqueJob['hosts'] = []
    for (const { count, ppn, words } of partsOf(job.resources.get('nodes') ?? '1')) {
      for (let k = 0; k < count; k++) {
        const node = this.nodes.find(
          (candidate) =>
            !chosen.some((host) => host.name === candidate.name) &&
            this.isUsable(candidate) &&
            words.every((word) => word === candidate.name || candidate.properties.includes(word)) &&
            this.freeSlots(candidate, job.exclusive).length >= ppn,
        )
        if (!node) return null
        chosen.push({ name: node.name, slots: this.freeSlots(node, job.exclusive).slice(0, ppn) })
      }
    }
    return chosen
  }

  /** As pbs_server sees it. */
  isUsable(node: FakeTorqueNode): boolean {
    return this.isAnnounced(node) && !node.offline && !node.foundDead && node.reportedAtMs !== null
  }

  freeSlots(node: FakeTorqueNode, whole = false): number[] {
    const jobs = this.jobsOn(node.name)
    if (jobs.some((job) => job.exclusive) || (whole && jobs.length > 0)) return []
    const taken = new Set(
      jobs.flatMap((job) => job.hosts.filter((host) => host.name === node.name).flatMap((h) => h.slots)),
    )
    return Array.from({ length: node.np }, (_, k) => k).filter((slot) => !taken.has(slot))
  }
}
