import { isDark } from './lint-departures.ts'
import type { Breach } from './lint-findings.ts'
import { deedOf } from './lint-phases.ts'
import { siteOf, type World } from './lint-world.ts'
import { isJobStep, isNodeStep, type Step } from './steps.ts'

/** `read`: in this round. `fresh`: also begun after the last act on the thing ended and after it came into its phase. */
type Need = 'read' | 'fresh'
interface Needs {
  readonly queue?: Need
  readonly site?: Need
}

/**
 * Which readings a step stands on. `create` and `power-up` may be done again without harm, so that an old reading does for
 * them. `give-up` stands on the failure alone, which the store has.
 */
const needs = {
  create: { site: 'read' },
  'move booting': { site: 'fresh' },
  'move ready': { queue: 'fresh' },
  'move deleting': { queue: 'fresh', site: 'read' },
  drain: { queue: 'fresh', site: 'read' },
  'cancel-drain': { queue: 'fresh', site: 'read' },
  'give-up': {},
  hold: { queue: 'fresh' },
  release: { queue: 'fresh' },
  confine: { queue: 'fresh' },
  register: { queue: 'fresh' },
  remove: { queue: 'read' },
  begin: { queue: 'fresh' },
  adopt: { queue: 'read', site: 'fresh' },
  collect: { queue: 'read', site: 'fresh' },
  'power-up': { queue: 'read' },
  refuse: { queue: 'fresh' },
  dismiss: { queue: 'fresh', site: 'read' },
  close: { queue: 'fresh' },
  reopen: { queue: 'fresh' },
} as const satisfies Record<string, Needs>

/** What a failure stands on, by its code; others stand on the clock and the store. */
const needsOfFailures: Readonly<Record<string, Needs>> = {
  MachineLost: { site: 'fresh' },
  // The queue may have the node without any report of it having come through: then it is no failure.
  BootTimeout: { queue: 'read' },
  InstallTimeout: { queue: 'read' },
  EnrolTimeout: { queue: 'read' },
}

/** Whether the sources that the step stands on were read, and late enough. */
export function readingMissing(step: Step, world: World): Breach {
  const { queue, site } = needsOf(step, world)
  const { obs } = world
  const siteName = siteOf(step, world)
  const reading = siteName === undefined ? undefined : obs.sites.get(siteName)
  const since = readingsCountSinceMs(step, world)
  if (queue && !obs.queue.ok) return { text: 'it stands on the queue, which could not be read' }
  if (site && !reading?.ok) return { text: `it stands on what ${siteName} has, which could not be read` }
  // Where a machine is made, the driver chooses among the hosts that answer.
  const node = isNodeStep(step) && step.kind !== 'create' ? world.byId.get(step.id) : undefined
  if (site && node && isDark(node, world)) return { text: 'it stands on what a host has that could not be read' }
  if (queue === 'fresh' && obs.queue.startedAtMs <= since) {
    return stale('the queue', obs.queue.startedAtMs, since)
  }
  if (site === 'fresh' && reading && reading.startedAtMs <= since) {
    return stale(`site ${siteName}`, reading.startedAtMs, since)
  }
  return null
}

function needsOf(step: Step, world: World): Needs {
  if (step.kind === 'fail') return needsOfFailures[step.failure.code] ?? {}
  // That the machine may go was found before. Not to tell the queue takes for given that it knows: it was told of a failure,
  // for the rest it must be seen. If it is told and does not take it, the machine stays.
  if (step.kind === 'remove' && (step.tellQueue || world.byId.get(step.id)?.failure)) return {}
  const key = isNodeStep(step) ? deedOf(step) : step.kind
  return (needs as Readonly<Record<string, Needs>>)[key] ?? {}
}

/** A reading that began at this time or before may show the thing as it was before the last change. */
function readingsCountSinceMs(step: Step, world: World): number {
  const settled = (key: string) => world.obs.settledAtMs.get(key) ?? 0
  if (isNodeStep(step)) return Math.max(settled(step.id), world.byId.get(step.id)?.phaseSinceMs ?? 0)
  if (isJobStep(step)) return Math.max(0, ...step.jobs.map((id) => settled(`job ${id}`)))
  if ('machine' in step) return settled(step.machine)
  return Math.max(0, ...('names' in step ? step.names : [step.name]).map(settled))
}

function stale(what: string, startedAtMs: number, sinceMs: number): Breach {
  return { text: `${what} was read before the last change ended`, facts: { startedAtMs, sinceMs } }
}
