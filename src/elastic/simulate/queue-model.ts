import type { Blocked, Job, QueueNode, Size } from '../plan/demand.ts'
import { takesWhole } from '../plan/pack-bins.ts'
import type { TypePolicy } from '../plan/policy.ts'
import type { TraceJob } from './trace.ts'

/** What jobs have in common that could have the same nodes. */
export interface Wish {
  /** The pools to take all nodes from, preferred ones first: one entry, or one a site if a job must stay in one. */
  readonly areas: readonly (readonly NodePool[])[]
  /** Not all nodes from one site. */
  readonly spans: boolean
  /** The most nodes for such jobs that the policy allows. */
  readonly most: number
  /** The pass of the queue that these are about. */
  pass: number
  /** Jobs of so many nodes or more find none in this pass: any job, and one that is in the way of a reservation. */
  tooMany: number
  tooManyForLong: number
}

/** A job of the modelled queue, from its submission to its end. */
export class QueueJob implements Job {
  readonly id: string
  readonly name = ''
  readonly user: string
  readonly account: string
  readonly partition: string
  state: 'pending' | 'starting' | 'running' | 'ended' = 'pending'
  readonly reason = ''
  blocked: Blocked | null = null
  readonly nodeCount: number
  readonly perNode: Size
  readonly tasksPerNode = null
  readonly exclusive: boolean
  readonly wallMs: number | null
  readonly features: string
  readonly dependency = ''
  readonly beginAtMs = null
  readonly licences = ''
  nodes: readonly string[] = []
  readonly count = 1
  readonly submittedAtMs: number
  startedAtMs: number | null = null
  endedAtMs: number | null = null
  /** Its place in the trace, which is its place in the queue. */
  readonly index: number
  readonly runMs: number
  /** Whether it takes whole nodes. */
  readonly whole: boolean
  on: readonly SimulatedNode[] = []
  wish: Wish

  constructor(job: TraceJob, index: number, nowMs: number, wish: Wish) {
    this.id = job.id
    this.user = job.user
    this.account = job.account
    this.partition = job.queue
    this.nodeCount = job.nodeCount
    this.perNode = job.perNode
    this.exclusive = job.exclusive
    this.wallMs = job.wallMs
    this.features = job.features
    this.submittedAtMs = nowMs
    this.index = index
    this.runMs = job.runMs
    this.whole = takesWhole(job)
    this.wish = wish
  }

  /** When it ends at the latest, as far as the queue knows, ms since the epoch; never before `nowMs`. */
  expectedEndMs(nowMs: number): number {
    return Math.max(nowMs, (this.startedAtMs ?? nowMs) + (this.wallMs ?? Infinity))
  }
}

/** What a node is good for: nothing now, one more small job, a whole node, or a machine that can be asked for. */
export type Use = 'none' | 'shared' | 'empty' | 'absent'

/** A node of the modelled queue. */
export class SimulatedNode implements QueueNode {
  readonly name: string
  readonly pool: NodePool
  readonly features: readonly string[]
  power: QueueNode['power']
  drained = false
  readonly down = false
  reason = ''
  /** What is left of it. */
  readonly free: { -readonly [key in keyof Size]: Size[key] }
  readonly jobs: QueueJob[] = []
  /** As it is counted in its pool. */
  countedAs: Use = 'none'

  constructor(name: string, pool: NodePool, power: QueueNode['power']) {
    this.name = name
    this.pool = pool
    this.features = pool.features
    this.power = power
    this.free = { ...pool.size }
  }

  get responding(): boolean {
    return this.power === 'present'
  }

  get busy(): boolean {
    return this.jobs.length > 0
  }

  /** What it is good for now. A job that wants its node for itself leaves nothing. */
  get use(): Use {
    if (this.drained) return 'none'
    if (this.jobs.length === 0) {
      if (this.power === 'present') return 'empty'
      return this.power === 'absent' ? 'absent' : 'none'
    }
    return this.power === 'present' && this.free.cpus > 0 ? 'shared' : 'none'
  }

  take(job: QueueJob): void {
    this.jobs.push(job)
    this.#less(job, 1)
  }

  leave(job: QueueJob): void {
    this.jobs.splice(this.jobs.indexOf(job), 1)
    this.#less(job, -1)
  }

  #less(job: QueueJob, sign: 1 | -1): void {
    const need = job.whole ? this.pool.size : job.perNode
    this.free.cpus -= sign * need.cpus
    this.free.memoryMiB -= sign * need.memoryMiB
    this.free.gpus -= sign * need.gpus
  }
}

/** The nodes of one type. */
export class NodePool {
  readonly site: string
  readonly type: string
  readonly prefix: string
  readonly size: Size
  readonly features: readonly string[]
  /** By their numbers, from 0 for the node called `PREFIX-1`; holes where the queue knows no node. */
  readonly nodes: (SimulatedNode | undefined)[] = []
  /** How many nodes are good for what. */
  readonly count: Record<Use, number> = { none: 0, shared: 0, empty: 0, absent: 0 }

  constructor({ site, type, prefix, size, features }: TypePolicy) {
    this.site = site
    this.type = type
    this.prefix = prefix
    this.size = size
    this.features = features
  }
}
