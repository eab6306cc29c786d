import type { QueueSnapshot } from '../plan/demand.ts'
import { nodeName, type Policy, typeKey } from '../plan/policy.ts'
import { reasonPrefix } from '../plan/reason-prefix.ts'
import { Backfill } from './backfill.ts'
import { NodePool, QueueJob, SimulatedNode } from './queue-model.ts'
import type { TraceJob } from './trace.ts'
import { Wishes } from './wishes.ts'

/** What the queue tells of, as it happens. */
export interface QueueWatcher {
  /** A job has all its nodes and runs. */
  started(job: QueueJob): void
  /** A job holds the node, or none does any more. */
  held(node: SimulatedNode): void
}

/**
 * A batch queue in virtual time: first come first served with backfill (`Backfill`). Where the scheduler places, it knows all
 * names from the start and asks for absent nodes, as Slurm does; else it knows the nodes that have registered.
 *
 * Its calls are those of the port `Scheduler`, take effect at once and never fail.
 */
export class SimulatedQueue {
  readonly places: 'scheduler' | 'causeway'
  readonly #watcher: QueueWatcher
  /** By `typeKey`. */
  readonly #pools: ReadonlyMap<string, NodePool>
  readonly #nodes = new Map<string, SimulatedNode>()
  readonly #jobs = new Map<string, QueueJob>()
  readonly #backfill: Backfill
  #wishes: Wishes
  #nowMs = 0
  #wanted = false

  constructor(places: 'scheduler' | 'causeway', policy: Policy, watcher: QueueWatcher, backfillDepth: number) {
    this.places = places
    this.#watcher = watcher
    this.#pools = new Map(policy.types.map((type) => [typeKey(type), new NodePool(type)]))
    this.#wishes = new Wishes(policy, this.#pools)
    this.#backfill = new Backfill(places === 'scheduler', backfillDepth)
    if (places === 'causeway') return
    for (const { site, type, names } of policy.types) {
      for (let k = 1; k <= names; k++) this.#add(this.#pool(site, type), k, 'absent')
    }
  }

  /** Jobs that wait for nodes. */
  get pending(): readonly QueueJob[] {
    return this.#backfill.pending
  }

  /** Jobs that have nodes, or wait for nodes that were chosen. */
  get placed(): ReadonlySet<QueueJob> {
    return this.#backfill.placed
  }

  /** Whether nodes were asked for since this was last read. */
  takeWanted(): boolean {
    const wanted = this.#wanted
    this.#wanted = false
    return wanted
  }

