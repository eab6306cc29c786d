import type { Job, Size } from './demand.ts'

/**
 * What a job needs is counted in shares of `perNode`: of a job for so many nodes each node gives one, of a job for slots as many as
 * it has room for.
 */
export function sharesNeeded(job: Pick<Job, 'slots' | 'nodeCount'>): number {
  return job.slots ?? job.nodeCount
}

/** How many shares of a job a node with this much room gives. */
export function sharesIn(room: Size, job: Pick<Job, 'slots' | 'perNode'>): number {
  const { perNode } = job
  const times = (['cpus', 'memoryMiB', 'gpus'] as const).map((what) =>
    perNode[what] > 0 ? Math.floor(room[what] / perNode[what]) : room[what] >= 0 ? Infinity : 0,
  )
  const most = Math.max(0, Math.min(...times))
  return job.slots === undefined ? Math.min(1, most) : Math.min(job.slots, most)
}

/** So many times a size. */
export function scaled(size: Size, times: number): Size {
  return { cpus: size.cpus * times, memoryMiB: size.memoryMiB * times, gpus: size.gpus * times }
}
