import type { CapCount } from './caps.ts'
import type { Context } from './context.ts'
import { leastEndMs } from './cost.ts'
import { parseNodeName, type TypePolicy } from './policy.ts'
import type { Room } from './room.ts'
import { isStale } from './stale.ts'
import type { Reason, Step } from './steps.ts'

/** A node that the queue asks for and nobody makes. */
interface Wanted {
  readonly name: string
  readonly type: TypePolicy
  readonly k: number
}

/**
 * Where the scheduler places the jobs: new lives for the nodes that it asks for and nobody makes yet, refusals for those that
 * can't be had. The nodes of one job are had all or not at all.
 */
export function growWanted(ctx: Context, room: Room, caps: CapCount): Step[] {
  const { queue } = ctx.obs
  if (!queue.ok) return []
  const groups = new Map<string, Wanted[]>()
  for (const { name, power } of queue.value.nodes) {
    if (power !== 'wanted' || ctx.alive.has(name) || isStale(name, queue.startedAtMs, ctx)) continue
    const place = parseNodeName(name, ctx.policy)
    if (!place) continue
    const group = ctx.jobsOn(name)[0]?.id ?? name
    groups.set(group, [...(groups.get(group) ?? []), { name, ...place }])
  }
  return [...groups.values()].flatMap((group) => growGroup(group, ctx, room, caps))
}

function growGroup(group: readonly Wanted[], ctx: Context, room: Room, caps: CapCount): Step[] {
  const jobs = [...new Set(group.flatMap(({ name }) => ctx.jobsOn(name)))]
  const overCap = caps.refusal(jobs)
  if (overCap) return group.map((wanted) => refuse(wanted, overCap))
  const begun: Step[] = []
  const undo: (() => void)[] = []
  for (const wanted of group) {
    const { name, type, k } = wanted
    const jobsHere = ctx.jobsOn(name)
    const untilMs = leastEndMs(type, jobsHere, ctx.now)
    const refusal = k > type.maximum ? beyond(wanted) : room.refusal(type, untilMs)
    if (refusal?.code === 'ProbeUnderWay') continue
    if (refusal) {
      for (const back of undo) back()
      return group.map((one) =>
        refuse(one, one === wanted ? refusal : { ...refusal, text: `with ${name}: ${refusal.text}` }),
      )
    }
    undo.push(room.take(type, untilMs))
    const ids = jobsHere.map((job) => job.id)
    const text = ids.length > 0 ? `the queue wants it for job ${ids.join(', ')}` : 'the queue wants it'
    const reason: Reason = { code: 'WantedByQueue', text, facts: { jobs: ids } }
    begun.push({ kind: 'begin', name, site: type.site, type: type.type, jobs: ids, reason })
  }
  return begun
}

function beyond({ type, k }: Wanted): Reason {
  return { code: 'AboveMaximum', text: `${type.prefix} may have ${type.maximum} nodes and this is number ${k}` }
}

function refuse({ name, type }: Wanted, reason: Reason): Step {
  return { kind: 'refuse', names: [name], site: type.site, reason }
}
