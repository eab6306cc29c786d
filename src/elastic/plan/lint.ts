import { hasToGo } from './lint-departures.ts'
import type { Breach, Finding, Invariant } from './lint-findings.ts'
import { gangBreaches } from './lint-gangs.ts'
import { capBreaches, moneyBreaches } from './lint-limits.ts'
import { gangsApart } from './lint-paths.ts'
import { usefulPhases } from './lint-phases.ts'
import { stepChecks } from './lint-step.ts'
import { numberOf, typeOf, type World, worldOf } from './lint-world.ts'
import type { Observation } from './observation.ts'
import type { Policy } from './policy.ts'
import { isNodeStep, type Plan, type Step } from './steps.ts'

/**
 * A second opinion on a plan, before it is carried out: which invariants it would break, and by which step. It shares no code
 * with the planner, so that one mistake is not made twice. Pure, and linear in the size of the observation and the plan.
 * @param now the time that the plan was made for, ms since the epoch
 */
export function lintPlan(plan: Plan, observation: Observation, policy: Policy, now: number): Finding[] {
  const world = worldOf(plan, observation, policy, now)
  const findings: Finding[] = []
  const report = (code: Invariant, step: Step | null, breach: Breach) => {
    if (breach) findings.push({ code, step, text: breach.text, facts: breach.facts ?? {} })
  }
  for (const step of plan.steps) for (const [code, check] of stepChecks) report(code, step, check(step, world))
  answers(world, report)
  lives(world, report)
  drains(world, report)
  for (const [code, step, breach] of moneyBreaches(world)) report(code, step, breach)
  for (const [code, step, breach] of capBreaches(world)) report(code, step, breach)
  for (const [code, step, breach] of gangBreaches(world)) report(code, step, breach)
  for (const [code, step, breach] of gangsApart(world)) report(code, step, breach)
  return findings
}

type Report = (code: Invariant, step: Step | null, breach: Breach) => void

/** Each live node has one step or one reason to wait. Of several steps none is better than the others: all are named. */
function answers(world: World, report: Report): void {
  const stepsOf = Map.groupBy(world.plan.steps.filter(isNodeStep), (step) => step.id)
  for (const { id, name } of world.byId.values()) {
    const steps = stepsOf.get(id) ?? []
    const waits = world.plan.waiting.has(id)
    if (steps.length + (waits ? 1 : 0) === 1) continue
    const text = `${name} has ${steps.length} steps and ${waits ? 'a' : 'no'} reason to wait`
    for (const step of steps.length > 0 ? steps : [null]) report('NotOneAnswer', step, { text, facts: { id, name } })
  }
  for (const id of world.plan.waiting.keys()) {
    if (!world.byId.has(id)) report('UnknownThing', null, { text: `no live node has the id ${id}, which waits` })
  }
}

/** New lives: one at a time for a name, and no more of a type than its maximum, those on their way out included. */
function lives(world: World, report: Report): void {
  const names = new Set(world.byName.keys())
  const count = new Map<string, number>()
  const growing = new Map<string, number>()
  for (const { site, type, phase } of world.byId.values()) {
    if (phase !== 'ready' && usefulPhases.has(phase))
      growing.set(`${site}/${type}`, (growing.get(`${site}/${type}`) ?? 0) + 1)
  }
  for (const { site, type } of world.byId.values())
    count.set(`${site}/${type}`, (count.get(`${site}/${type}`) ?? 0) + 1)
  for (const step of world.plan.steps) {
    const type = typeOf(step, world)
    const maximum = type?.maximum ?? 0
    if (step.kind === 'power-up') {
      const beyond = step.names.find((name) => (numberOf(name, type?.prefix ?? '') ?? 0) > maximum)
      if (beyond !== undefined)
        report('AboveMaximum', step, { text: `${beyond} is beyond the maximum`, facts: { maximum } })
    }
    if (step.kind !== 'begin' && step.kind !== 'adopt') continue
    const { name } = step
    const key = `${step.site}/${step.type}`
    if (names.has(name)) report('SecondLife', step, { text: `${name} has a life already`, facts: { name } })
    names.add(name)
    const until = world.obs.breakers.get(key)?.closedUntilMs ?? null
    if (step.kind === 'begin' && until !== null && until <= world.now) {
      const others = growing.get(key) ?? 0
      growing.set(key, others + 1)
      if (others > 0) {
        report('SiteClosed', step, { text: `${key} is half-open, and its probe is under way`, facts: { others } })
      }
    }
    const have = (count.get(key) ?? 0) + 1
    count.set(key, have)
    // A machine that is taken over is there, and costs, whether it is known or not.
    const tooMany = step.kind === 'begin' && have > maximum
    if (tooMany || (numberOf(name, type?.prefix ?? '') ?? 0) > maximum) {
      report('AboveMaximum', step, {
        text: `${name} would be beyond the maximum of ${key}`,
        facts: { name, have, maximum },
      })
    }
  }
}

/**
 * Drains, in the plan's order: none that leaves a type with fewer useful nodes than its minimum unless the node has to go, none
 * for a maximum that is not exceeded.
 */
function drains(world: World, report: Report): void {
  const left = new Map<string, number>()
  const drained = new Set<string>()
  for (const { site, type, phase } of world.byId.values()) {
    if (usefulPhases.has(phase)) left.set(`${site}/${type}`, (left.get(`${site}/${type}`) ?? 0) + 1)
  }
  for (const step of world.plan.steps) {
    const type = typeOf(step, world)
    if (!type) continue
    const key = `${type.site}/${type.type}`
    // A node that is given back is useful again: what comes later in the plan counts with it.
    if (step.kind === 'cancel-drain' && world.byId.get(step.id)?.phase === 'draining')
      left.set(key, (left.get(key) ?? 0) + 1)
    if (step.kind !== 'drain' || drained.has(step.id)) continue
    drained.add(step.id)
    const rest = (left.get(key) ?? 0) - 1
    const { minimum, maximum } = type
    left.set(key, rest)
    const node = world.byId.get(step.id)
    if (rest < minimum && !(node && hasToGo(node, world))) {
      report('BelowMinimum', step, { text: `${key} would keep ${rest} nodes of ${minimum}`, facts: { rest, minimum } })
    }
    if (step.reason.code === 'AboveMaximum' && rest < maximum) {
      report('NotShown', step, { text: `${key} has no more nodes than its ${maximum}`, facts: { rest, maximum } })
    }
  }
}
