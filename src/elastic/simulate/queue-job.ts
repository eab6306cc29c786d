import type { Blocked, Job, Size } from '../plan/demand.ts'
import { takesWhole } from '../plan/pack-bins.ts'
import type { SimulatedNode } from './queue-node.ts'
import type { TraceJob } from './trace.ts'
import type { Wish } from './wishes.ts'

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
