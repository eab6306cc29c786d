import { arrayOf, isUnsplitArray } from '../../base/job-id.ts'
import type { Job } from './demand.ts'
import type { Breach } from './lint-findings.ts'
import { jobsById, type World } from './lint-world.ts'
import type { JobStep } from './steps.ts'

/**
 * Whether a step on jobs is about pending jobs of the queue: one that is held or confined must be free of other obstacles, and one
 * that is released must be held by Causeway. An element of an array may be named though the queue lists the array as a whole.
 */
export function strangeJob(step: JobStep, world: World): Breach {
  const { kind, jobs } = step
  if (kind === 'confine' && !world.sites.has(step.site)) return { text: `there is no site ${step.site}` }
  const known = jobsById(world)
  const wanted = kind === 'release' ? 'HeldByCauseway' : null
  const fits = (job: Job | undefined) => job?.state === 'pending' && job.blocked === wanted
  const doubtful = jobs.filter((id) => !fits(known.get(id)))
  if (doubtful.length === 0) return null
  // An array that the queue lists as a whole, or an id that it lists more than once.
  const queue = world.obs.queue.ok ? world.obs.queue.value.jobs : []
  const fitting = new Set(queue.filter(fits).map(({ id }) => id))
  const arrays = new Set([...fitting].filter(isUnsplitArray).map(arrayOf))
  const strange = doubtful.find((id) => !fitting.has(id) && !arrays.has(arrayOf(id)))
  return strange === undefined ? null : { text: `job ${strange} is not one to ${kind}`, facts: { job: strange } }
}
