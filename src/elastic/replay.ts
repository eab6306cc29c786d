import { plan } from './plan/plan.ts'
import type { Policy } from './plan/policy.ts'
import type { Step } from './plan/steps.ts'
import { decodeRound } from './recording.ts'
import type { BadLine } from './simulate/trace.ts'
import { BadLines, type OnBad } from './simulate/traces/bad-lines.ts'
import { linesOf } from './simulate/traces/lines.ts'

/** How often a kind of decision was taken anew: by the policy of the recording, and by the other. */
export interface DecisionCount {
  /** Such as `begin WantedByQueue`. */
  readonly decision: string
  readonly recorded: number
  readonly replayed: number
}

/** A round in which the two policies decide differently. */
export interface Difference {
  readonly atMs: number
  /** Such as `drain east-1: idle for 312 s, ...`. */
  readonly onlyRecorded: readonly string[]
  readonly onlyReplayed: readonly string[]
}

/** What another policy would have decided in the situations of a recording. */
export interface ReplayReport {
  readonly rounds: number
  readonly differing: number
  readonly decisions: readonly DecisionCount[]
  /** The first of them. */
  readonly differences: readonly Difference[]
  readonly bad: readonly BadLine[]
}

/** How many differing rounds are told in full. */
const told = 20

/**
 * Asks another policy what it would have decided in each recorded round. Each round is taken as it was: what would have come
 * of other decisions is for `simulate` to say. Costs of past lives are known only for the budgets that were in force then.
 * @throws CausewayError `NotFound`, `InvalidRequest`: the file, or with `onBad: 'fail'` its first line that can't be understood
 */
export async function replay(
  file: string,
  policy: { at(nowMs: number): Policy },
  onBad: OnBad = 'skip',
): Promise<ReplayReport> {
  const bad = new BadLines(file, onBad)
  const counts = new Map<string, { recorded: number; replayed: number }>()
  const differences: Difference[] = []
  const seen = { recorded: new Set<string>(), replayed: new Set<string>() }
  let [line, rounds, differing] = [0, 0, 0]
  for await (const text of linesOf(file, true)) {
    line++
    if (text.trim() === '') continue
    const round = decodeRound(text)
    if (typeof round === 'string') {
      bad.add(line, text, round)
      continue
    }
    rounds++
    const { atMs, observation } = round
    const names = new Map(observation.nodes.map((node) => [node.id, node.name]))
    const byKey = (steps: readonly Step[]) => new Map(steps.map((step) => [keyOf(step, names), step]))
    const sides = {
      recorded: byKey(round.steps),
      replayed: byKey(plan(observation, policy.at(atMs), atMs).steps),
    }
    for (const side of ['recorded', 'replayed'] as const) {
      for (const [key, step] of sides[side]) {
        // What a round decides that the one before had decided too is the same decision.
        if (seen[side].has(key)) continue
        const decision = `${step.kind} ${step.reason.code}`
        const count = counts.get(decision) ?? { recorded: 0, replayed: 0 }
        count[side]++
        counts.set(decision, count)
      }
      seen[side] = new Set(sides[side].keys())
    }
    const onlyRecorded = missing(sides.recorded, sides.replayed)
    const onlyReplayed = missing(sides.replayed, sides.recorded)
    if (onlyRecorded.length + onlyReplayed.length === 0) continue
    differing++
    if (differences.length < told) differences.push({ atMs, onlyRecorded, onlyReplayed })
  }
  const decisions = [...counts].map(([decision, count]) => ({ decision, ...count }))
  decisions.sort((a, b) => (a.decision < b.decision ? -1 : 1))
  return { rounds, differing, decisions, differences, bad: bad.found }
}

function keyOf(step: Step, names: ReadonlyMap<string, string>): string {
  if ('id' in step)
    return `${step.kind}${step.kind === 'move' ? ` to ${step.to}` : ''} ${names.get(step.id) ?? step.id}`
  if ('jobs' in step && !('name' in step)) return `${step.kind} ${step.jobs.join(' ')}`
  if ('names' in step) return `${step.kind} ${step.names.join(' ')}`
  return `${step.kind} ${'name' in step ? step.name : step.machine}`
}

function missing(from: ReadonlyMap<string, Step>, other: ReadonlyMap<string, Step>): string[] {
  return [...from].flatMap(([key, step]) => (other.has(key) ? [] : [`${key}: ${step.reason.text}`]))
}