  /** The types that pending jobs could use, as one text: while it stays the same, the same idle nodes have jobs to wait for. */
  get demanded(): string {
    const demanded = new Set<NodePool>()
    for (const { blocked, nodeCount, wish } of this.pending) {
      if (demanded.size === this.#pools.size) break
      if (blocked !== null || nodeCount > wish.most) continue
      for (const area of wish.areas) for (const pool of area) demanded.add(pool)
    }
    return [...this.#pools].flatMap(([key, pool]) => (demanded.has(pool) ? key : [])).join(' ')
  }

  snapshot(): QueueSnapshot {
    return { jobs: [...this.placed, ...this.pending], nodes: [...this.#nodes.values()] }
  }

  node(name: string): SimulatedNode | undefined {
    return this.#nodes.get(name)
  }

  /** Other rules are in force: which jobs may go where. */
  follow(policy: Policy): void {
    this.#wishes = new Wishes(policy, this.#pools)
    for (const job of this.pending) job.wish = this.#wishOf(job)
    this.#backfill.startOver()
  }

  submit(job: TraceJob, index: number, nowMs: number): QueueJob {
    const queued = new QueueJob(job, index, nowMs, this.#wishes.of(job, job.queue))
    this.#jobs.set(queued.id, queued)
    this.#backfill.append(queued)
    return queued
  }

  /** Chooses nodes for the jobs that can have them now. */
  place(nowMs: number): void {
    this.#nowMs = nowMs
    this.#backfill.place(nowMs, (job, nodes) => this.#give(job, nodes))
  }

  /** A running job is over. */
  end(job: QueueJob, nowMs: number): void {
    this.#nowMs = nowMs
    Object.assign(job, { state: 'ended', endedAtMs: nowMs })
    this.#jobs.delete(job.id)
    this.#backfill.placed.delete(job)
    this.#free(job)
  }

  /** The node's daemon registers. */
  register(name: string, of: { site: string; type: string }, nowMs: number): void {
    this.#nowMs = nowMs
    const known = this.#nodes.get(name)
    if (!known) {
      const pool = this.#pool(of.site, of.type)
      this.#add(pool, Number(name.slice(pool.prefix.length + 1)), 'present')
      return
    }
    known.power = 'present'
    this.#backfill.recount(known)
    for (const job of known.jobs) this.#startIfComplete(job)
  }

  powerUp(names: readonly string[]): void {
    for (const node of this.#known(names)) {
      if (node.power === 'absent') this.#want(node)
    }
  }

  drain(names: readonly string[], reason: string): void {
    for (const node of this.#known(names)) this.#shut(node, reason)
  }

  cancelDrain(names: readonly string[]): void {
    for (const node of this.#known(names)) this.#open(node)
  }

  /** @throws Error when a job runs there: nobody may take a node from a running job */
  powerDown(names: readonly string[]): void {
    for (const node of this.#known(names)) {
      const [job] = node.jobs
      if (job) throw new Error(`${node.name} was to be powered down while job ${job.id} is ${job.state} on it`)
      this.#open(node)
      this.#leave(node)
    }
  }

  fail(names: readonly string[], reason: string): void {
    for (const node of this.#known(names)) {
      for (const job of node.jobs.slice()) this.#requeue(job)
      this.#leave(node)
      if (this.places === 'scheduler') this.#shut(node, reason)
    }
  }

  close(names: readonly string[], reason: string): void {
    for (const node of this.#known(names)) {
      if (node.power === 'absent') this.#shut(node, reason)
    }
  }

  reopen(names: readonly string[]): void {
    for (const node of this.#known(names)) this.#open(node)
  }

  hold(jobs: readonly string[]): void {
    for (const id of jobs) {
      const job = this.#jobs.get(id)
      if (job?.state === 'pending') job.blocked = 'HeldByCauseway'
    }
    this.#backfill.startOver()
  }

  release(jobs: readonly string[]): void {
    for (const id of jobs) {
      const job = this.#jobs.get(id)
      if (job) job.blocked = null
    }
    this.#backfill.startOver()
  }

  #give(job: QueueJob, nodes: readonly SimulatedNode[]): void {
    Object.assign(job, { state: 'starting', on: nodes, nodes: nodes.map(({ name }) => name) })
    for (const node of nodes) {
      if (node.power === 'absent') this.#want(node)
      const wasBusy = node.busy
      node.take(job)
      this.#backfill.recount(node)
      if (!wasBusy) this.#watcher.held(node)
    }
    this.#startIfComplete(job)
  }

  #startIfComplete(job: QueueJob): void {
    if (job.state !== 'starting' || !job.on.every(({ power }) => power === 'present')) return
    Object.assign(job, { state: 'running', startedAtMs: this.#nowMs })
    this.#watcher.started(job)
  }

  #requeue(job: QueueJob): void {
    if (job.state !== 'starting') throw new Error(`job ${job.id} lost a node while it was ${job.state}`)
    this.#free(job)
    Object.assign(job, { state: 'pending', on: [], nodes: [], wish: this.#wishOf(job) })
    this.#backfill.putBack(job)
  }

  #free(job: QueueJob): void {
    for (const node of job.on) {
      node.leave(job)
      this.#backfill.recount(node)
      if (!node.busy) this.#watcher.held(node)
    }
  }

  #want(node: SimulatedNode): void {
    node.power = 'wanted'
    this.#wanted = true
    this.#backfill.recount(node)
  }

  #leave(node: SimulatedNode): void {
    node.power = 'absent'
    if (this.places === 'causeway') {
      node.drained = true
      this.#nodes.delete(node.name)
      node.pool.nodes[numberOf(node)] = undefined
    }
    this.#backfill.recount(node)
  }

  #shut(node: SimulatedNode, reason: string): void {
    node.drained = true
    node.reason = `${reasonPrefix} ${reason}`
    this.#backfill.recount(node)
  }

  #open(node: SimulatedNode): void {
    node.drained = false
    node.reason = ''
    this.#backfill.recount(node)
  }

  #add(pool: NodePool, k: number, power: SimulatedNode['power']): void {
    const node = new SimulatedNode(nodeName(pool.prefix, k), pool, power)
    pool.nodes[k - 1] = node
    this.#nodes.set(node.name, node)
    this.#backfill.recount(node)
  }

  #known(names: readonly string[]): SimulatedNode[] {
    return names.flatMap((name) => this.#nodes.get(name) ?? [])
  }

  #pool(site: string, type: string): NodePool {
    const pool = this.#pools.get(typeKey({ site, type }))
    if (!pool) throw new Error(`the simulated queue has no type ${typeKey({ site, type })}`)
    return pool
  }

  #wishOf(job: QueueJob) {
    return this.#wishes.of(job, job.partition)
  }
}

function numberOf(node: SimulatedNode): number {
  return Number(node.name.slice(node.pool.prefix.length + 1)) - 1
}
