import { hasToGo, keepsDrained } from './lint-departures.ts'
import type { Breach, Invariant } from './lint-findings.ts'
import { strangeJob } from './lint-job-steps.ts'
import { nameFactsMissing, nameTooEarly, strangeName } from './lint-name-steps.ts'
import { nodeFactsMissing, nodeTooEarly } from './lint-node-steps.ts'
import { pathBroken } from './lint-paths.ts'
import { deedOf, isLegal } from './lint-phases.ts'
import { readingMissing } from './lint-readings.ts'
import { isShut, namesOf, runningOn, siteOf, typeOf, type World } from './lint-world.ts'
import { reasonPrefix } from './reason-prefix.ts'
import { isJobStep, isNodeStep, type Step } from './steps.ts'

/** The invariants that a step keeps or breaks by itself, whatever else is in the plan. */
export const stepChecks: readonly (readonly [Invariant, (step: Step, world: World) => Breach])[] = [
  ['NoReason', (step) => (step.reason.text.trim() === '' ? { text: 'it does not say why' } : null)],
  ['UnknownThing', unknownThing],
  ['IllegalPhase', illegalPhase],
  ['ActUnderWay', actUnderWay],
  ['ReadingNeeded', readingMissing],
  ['NotShown', factsMissing],
  ['TooEarly', tooEarly],
  ['JobRunning', jobRunning],
  ['SiteClosed', siteClosed],
  ['SiteDrained', keepsDrained],
  ['PathBroken', pathBroken],
  ['AdminDrain', adminDrain],
]

function unknownThing(step: Step, world: World): Breach {
  if (isNodeStep(step) && !world.byId.has(step.id)) return { text: `no live node has the id ${step.id}` }
  if (isJobStep(step)) return strangeJob(step, world)
  // The end of a node whose site is no longer configured can be recorded, but nothing can be done there.
  if (['move', 'fail', 'give-up', 'cancel-drain'].includes(step.kind)) return null
  const site = siteOf(step, world)
  if (site === undefined || !world.sites.has(site)) return { text: `there is no site ${site}` }
  return isNodeStep(step) ? null : strangeName(step, world)
}

function illegalPhase(step: Step, world: World): Breach {
  const node = isNodeStep(step) && world.byId.get(step.id)
  if (!node || isLegal(step, node.phase)) return null
  return { text: `a node that is ${node.phase} can't be had for ${deedOf(step)}`, facts: { phase: node.phase } }
}

/**
 * Calls to the queue about free names are not looked at: they are made anew in every round until the queue shows their
 * effect, and whoever carries them out makes no second one while the first is under way.
 */
function actUnderWay(step: Step, world: World): Breach {
  if ('names' in step) return null
  const keys = isJobStep(step)
    ? step.jobs.map((id) => `job ${id}`)
    : isNodeStep(step)
      ? [step.id]
      : ['machine' in step ? step.machine : [], 'name' in step ? step.name : []].flat()
  const busy = keys.find((key) => world.obs.inFlight.has(key))
  return busy === undefined ? null : { text: `an act on ${busy} is under way` }
}

function factsMissing(step: Step, world: World): Breach {
  if (isJobStep(step)) return null
  if (!isNodeStep(step)) return nameFactsMissing(step, world)
  const node = world.byId.get(step.id)
  return node ? nodeFactsMissing(step, node, world) : null
}

function tooEarly(step: Step, world: World): Breach {
  if (isJobStep(step)) return null
  if (!isNodeStep(step)) return nameTooEarly(step, world)
  const node = world.byId.get(step.id)
  return node ? nodeTooEarly(step, node, world) : null
}

/** A drain ends no job: one that a job runs on is drained only when it has to go. A node that has failed is lost to its job already; the job of a name belongs to the life that has the name now. */
function jobRunning(step: Step, world: World): Breach {
  const node = isNodeStep(step) && world.byId.get(step.id)
  const drains = node && step.kind === 'drain' && !hasToGo(node, world)
  const takesNode = drains || step.kind === 'remove' || (step.kind === 'move' && step.to === 'deleting')
  if (!(node ? takesNode && !node.failure : step.kind === 'collect')) return null
  for (const name of namesOf(step, world)) {
    if (!node && world.byName.has(name)) continue
    const running = runningOn(name, world)
    if (running) return { text: `a job runs on ${name}`, facts: { name, ...running } }
  }
  return null
}

function siteClosed(step: Step, world: World): Breach {
  const type = typeOf(step, world)
  const starts =
    step.kind === 'begin' ||
    step.kind === 'power-up' ||
    step.kind === 'reopen' ||
    (step.kind === 'create' && world.byId.get(step.id)?.phase === 'planned')
  return starts && type && isShut(type, world) ? { text: `${type.site}/${type.type} is closed after failures` } : null
}

function adminDrain(step: Step, world: World): Breach {
  if (!['drain', 'close', 'reopen', 'power-up'].includes(step.kind)) return null
  for (const name of namesOf(step, world)) {
    const inQueue = world.queueNodes.get(name)
    if (!inQueue || !(inQueue.drained || inQueue.down) || inQueue.reason.startsWith(reasonPrefix)) continue
    return { text: `an admin took ${name} out of use`, facts: { name, reason: inQueue.reason } }
  }
  return null
}
