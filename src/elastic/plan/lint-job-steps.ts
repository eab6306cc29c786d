import type { Breach } from './lint-findings.ts'
import type { World } from './lint-world.ts'
import type { JobStep } from './steps.ts'

/**
 * Whether a step on jobs is about pending jobs of the queue: one that is held must be free of other obstacles, and one that
 * is released must be held by Causeway. An element of an array may be named though the queue lists the array as a whole.
 */
export function strangeJob({ kind, jobs }: JobStep, world: World): Breach {
  const queue = world.obs.queue.ok ? world.obs.queue.value.jobs : []
  const wanted = kind === 'hold' ? null : 'HeldByCauseway'
  const fitting = new Set(queue.filter((job) => job.state === 'pending' && job.blocked === wanted).map(({ id }) => id))
  const arrays = new Set([...fitting].flatMap((id) => (id.includes('_[') ? id.slice(0, id.indexOf('_[')) : [])))
  const strange = jobs.find((id) => !fitting.has(id) && !arrays.has(id.split('_')[0] ?? id))
  return strange === undefined ? null : { text: `job ${strange} is not one to ${kind}`, facts: { job: strange } }
}
