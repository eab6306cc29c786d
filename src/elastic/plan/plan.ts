import type { NodeRecord } from '../../store/node-record.ts'
import { availabilitySteps, dismissSteps } from './availability.ts'
import { CapCount, holdSteps } from './caps.ts'
import { confineSteps } from './confine.ts'
import { type Context, createContext } from './context.ts'
import { growWanted } from './grow-wanted.ts'
import { jobReasons } from './job-reasons.ts'
import { keepSteps } from './keep.ts'
import { nodeStep } from './node-step.ts'
import type { Observation } from './observation.ts'
import { orphanSteps } from './orphans.ts'
import { type Packing, pack } from './pack.ts'
import { createUnpayable } from './payable.ts'
import type { Policy } from './policy.ts'
import { Room } from './room.ts'
import { createShrinking } from './shrink.ts'
import type { JobReason, Note, Plan, Reason, Step } from './steps.ts'

/**
 * What to do now. Reads nothing but its arguments and writes nothing: the same observation, policy and time give the same
 * plan, live, dry or simulated.
 * @param now ms since the epoch
 */
export function plan(obs: Observation, policy: Policy, now: number): Plan {
  const ctx = createContext(obs, policy, now)
  const notes: Note[] = []
  const waiting = new Map<string, Reason>()
  let nextAtMs: number | null = null
  const lookAgain = (atMs: number | null | undefined) => {
    if (atMs != null && atMs > now) nextAtMs = Math.min(nextAtMs ?? atMs, atMs)
  }

  const room = new Room(ctx)
  const caps = new CapCount(ctx)
  const wanted = obs.places === 'scheduler' ? growWanted(ctx, room, caps) : []
  const { steps: holds, held } = holdSteps(ctx, caps, createUnpayable(ctx, room))
  const packing = obs.places === 'causeway' && obs.queue.ok ? pack(ctx, room, held) : null
  const growing = [...wanted, ...(packing ? beginSteps(packing) : [])]
  growing.push(...keepSteps(ctx, room, growing))

  const steps: Step[] = [...holds, ...(packing ? confineSteps(ctx, packing) : [])]
  const shrinking = createShrinking(ctx, room, packing, held)
  for (const node of dispensableFirst(obs)) {
    const conclusion = nodeStep(node, shrinking)
    const machine = ctx.machine(node.site, node.id)
    const note = {
      id: node.id,
      ...changed('idleSinceMs', node.idleSinceMs, conclusion.idleSinceMs),
      ...changed('unreachableSinceMs', node.unreachableSinceMs, unreachable(node, ctx)),
      ...changed('host', node.host, machine?.host ?? undefined),
      ...changed('address', node.address, machine?.address ?? undefined),
      ...changed('leavingAtMs', node.leavingAtMs, machine && (machine.leaving?.atMs ?? null)),
    }
    if (Object.keys(note).length > 1) notes.push(note)
    if ('wait' in conclusion) {
      waiting.set(node.id, conclusion.wait)
      lookAgain(conclusion.againAtMs)
      continue
    }
    steps.push(conclusion.step)
    if (conclusion.step.kind === 'drain') shrinking.change(node, -1)
    if (conclusion.step.kind === 'cancel-drain' && node.phase === 'draining') shrinking.change(node, 1)
  }

  const orphans = orphanSteps(ctx)
  lookAgain(orphans.againAtMs)
  for (const breaker of obs.breakers.values()) lookAgain(breaker.closedUntilMs)
  for (const failedAt of obs.lastFailureMs.values()) lookAgain(failedAt + policy.breaker.cooldownMs)
  if (obs.places === 'causeway') {
    for (const goneAt of obs.lastGoneMs?.values() ?? []) lookAgain(goneAt + policy.grace.reuseMs)
  }
  steps.push(...growing, ...dismissSteps(ctx), ...availabilitySteps(ctx, room), ...orphans.steps)
  let jobs: readonly JobReason[] | null = null
  return {
    atMs: now,
    steps,
    notes,
    waiting,
    // Said only when somebody asks: of a long queue it takes as long as all the rest.
    get jobs() {
      jobs ??= reasons(ctx, packing, held, room)
      return jobs
    },
    nextAtMs,
  }
}

function beginSteps({ begun }: Packing): Step[] {
  return begun.map(({ name, type, jobs }) => {
    const more = jobs.length > 3 ? ` and ${jobs.length - 3} more` : ''
    const text = `${jobs.length > 1 ? 'jobs' : 'job'} ${jobs.slice(0, 3).join(', ')}${more} can't start without it`
    return {
      kind: 'begin',
      name,
      site: type.site,
      type: type.type,
      jobs,
      reason: { code: 'NeededByJobs', text, facts: { jobs: jobs.slice(0, 10), count: jobs.length } },
    }
  })
}

function reasons(ctx: Context, packing: Packing | null, held: ReadonlyMap<string, Reason>, room: Room) {
  return jobReasons(ctx, (job) => held.get(job) ?? packing?.unplaced.get(job), packing !== null, room)
}

/** The dearest first, and of equals the one idle longest: when only some may go, it is these. */
function dispensableFirst(obs: Observation): NodeRecord[] {
  return obs.nodes.toSorted(
    (a, b) =>
      b.costPerHour - a.costPerHour ||
      (a.idleSinceMs ?? Infinity) - (b.idleSinceMs ?? Infinity) ||
      (a.name < b.name ? -1 : 1),
  )
}

/** Since when nothing is known of the node's machine. One that is not made yet may come to any host that is read. */
function unreachable(node: NodeRecord, ctx: Context): number | null {
  const { site, host, phase, unreachableSinceMs } = node
  const reading = ctx.machines(site)
  if (!reading) return unreachableSinceMs
  const isUnmade = host === null && (phase === 'planned' || phase === 'creating')
  if (reading.ok && isUnmade) return null
  return ctx.unread(node) === null ? null : (unreachableSinceMs ?? ctx.now)
}

function changed<K extends string, T>(key: K, before: T | null, after: T | undefined): { [P in K]?: T } {
  return after === undefined || after === before ? {} : ({ [key]: after } as { [P in K]?: T })
}
