import type { Breach, Finding, Invariant } from './lint-findings.ts'
import { usefulPhases } from './lint-phases.ts'
import { stepChecks } from './lint-step.ts'
import { isNodeStep, numberOf, siteOf, type World, worldOf } from './lint-world.ts'
import type { Observation } from './observation.ts'
import type { Policy } from './policy.ts'
import type { Plan, Step } from './steps.ts'

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
  minima(world, report)
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

/** New lives: one at a time for a name, and no more at a site than its maximum, those on their way out included. */
function lives(world: World, report: Report): void {
  const names = new Set(world.byName.keys())
  const count = new Map<string, number>()
  for (const node of world.byId.values()) count.set(node.site, (count.get(node.site) ?? 0) + 1)
  for (const step of world.plan.steps) {
    const maximum = world.sites.get(siteOf(step, world) ?? '')?.maximum ?? Infinity
    if (step.kind === 'power-up') {
      const beyond = step.names.find((name) => (numberOf(name, step.site) ?? 0) > maximum)
      if (beyond !== undefined)
        report('AboveMaximum', step, { text: `${beyond} is beyond the maximum`, facts: { maximum } })
    }
    if (step.kind !== 'begin' && step.kind !== 'adopt') continue
    const { name, site } = step
    if (names.has(name)) report('SecondLife', step, { text: `${name} has a life already`, facts: { name } })
    names.add(name)
    const have = (count.get(site) ?? 0) + 1
    count.set(site, have)
    // A machine that is taken over is there, and costs, whether it is known or not.
    const tooMany = step.kind === 'begin' && have > maximum
    if (tooMany || (numberOf(name, site) ?? 0) > maximum) {
      report('AboveMaximum', step, {
        text: `${name} would be beyond the maximum of ${site}`,
        facts: { name, have, maximum },
      })
    }
  }
}

/** Drains that leave a site with fewer useful nodes than its minimum: the later ones in the plan are the ones too many. */
function minima(world: World, report: Report): void {
  const left = new Map<string, number>()
  const drained = new Set<string>()
  for (const node of world.byId.values()) {
    if (usefulPhases.has(node.phase)) left.set(node.site, (left.get(node.site) ?? 0) + 1)
  }
  for (const step of world.plan.steps) {
    const site = siteOf(step, world)
    if (step.kind !== 'drain' || site === undefined || drained.has(step.id)) continue
    drained.add(step.id)
    const rest = (left.get(site) ?? 0) - 1
    const minimum = world.sites.get(site)?.minimum ?? 0
    left.set(site, rest)
    if (rest < minimum) {
      report('BelowMinimum', step, { text: `${site} would keep ${rest} nodes of ${minimum}`, facts: { rest, minimum } })
    }
  }
}
