import type { Job } from './demand.ts'
import type { Breach, Invariant } from './lint-findings.ts'
import { usefulPhases } from './lint-phases.ts'
import { jobsById, type World } from './lint-world.ts'
import type { NameStep, Step } from './steps.ts'

type Begin = NameStep & { readonly kind: 'begin' }

/**
 * Begins for a job that can't have all its nodes. Where the scheduler places: one of the nodes that it asks for on behalf of
 * the job has no life and gets none. Where Causeway does: with all that lives at the sites of these begins there are too few.
 * A half-open type is tried with one node.
 */
export function gangBreaches(world: World): (readonly [Invariant, Step | null, Breach])[] {
  const begins = world.plan.steps.filter((step): step is Begin => step.kind === 'begin')
  if (!begins.some((step) => step.jobs.length > 0)) return []
  const jobs = jobsById(world)
  const begun = new Set(begins.map((step) => step.name))
  const byJob = new Map<string, Begin[]>()
  for (const step of begins) for (const id of step.jobs) byJob.set(id, [...(byJob.get(id) ?? []), step])
  const broken = new Set<string>()
  for (const [id, steps] of byJob) {
    const job = jobs.get(id)
    if (!job || job.nodeCount < 2 || steps.some((step) => isHalfOpen(step, world))) continue
    const lacks = world.obs.places === 'scheduler' ? isLeftOut(job, begun, world) : areTooFew(job, steps, world)
    if (lacks) broken.add(id)
  }
  return begins.flatMap((step) => {
    const job = step.jobs.find((id) => broken.has(id))
    return job === undefined
      ? []
      : [['GangSplit', step, { text: `job ${job} can't have all its nodes`, facts: { job } }]]
  })
}

function isLeftOut(job: Job, begun: ReadonlySet<string>, { obs, byName, queueNodes, policy }: World): boolean {
  return job.nodes.some((name) => {
    if (byName.has(name) || begun.has(name) || queueNodes.get(name)?.power !== 'wanted') return false
    // What an act is under way on, or was a moment ago, is looked at again in the next round; so is what waits for a probe.
    const readAtMs = obs.queue.startedAtMs
    const later = obs.inFlight.has(name) || readAtMs <= (obs.settledAtMs.get(name) ?? 0)
    const ours = policy.types.some(({ prefix }) => name.startsWith(`${prefix}-`))
    const probed = policy.types.some(
      (type) =>
        name.startsWith(`${type.prefix}-`) && obs.breakers.get(`${type.site}/${type.type}`)?.closedUntilMs != null,
    )
    return ours && !later && !probed
  })
}

function areTooFew(job: Job, steps: readonly Begin[], { byId, queueNodes, policy }: World): boolean {
  const rule = policy.placement.find(
    ({ queue, feature }) => [job.partition, ''].includes(queue) && (feature === '' || job.features.includes(feature)),
  )
  const spans = job.anySite === true || (rule?.spread ?? 'one-site') !== 'one-site'
  const sites = new Set(steps.map((step) => step.site))
  let there = 0
  for (const { site, phase, name } of byId.values()) {
    // What is on its way is not judged by what the queue says of its name.
    const works = phase === 'ready' || phase === 'draining' ? !queueNodes.get(name)?.down : usefulPhases.has(phase)
    if ((spans || sites.has(site)) && works) there++
  }
  return steps.length + there < job.nodeCount
}

function isHalfOpen({ site, type }: Begin, { obs }: World): boolean {
  return obs.breakers.get(`${site}/${type}`)?.closedUntilMs != null
}
