import type { Context } from './context.ts'
import { leastEndMs } from './cost.ts'
import { nodeName, parseNodeName, type TypePolicy, typeKey } from './policy.ts'
import type { Room } from './room.ts'
import type { Reason, Step } from './steps.ts'

/** What a type has too little of for its minimum and its spare nodes. */
interface Lack {
  readonly type: TypePolicy
  readonly count: number
  readonly reason: Reason
}

/**
 * New nodes where a type has fewer than its minimum, or fewer free ones than its spare nodes.
 * @param growing what this plan begins already: nodes that jobs asked for are no spare ones
 */
export function keepSteps(ctx: Context, room: Room, growing: readonly Step[]): Step[] {
  if (!ctx.obs.queue.ok) return []
  const begun = new Map<string, { all: number; forJobs: number }>()
  for (const step of growing) {
    if (step.kind !== 'begin') continue
    const { all, forJobs } = begun.get(typeKey(step)) ?? { all: 0, forJobs: 0 }
    begun.set(typeKey(step), { all: all + 1, forJobs: forJobs + (step.jobs.length > 0 ? 1 : 0) })
  }
  const asked = askedFor(ctx)
  const free = freeNodes(ctx)
  return ctx.policy.types.flatMap((type) => {
    if (ctx.closed(type) || ctx.drained(type.site)) return []
    const key = typeKey(type)
    const { all = 0, forJobs = 0 } = begun.get(key) ?? {}
    const unmade = Math.max(asked.get(type) ?? 0, all)
    const lack = lackOf(type, (ctx.capacity.get(key) ?? 0) + unmade, (free.get(key) ?? 0) + unmade - forJobs)
    if (!lack) return []
    return ctx.obs.places === 'scheduler' ? askQueue(lack, ctx, room) : beginHere(lack, ctx, room)
  })
}

/** Free nodes: ready ones that nothing runs on and that take jobs, and coming ones that no job waits for. By `typeKey`. */
export function freeNodes(ctx: Context): Map<string, number> {
  const free = new Map<string, number>()
  for (const node of ctx.obs.nodes) {
    const inQueue = ctx.queueNodes.get(node.name)
    const isFree =
      node.phase === 'ready'
        ? inQueue?.power === 'present' && !inQueue.busy && !inQueue.drained && !inQueue.down
        : node.phase !== 'draining' && node.phase !== 'failed' && node.phase !== 'deleting' && node.jobs.length === 0
    if (isFree && !ctx.toGo(node)) free.set(typeKey(node), (free.get(typeKey(node)) ?? 0) + 1)
  }
  return free
}

/** How many nodes of each type the queue asks for and nobody makes yet. */
function askedFor(ctx: Context): Map<TypePolicy, number> {
  const asked = new Map<TypePolicy, number>()
  for (const [name, node] of ctx.obs.places === 'scheduler' ? ctx.queueNodes : []) {
    const type = node.power === 'wanted' && !ctx.alive.has(name) ? parseNodeName(name, ctx.policy)?.type : undefined
    if (type) asked.set(type, (asked.get(type) ?? 0) + 1)
  }
  return asked
}

function lackOf(type: TypePolicy, have: number, free: number): Lack | null {
  const key = typeKey(type)
  const count = Math.max(type.minimum - have, type.spare - free)
  if (count <= 0) return null
  const facts = { have, free, minimum: type.minimum, spare: type.spare }
  return type.minimum - have === count
    ? {
        type,
        count,
        reason: { code: 'BelowMinimum', text: `${key} has ${have} nodes and keeps ${type.minimum}`, facts },
      }
    : {
        type,
        count,
        reason: { code: 'BelowSpare', text: `${key} has ${free} free nodes and keeps ${type.spare}`, facts },
      }
}

/** Asks the queue for absent nodes, as a job would. */
function askQueue({ type, count, reason }: Lack, ctx: Context, room: Room): Step[] {
  const names: string[] = []
  const untilMs = leastEndMs(type, [], ctx.now)
  for (let k = 1; k <= type.maximum && names.length < count; k++) {
    const name = nodeName(type.prefix, k)
    const inQueue = ctx.queueNodes.get(name)
    if (inQueue?.power !== 'absent' || inQueue.drained || inQueue.down || ctx.alive.has(name)) continue
    if (room.refusal(type, untilMs)) break
    room.take(type, untilMs)
    names.push(name)
  }
  return names.length === 0 ? [] : [{ kind: 'power-up', names, site: type.site, reason }]
}

function beginHere({ type, count, reason }: Lack, ctx: Context, room: Room): Step[] {
  const steps: Step[] = []
  const untilMs = leastEndMs(type, [], ctx.now)
  while (steps.length < count && !room.refusal(type, untilMs)) {
    const name = room.nextName(type)
    if (name === null) break
    room.take(type, untilMs)
    steps.push({ kind: 'begin', name, site: type.site, type: type.type, jobs: [], reason })
  }
  return steps
}
