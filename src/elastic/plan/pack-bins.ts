import type { NodeRecord } from '../../store/node-record.ts'
import { type Context, fits } from './context.ts'
import type { Job, Size } from './demand.ts'
import { growingPhases } from './phases.ts'
import { type TypePolicy, typeKey } from './policy.ts'
import { reasonPrefix } from './reason-prefix.ts'
import type { Room } from './room.ts'
import { scaled } from './shares.ts'

/** A node that jobs can be thought onto: one that lives, or one that the plan is to begin. */
export interface Bin {
  readonly type: TypePolicy
  /** null: to be begun. */
  readonly node: NodeRecord | null
  /** What is left of it. */
  free: Size
  /** Nothing runs on it and nothing is thought onto it. */
  empty: boolean
  /** Until when it is to be paid for, ms: on a new node that a budget pays for, no job may run longer. */
  readonly untilMs: number
  /** The jobs that are thought onto it. */
  readonly jobs: string[]
}

/** Whether a job takes a whole node: it says so, or says nothing of what it needs. */
export function takesWhole(job: Pick<Job, 'exclusive' | 'perNode'>): boolean {
  return job.exclusive || job.perNode.cpus === 0
}

export function hasRoom(bin: Bin, need: Size, whole: boolean): boolean {
  return whole ? bin.empty : fits(need, bin.free)
}

/** Puts so many shares of a job onto a node. */
export function put(bin: Bin, job: Job, shares: number): void {
  bin.free = takesWhole(job) ? nothing : less(bin.free, scaled(job.perNode, shares))
  bin.empty = false
  // Elements of an array that are not told apart have one id.
  if (bin.jobs.at(-1) !== job.id) bin.jobs.push(job.id)
}

const nothing: Size = { cpus: 0, memoryMiB: 0, gpus: -1 }

/** The living nodes that can take jobs, by `typeKey`: ready ones first, then those to come, then those being drained by us. */
export function livingBins(ctx: Context, room: Room): Map<string, Bin[]> {
  const bins = new Map<string, Bin[]>()
  const order = new Map<Bin, number>()
  for (const node of ctx.obs.nodes) {
    const type = ctx.typeOf(node)
    const rank = type && rankOf(node, ctx, room)
    if (!type || rank === null || rank === undefined) continue
    const bin: Bin = { type, node, free: type.size, empty: true, untilMs: Infinity, jobs: [] }
    for (const job of ctx.jobsOn(node.name)) {
      bin.free = takesWhole(job) ? nothing : less(bin.free, heldOf(job))
      bin.empty = false
    }
    order.set(bin, rank)
    const others = bins.get(typeKey(type))
    if (others) others.push(bin)
    else bins.set(typeKey(type), [bin])
  }
  const earlier = (a: Bin, b: Bin) => (order.get(a) ?? 0) - (order.get(b) ?? 0)
  for (const list of bins.values()) list.sort(earlier)
  return bins
}

/** What a job holds of each of its nodes: where it has slots, the same of each, as nobody says otherwise. */
function heldOf(job: Job): Size {
  return job.slots === undefined
    ? job.perNode
    : scaled(job.perNode, Math.ceil(job.slots / Math.max(1, job.nodes.length)))
}

/** 0: it is there. 1: it comes. 2: its drain would have to be cancelled. null: it takes no jobs. */
function rankOf(node: NodeRecord, ctx: Context, { ledger }: Room): number | null {
  const { queueNodes, obs } = ctx
  if (ctx.toGo(node)) return null
  if (growingPhases.has(node.phase)) return 1
  if (node.phase !== 'ready' && node.phase !== 'draining') return null
  const inQueue = queueNodes.get(node.name)
  if (!inQueue || inQueue.power !== 'present' || inQueue.down || !inQueue.responding) return null
  // What an act on it is under way for may be its end; and no drain is cancelled that a budget asks for.
  if (node.phase === 'draining') return obs.inFlight.has(node.id) || ledger.exceeded(node.site) ? null : 2
  return inQueue.drained && !inQueue.reason.startsWith(reasonPrefix) ? null : 0
}

function less(from: Size, need: Size): Size {
  return { cpus: from.cpus - need.cpus, memoryMiB: from.memoryMiB - need.memoryMiB, gpus: from.gpus - need.gpus }
}
