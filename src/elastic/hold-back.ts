import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { EventStore, NewEvent } from '../store/event-store.ts'
import type { Backoff } from './backoff.ts'
import type { Finding } from './plan/lint-findings.ts'
import type { Observation } from './plan/observation.ts'
import type { Plan } from './plan/steps.ts'

/** What is to be done of a plan without the steps that broke an invariant; the others stand by themselves. */
export function withoutBadSteps(plan: Plan, findings: readonly Finding[]): Pick<Plan, 'steps' | 'notes'> {
  const bad = new Set(findings.map((finding) => finding.step))
  return { notes: plan.notes, steps: plan.steps.filter((step) => !bad.has(step)) }
}

/** How many steps of a plan were held back. */
export function countBadSteps(findings: readonly Finding[]): number {
  return new Set(findings.flatMap((finding) => finding.step ?? [])).size
}

/** Says what was found, in the log and in the events: once, and again with growing pauses while it goes on. */
export async function recordFindings(
  findings: readonly Finding[],
  obs: Observation,
  tools: { readonly clock: Clock; readonly log: Logger; readonly events: EventStore; readonly backoff: Backoff },
): Promise<void> {
  for (const finding of findings) {
    const event = toEvent(finding, obs, tools.clock.now())
    if (!tools.backoff.mayTry(`lint ${event.code} ${event.text}`)) continue
    tools.log.error({ code: event.code, node: event.nodeName, site: event.site, facts: event.facts }, event.text)
    await tools.events.append(event)
  }
}

function toEvent({ code, step, text, facts }: Finding, obs: Observation, atMs: number): NewEvent {
  const node = step && 'id' in step ? obs.nodes.find((candidate) => candidate.id === step.id) : undefined
  const names = step && 'names' in step ? step.names : []
  const name = node?.name ?? (step && 'name' in step ? step.name : names.length === 1 ? (names[0] ?? null) : null)
  const what = step ? `${step.kind} ${name ?? (names.join(', ') || subject(step))}` : 'a plan'
  return {
    atMs,
    kind: 'lint',
    site: node?.site ?? (step && 'site' in step ? step.site : null),
    nodeId: node?.id ?? null,
    nodeName: name,
    code,
    text: step ? `${what} was held back: ${text}` : `${what} is not complete: ${text}`,
    facts: { ...facts, ...(step ? { step: step.kind, reason: step.reason } : {}) },
    jobs: node?.jobs ?? [],
  }
}

function subject(step: NonNullable<Finding['step']>): string {
  if ('machine' in step) return step.machine
  return 'id' in step ? step.id : ''
}
