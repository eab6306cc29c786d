import type { CapCount } from './caps.ts'
import type { Context } from './context.ts'
import { leastEndMs } from './cost.ts'
import type { Job } from './demand.ts'
import { parseNodeName, type TypePolicy } from './policy.ts'
import type { Room } from './room.ts'
import { isStale } from './stale.ts'
import type { Reason, Step } from './steps.ts'

/** A node that the queue asks for and nobody makes. */
interface Wanted {
  readonly name: string
  readonly type: TypePolicy
  readonly k: number
  readonly jobs: readonly Job[]
}

/**
 * Where the scheduler places the jobs: new lives for the nodes that it asks for and nobody makes yet, refusals for those that
 * can't be had. A job gets all of its nodes or none; a node that several jobs share is begun if one of them gets it.
 */
export function growWanted(ctx: Context, room: Room, caps: CapCount): Step[] {
  const wanted = findWanted(ctx)
  const growing = new Growing(wanted, ctx, room)
  const asking = new Set([...wanted.values()].flatMap((node) => node.jobs))
  const jobs = ctx.jobs.filter((job) => asking.has(job))
  // Of jobs that break a cap together, those that came first keep their nodes.
  for (const job of jobs.toReversed()) {
    const overCap = caps.refusal([job])
    if (overCap) growing.expel(job, overCap)
  }
  for (const job of jobs) {
    const apart = badPath(job, ctx)
    if (apart) growing.expel(job, apart)
    else growing.tryJob(job)
  }
  for (const node of wanted.values()) if (node.jobs.length === 0) growing.tryNodes([node])
  return growing.steps()
}

function findWanted(ctx: Context): ReadonlyMap<string, Wanted> {
  const { queue } = ctx.obs
  const found = new Map<string, Wanted>()
  for (const { name, power } of queue.ok ? queue.value.nodes : []) {
    if (power !== 'wanted' || ctx.alive.has(name) || isStale(name, queue.startedAtMs, ctx)) continue
    const place = parseNodeName(name, ctx.policy)
    if (place) found.set(name, { name, ...place, jobs: ctx.jobsOn(name) })
  }
  return found
}

class Growing {
  readonly #wanted: ReadonlyMap<string, Wanted>
  readonly #ctx: Context
  readonly #room: Room
  readonly #begun = new Set<Wanted>()
  /** Jobs that get their nodes. */
  readonly #granted = new Set<Job>()
  readonly #refused = new Map<Wanted, Reason>()
  /** Names whose jobs go back to the queue, whatever else they wait for. */
  readonly #lost: Set<string>

  constructor(wanted: ReadonlyMap<string, Wanted>, ctx: Context, room: Room) {
    this.#wanted = wanted
    this.#ctx = ctx
    this.#room = room
    this.#lost = new Set(ctx.obs.nodes.flatMap(({ phase, name }) => (phase === 'failed' ? [name] : [])))
  }

  /** Sends a job back to the queue by nodes that only it wants, or, if there are none, by all that it wants. */
  expel(job: Job, reason: Reason): void {
    const all = this.#of(job)
    const own = all.filter(({ jobs }) => jobs.length === 1)
    for (const node of own.length > 0 ? own : all) {
      this.#refused.set(node, reason)
      this.#lost.add(node.name)
    }
  }

  /** Begins all nodes that the job wants, or refuses them; leaves a job alone that goes back to the queue anyway. */
  tryJob(job: Job): void {
    if (job.nodes.some((name) => this.#lost.has(name))) return
    if (this.tryNodes(this.#of(job))) this.#granted.add(job)
  }

  /** @returns whether they are begun, all but those that wait for a probe */
  tryNodes(nodes: readonly Wanted[]): boolean {
    const begun: Wanted[] = []
    const undo: (() => void)[] = []
    for (const node of nodes) {
      if (this.#begun.has(node)) continue
      const { type, k } = node
      const untilMs = leastEndMs(type, node.jobs, this.#ctx.now)
      const refusal = k > type.maximum ? beyond(node) : this.#room.refusal(type, untilMs)
      // Of a type that failed before one node comes first; the others wait for it.
      if (refusal?.code === 'ProbeUnderWay') continue
      if (refusal) {
        for (const back of undo) back()
        for (const one of nodes) {
          const text = one === node ? refusal.text : `with ${node.name}: ${refusal.text}`
          this.#refused.set(one, { ...refusal, text })
        }
        return false
      }
      undo.push(this.#room.take(type, untilMs))
      begun.push(node)
    }
    for (const node of begun) this.#begun.add(node)
    return true
  }

  steps(): Step[] {
    return [...this.#wanted.values()].flatMap((node): Step[] => {
      const { name, type } = node
      const refusal = this.#refused.get(node)
      if (this.#begun.has(node)) return [this.#begin(node)]
      return refusal ? [{ kind: 'refuse', names: [name], site: type.site, reason: refusal }] : []
    })
  }

  #begin({ name, type, jobs }: Wanted): Step {
    const ids = jobs.filter((job) => this.#granted.has(job)).map((job) => job.id)
    const text = ids.length > 0 ? `the queue wants it for job ${ids.join(', ')}` : 'the queue wants it'
    const reason: Reason = { code: 'WantedByQueue', text, facts: { jobs: ids } }
    return { kind: 'begin', name, site: type.site, type: type.type, jobs: ids, reason }
  }

  #of(job: Job): Wanted[] {
    return job.nodes.flatMap((name) => this.#wanted.get(name) ?? [])
  }
}

/** Why the nodes that the scheduler chose for the job should not be together. */
function badPath(job: Job, ctx: Context): Reason | null {
  if (job.nodeCount < 2) return null
  const sites = [...new Set(job.nodes.flatMap((name) => parseNodeName(name, ctx.policy)?.type.site ?? []))]
  for (const [i, one] of sites.entries()) {
    for (const other of sites.slice(i + 1)) {
      const reason = ctx.paths.tooBad(one, other)
      if (reason) return reason
    }
  }
  return null
}

function beyond({ type, k }: Wanted): Reason {
  return { code: 'AboveMaximum', text: `${type.prefix} may have ${type.maximum} nodes and this is number ${k}` }
}
