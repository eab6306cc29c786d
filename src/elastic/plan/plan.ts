import { createContext } from './context.ts'
import { availabilitySteps, dismissSteps, growSteps, minimumSteps } from './grow.ts'
import { jobReasons } from './job-reasons.ts'
import { nodeStep } from './node-step.ts'
import type { Observation } from './observation.ts'
import { orphanSteps } from './orphans.ts'
import type { Policy } from './policy.ts'
import type { Note, Plan, Reason, Step } from './steps.ts'

/**
 * What to do now. Reads nothing but its arguments and writes nothing: the same observation, policy and time give the same
 * plan, live, dry or simulated.
 * @param now ms since the epoch
 */
export function plan(obs: Observation, policy: Policy, now: number): Plan {
  const ctx = createContext(obs, policy, now)
  const steps: Step[] = []
  const notes: Note[] = []
  const waiting = new Map<string, Reason>()
  let nextAtMs: number | null = null
  const lookAgain = (atMs: number | null | undefined) => {
    if (atMs != null && atMs > now) nextAtMs = Math.min(nextAtMs ?? atMs, atMs)
  }

  // A minimum must not be undercut by several nodes drained in one round: capacity shrinks as drains are decided.
  const capacity = new Map(ctx.capacity)
  const shrinking = { ...ctx, capacity }
  for (const node of oldestIdleFirst(obs)) {
    const conclusion = nodeStep(node, shrinking)
    const unreachableSinceMs = unreachable(node.site, node.unreachableSinceMs, obs, now)
    const note = {
      id: node.id,
      ...changed('idleSinceMs', node.idleSinceMs, conclusion.idleSinceMs),
      ...changed('unreachableSinceMs', node.unreachableSinceMs, unreachableSinceMs),
    }
    if (Object.keys(note).length > 1) notes.push(note)
    if ('wait' in conclusion) {
      waiting.set(node.id, conclusion.wait)
      lookAgain(conclusion.againAtMs)
      continue
    }
    steps.push(conclusion.step)
    if (conclusion.step.kind === 'drain') capacity.set(node.site, (capacity.get(node.site) ?? 0) - 1)
  }

  const orphans = orphanSteps(ctx)
  lookAgain(orphans.againAtMs)
  for (const breaker of obs.breakers.values()) lookAgain(breaker.closedUntilMs)
  for (const failedAt of obs.lastFailureMs.values()) lookAgain(failedAt + policy.breaker.cooldownMs)
  steps.push(...growSteps(ctx), ...minimumSteps(ctx), ...dismissSteps(ctx), ...availabilitySteps(ctx), ...orphans.steps)
  return { atMs: now, steps, notes, waiting, jobs: jobReasons(ctx), nextAtMs }
}

/** Longest idle first, so that these are drained first when only some may go. */
function oldestIdleFirst(obs: Observation) {
  return obs.nodes.toSorted(
    (a, b) => (a.idleSinceMs ?? Infinity) - (b.idleSinceMs ?? Infinity) || a.name.localeCompare(b.name),
  )
}

function unreachable(site: string, before: number | null, obs: Observation, now: number): number | null {
  const reading = obs.sites.get(site)
  if (!reading) return before
  return reading.ok ? null : (before ?? now)
}

function changed<K extends string>(
  key: K,
  before: number | null,
  after: number | null | undefined,
): { [P in K]?: number | null } {
  return after === undefined || after === before ? {} : ({ [key]: after } as { [P in K]?: number | null })
}
