import type { Clock } from '../base/clock.ts'
import { toCausewayError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { JobReason, Plan } from './plan/steps.ts'
import type { Scheduler } from './scheduler.ts'

/** How often the queue is told something, ms: it is for people, and each time is work for the scheduler. */
const everyMs = 10_000

/** How many jobs are told of at once; the others come next time, those at the head of the queue first. */
const jobsAtOnce = 200

/** Longest text, characters. */
const longest = 200

/**
 * Keeps the queue's own word on jobs in step with `causeway why`: what the scheduler's commands show of a job that waits says why. A job
 * is told of again when the kind of its reason changes, not with every number in it.
 */
export class Explainer {
  readonly #scheduler: Pick<Scheduler, 'explain'>
  readonly #clock: Clock
  readonly #log: Logger
  /** What kind of reason was last told, by job. */
  readonly #told = new Map<string, JobReason['code']>()
  #nextAtMs = 0
  #running: Promise<void> | null = null

  constructor(scheduler: Pick<Scheduler, 'explain'>, clock: Clock, log: Logger) {
    this.#scheduler = scheduler
    this.#clock = clock
    this.#log = log
  }

  /** Tells the queue what is new, in the background, if it is time to. */
  tell(plan: Pick<Plan, 'jobs'>): void {
    const now = this.#clock.now()
    if (this.#running || now < this.#nextAtMs) return
    this.#nextAtMs = now + everyMs
    const fresh = this.#fresh(plan.jobs)
    if (fresh.length === 0) return
    const texts = new Map(fresh.map((reason) => [reason.job, `${reason.code}: ${reason.text}`.slice(0, longest)]))
    this.#running = this.#scheduler
      .explain(texts)
      .then(() => fresh.forEach(({ job, code }) => this.#told.set(job, code)))
      .catch((thrown: unknown) => {
        const err = toCausewayError(thrown)
        this.#log.warn({ code: err.code, err }, 'the queue could not be told why its jobs wait; it is tried again')
      })
      .finally(() => {
        this.#running = null
      })
  }

  /** Resolves when nothing is being told. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Jobs that wait and were not told of yet, or of another kind of reason; and forgets those that are no longer there. */
  #fresh(reasons: readonly JobReason[]): JobReason[] {
    const there = new Set<string>()
    const fresh: JobReason[] = []
    for (const reason of reasons) {
      const { job, code } = reason
      if (code === 'Ended') continue
      there.add(job)
      const before = this.#told.get(job)
      // Of a job that runs without ever having waited there is nothing to correct.
      if (before === code || (before === undefined && code === 'Running')) continue
      if (fresh.length < jobsAtOnce) fresh.push(reason)
    }
    for (const job of this.#told.keys()) if (!there.has(job)) this.#told.delete(job)
    return fresh
  }
}
