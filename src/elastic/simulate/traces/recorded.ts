import { basename } from 'node:path'
import { arrayOf, isUnsplitArray } from '../../../base/job-id.ts'
import type { Job } from '../../plan/demand.ts'
import type { Trace, TraceJob } from '../trace.ts'
import { BadLines, type OnBad } from './bad-lines.ts'
import { LeftOutCounts } from './left-out.ts'
import { linesOf } from './lines.ts'
import { queueOfLine } from './recorded-line.ts'

/**
 * Makes a trace of a recording of the live loop: JSON lines, a round each. Rounds in which the queue could not be read say
 * nothing. The trace begins with the first snapshot, and replays what ran between the first and the last one:
 *
 * - A job ran until its end was seen, or else until the first snapshot without it.
 * - A job that was already submitted or running at the first snapshot is submitted with it, and runs for the rest of its time.
 * - A job that still runs at the last snapshot is cut there, so that the trace asks for the nodes that were asked for.
 * - Left out and counted: jobs that were never seen running (cancelled, or too short to be seen), jobs that still wait at the
 *   end, and elements of arrays that were never split off.
 *
 * @throws CausewayError `NotFound`, `InvalidRequest` when the file can't be read, or at the first broken line with `onBad: 'fail'`
 */
export async function readRecorded(path: string, options: { readonly onBad?: OnBad } = {}): Promise<Trace> {
  const bad = new BadLines(path, options.onBad ?? 'skip')
  const history = new History()
  let line = 0
  for await (const text of linesOf(path, true)) {
    line++
    if (text.trim() === '') continue
    const queue = queueOfLine(text)
    if ('broken' in queue) bad.add(line, text, queue.broken)
    else if ('jobs' in queue && queue.atMs < history.lastMs) bad.add(line, text, 'is older than the line before')
    else if ('jobs' in queue) history.add(queue.atMs, queue.jobs)
  }
  return { ...history.trace(), name: basename(path).replace(/\.gz$/, ''), bad: bad.found }
}

/** What is known of one job so far. */
interface Seen {
  job: Job
  startedAtMs: number | null
  endedAtMs: number | null
}

/** What is known of an array's elements that are not split off. */
interface Unsplit {
  count: number
  /** Elements that showed up since `count` was read. */
  splitSince: number
}

/** Follows jobs from one snapshot to the next. */
class History {
  #firstMs: number | null = null
  lastMs = Number.NEGATIVE_INFINITY
  readonly #seen = new Map<string, Seen>()
  /** Jobs of the last snapshot that had not ended. */
  #alive = new Set<string>()
  readonly #arrays = new Map<string, Unsplit>()

  /** Takes in the jobs of one snapshot; snapshots come in the order of their times. */
  add(atMs: number, jobs: readonly Job[]): void {
    this.#firstMs ??= atMs
    this.lastMs = atMs
    const alive = new Set<string>()
    for (const job of jobs) {
      if (isUnsplit(job)) continue
      this.#see(job)
      if (job.state !== 'ended') alive.add(job.id)
    }
    for (const job of jobs) if (isUnsplit(job)) this.#arrays.set(arrayOf(job.id), { count: job.count, splitSince: 0 })
    for (const id of this.#alive) {
      const gone = alive.has(id) ? undefined : this.#seen.get(id)
      if (gone) gone.endedAtMs ??= atMs
    }
    this.#alive = alive
  }

  #see(job: Job): void {
    const seen = this.#seen.get(job.id)
    const array = seen ? undefined : this.#arrays.get(arrayOf(job.id))
    if (array) array.splitSince++
    // A job that waits again was sent back to the queue: its earlier start is void. What is said last is right.
    const startedAtMs = job.state === 'pending' ? null : (job.startedAtMs ?? seen?.startedAtMs ?? null)
    const endedAtMs = job.state === 'ended' ? (job.endedAtMs ?? seen?.endedAtMs ?? this.lastMs) : null
    this.#seen.set(job.id, { job, startedAtMs, endedAtMs })
  }

  trace(): Pick<Trace, 'startedAtMs' | 'jobs' | 'leftOut'> {
    const firstMs = this.#firstMs ?? 0
    const leftOut = new LeftOutCounts()
    const jobs: TraceJob[] = []
    for (const { job, startedAtMs, endedAtMs } of this.#seen.values()) {
      const end = endedAtMs ?? this.lastMs
      if (startedAtMs === null) leftOut.add(endedAtMs === null ? 'still waiting at the end' : 'never seen running')
      else if (end <= firstMs) leftOut.add('ended before the recording began')
      else jobs.push(traceJob(job, firstMs, end - Math.max(firstMs, startedAtMs)))
    }
    for (const { count, splitSince } of this.#arrays.values()) {
      leftOut.add('array elements that were never split off', Math.max(0, count - splitSince))
    }
    jobs.sort((a, b) => a.submitMs - b.submitMs)
    return { startedAtMs: firstMs, jobs, leftOut: leftOut.list() }
  }
}

function traceJob(job: Job, firstMs: number, runMs: number): TraceJob {
  return {
    id: job.id,
    submitMs: Math.max(0, job.submittedAtMs - firstMs),
    runMs: Math.max(1, runMs),
    wallMs: job.wallMs,
    nodeCount: job.nodeCount,
    perNode: job.perNode,
    exclusive: job.exclusive,
    user: job.user,
    account: job.account,
    queue: job.partition,
    features: job.features,
  }
}

/** An id of several elements may even stand for a single one. */
function isUnsplit(job: Job): boolean {
  return job.count > 1 || isUnsplitArray(job.id)
}
