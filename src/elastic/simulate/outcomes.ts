import type { QueueJob } from './queue-model.ts'
import type { JobOutcome } from './result.ts'
import type { Trace } from './trace.ts'

/** How the jobs of a trace fared, as it becomes known. */
export class Outcomes {
  readonly #trace: Trace
  /** By the jobs' places in the trace; NaN: not yet. Times in ms since the epoch. */
  readonly #startMs: Float64Array
  readonly #endMs: Float64Array
  readonly #sites: (readonly string[])[] = []
  /** Each choice of sites once. */
  readonly #choices = new Map<string, readonly string[]>()

  constructor(trace: Trace) {
    this.#trace = trace
    this.#startMs = new Float64Array(trace.jobs.length).fill(NaN)
    this.#endMs = new Float64Array(trace.jobs.length).fill(NaN)
  }

  started(job: QueueJob, nowMs: number): void {
    this.#startMs[job.index] = nowMs
    const sites = [...new Set(job.on.map(({ pool }) => pool.site))]
    const key = sites.join(' ')
    const known = this.#choices.get(key) ?? sites
    this.#choices.set(key, known)
    this.#sites[job.index] = known
  }

  ended(job: QueueJob, nowMs: number): void {
    this.#endMs[job.index] = nowMs
  }

  all(): readonly JobOutcome[] {
    return this.#trace.jobs.map(({ id, submitMs, nodeCount, runMs, user }, i) => ({
      id,
      submitMs,
      startMs: this.#fromStart(this.#startMs[i]),
      endMs: this.#fromStart(this.#endMs[i]),
      nodeCount,
      runMs,
      user,
      sites: this.#sites[i] ?? [],
    }))
  }

  #fromStart(atMs: number | undefined): number | null {
    return atMs === undefined || Number.isNaN(atMs) ? null : atMs - this.#trace.startedAtMs
  }
}
