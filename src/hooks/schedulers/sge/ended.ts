import type { Job } from '../../../elastic/plan/demand.ts'
import { jobArguments } from './tasks.ts'

/** How long a job that is gone is told of. */
const keptMs = 300_000

/**
 * Grid Engine forgets a job at its end (what it keeps, `qstat -s z`, says neither where it ran nor when it ended). Here is what
 * was last seen of those that are gone. A job that came and went between two readings is never seen.
 */
export class EndedJobs {
  #seen: ReadonlyMap<string, Job> = new Map()
  readonly #ended = new Map<string, Job>()

  /** Takes in a reading and returns the jobs that have ended lately. */
  after(jobs: readonly Job[], nowMs: number): Job[] {
    const now = new Map(jobs.map((job) => [job.id, job]))
    const waiting = new Set(jobs.filter((job) => job.state === 'pending').map(numberOf))
    for (const [id, job] of this.#seen) {
      // Elements that wait are listed by ranges: such an id going says nothing, nor does an element while others of it wait.
      const isGone = !now.has(id) && (job.state !== 'pending' || !id.includes('.'))
      const isBack = id.includes('.') && waiting.has(numberOf(job)) && wasRequeued(job, jobs)
      if (isGone && !isBack) {
        this.#ended.set(id, { ...job, state: 'ended', reason: '', blocked: null, endedAtMs: nowMs })
      }
    }
    for (const [id, job] of this.#ended) {
      if (now.has(id) || nowMs - (job.endedAtMs ?? 0) > keptMs) this.#ended.delete(id)
    }
    this.#seen = now
    return [...this.#ended.values()]
  }
}

function numberOf(job: Job): string {
  return job.id.split('.')[0] ?? ''
}

/** Whether an element that ran is among those that wait. */
function wasRequeued(job: Job, jobs: readonly Job[]): boolean {
  const task = Number(job.id.split('.')[1])
  return jobs.some(
    (other) =>
      other.state === 'pending' &&
      numberOf(other) === numberOf(job) &&
      jobArguments(other.id).some((argument) => includes(argument, task)),
  )
}

/** Whether `12.3-9:2` has an element. */
function includes(argument: string, task: number): boolean {
  const [ends = '', step = '1'] = (argument.split('.')[1] ?? '').split(':')
  const [first = '', last = first] = ends.split('-')
  return task >= Number(first) && task <= Number(last) && (task - Number(first)) % Number(step) === 0
}
