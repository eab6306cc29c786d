import { fits } from '../plan/context.ts'
import type { NodePool, QueueJob, SimulatedNode } from './queue-model.ts'

/** Nodes that are kept for the first job that has to wait: others may use them only if they are over by then. */
interface Reservation {
  readonly atMs: number
  readonly nodes: ReadonlySet<SimulatedNode>
}

/**
 * Which jobs get which nodes: first come first served, and jobs further back may go ahead if, by the time they asked for, they do
 * not delay the first job that waits. The method (EASY) is of D. Lifka, "The ANL/IBM SP scheduling system", JSSPP 1995.
 *
 * A job is put on nodes that are there before absent ones are asked for, on preferred types first, and of one type on the lowest
 * numbers. Small jobs share nodes.
 */
export class Backfill {
  /** In the order of submission. */
  readonly pending: QueueJob[] = []
  readonly placed = new Set<QueueJob>()
  readonly #asksForAbsent: boolean
  readonly #depth: number
  /** Nodes that are good for something. */
  #open = 0
  #placing = false
  /** The pending jobs before this one found nothing, and nothing was freed since. */
  #settledTo = 0
  #pass = 0
  /** Jobs that found nothing in this pass. */
  #refused = 0
  #reservation: Reservation | null = null

  /**
   * @param asksForAbsent whether nodes without a machine may be chosen
   * @param depth how many jobs that find nothing are looked at before the rest is left for later
   */
  constructor(asksForAbsent: boolean, depth: number) {
    this.#asksForAbsent = asksForAbsent
    this.#depth = depth
  }

  append(job: QueueJob): void {
    this.pending.push(job)
  }

  /** A job that had nodes goes back to its place in the queue. */
  putBack(job: QueueJob): void {
    this.placed.delete(job)
    let at = this.pending.length
    while (at > 0 && (this.pending[at - 1] as QueueJob).index > job.index) at--
    this.pending.splice(at, 0, job)
    this.startOver()
  }

  /** Something else has changed: all jobs are looked at anew. */
  startOver(): void {
    this.#settledTo = 0
  }

  /** Counts a node for what it is good for now. */
  recount(node: SimulatedNode): void {
    const use = node.use === 'absent' && !this.#asksForAbsent ? 'none' : node.use
    if (use !== 'none' && !this.#placing) this.startOver()
    if (use === node.countedAs) return
    if (node.countedAs === 'none') this.#open++
    if (use === 'none') this.#open--
    node.pool.count[node.countedAs]--
    node.pool.count[use]++
    node.countedAs = use
  }

  place(nowMs: number, give: (job: QueueJob, nodes: readonly SimulatedNode[]) => void): void {
    if (this.#open === 0 || this.#settledTo === this.pending.length) return
    let at = this.#settledTo
    if (at === 0) {
      this.#pass++
      this.#refused = 0
      this.#reservation = null
    }
    this.#placing = true
    while (at < this.pending.length && this.#open > 0 && this.#refused < this.#depth) {
      const job = this.pending[at] as QueueJob
      const nodes = job.blocked === null ? this.#find(job, nowMs) : null
      if (nodes) {
        this.pending.splice(at, 1)
        this.placed.add(job)
        give(job, nodes)
        continue
      }
      at++
      if (job.blocked !== null) continue
      this.#refused++
      this.#reservation ??= this.#reserve(job, nowMs)
    }
    this.#placing = false
    this.#settledTo = this.pending.length
  }

  /** Nodes that the job can have now; null if there are not enough. */
  #find(job: QueueJob, nowMs: number): readonly SimulatedNode[] | null {
    const { wish, nodeCount } = job
    if (wish.pass !== this.#pass) Object.assign(wish, { pass: this.#pass, tooMany: Infinity, tooManyForLong: Infinity })
    const inTime = this.#reservation === null || nowMs + (job.wallMs ?? Infinity) <= this.#reservation.atMs
    if (nodeCount >= (inTime ? wish.tooMany : wish.tooManyForLong)) return null
    const kept = inTime ? none : (this.#reservation?.nodes ?? none)
    for (const withAbsent of this.#asksForAbsent ? [false, true] : [false]) {
      for (const area of wish.areas) {
        const found = this.#gather(job, area, withAbsent, kept)
        if (found) return found
      }
    }
    wish.tooManyForLong = nodeCount
    if (inTime) wish.tooMany = nodeCount
    return null
  }

  #gather(
    job: QueueJob,
    area: readonly NodePool[],
    withAbsent: boolean,
    kept: ReadonlySet<SimulatedNode>,
  ): readonly SimulatedNode[] | null {
    const { nodeCount } = job
    let atMost = 0
    for (const { count } of area) {
      atMost += count.empty + (job.whole ? 0 : count.shared) + (withAbsent ? count.absent : 0)
    }
    if (atMost < nodeCount) return null
    const found: SimulatedNode[] = []
    const take = (use: 'shared' | 'empty' | 'absent') => {
      for (const { site, count, nodes } of area) {
        if (count[use] === 0) continue
        // Of a job that must span sites, no site gets all nodes.
        const one = job.wish.spans && found.every(({ pool }) => pool.site === site)
        const most = one ? nodeCount - 1 : nodeCount
        for (const node of nodes) {
          if (found.length >= most) break
          if (node?.countedAs !== use || kept.has(node) || !fits(job.perNode, node.free)) continue
          found.push(node)
        }
      }
    }
    if (!job.whole) take('shared')
    take('empty')
    if (withAbsent) take('absent')
    return found.length === nodeCount ? found : null
  }

  /** Where and when the job can start at the latest, by the times that running jobs asked for; null if there will be too few nodes. */
  #reserve(job: QueueJob, nowMs: number): Reservation | null {
    let best: Reservation | null = null
    for (const area of job.wish.areas) {
      const nodes = area
        .flatMap((pool) => pool.nodes)
        .flatMap((node) => (node && !node.drained ? { node, atMs: this.#freeAtMs(node, job, nowMs) } : []))
        .filter(({ node }) => this.#asksForAbsent || node.power !== 'absent')
        .sort((a, b) => a.atMs - b.atMs)
        .slice(0, job.nodeCount)
      const atMs = nodes.at(-1)?.atMs ?? Infinity
      if (nodes.length < job.nodeCount || (best && best.atMs <= atMs)) continue
      best = { atMs, nodes: new Set(nodes.map(({ node }) => node)) }
    }
    return best
  }

  /** When the node will have room for the job. */
  #freeAtMs(node: SimulatedNode, job: QueueJob, nowMs: number): number {
    if (job.whole) return node.jobs.reduce((latest, other) => Math.max(latest, other.expectedEndMs(nowMs)), nowMs)
    const free = { ...node.free }
    if (fits(job.perNode, free)) return nowMs
    const ends = node.jobs.toSorted((a, b) => a.expectedEndMs(nowMs) - b.expectedEndMs(nowMs))
    for (const other of ends) {
      if (other.whole) return other.expectedEndMs(nowMs)
      free.cpus += other.perNode.cpus
      free.memoryMiB += other.perNode.memoryMiB
      free.gpus += other.perNode.gpus
      if (fits(job.perNode, free)) return other.expectedEndMs(nowMs)
    }
    return Infinity
  }
}

const none: ReadonlySet<SimulatedNode> = new Set()
