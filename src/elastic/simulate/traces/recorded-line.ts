import type { Job, Size } from '../../plan/demand.ts'

/** The version of the format that is understood. */
const version = 1

const states: ReadonlySet<unknown> = new Set<Job['state']>([
  'pending',
  'starting',
  'running',
  'completing',
  'ended',
  'other',
])

/** The jobs of one recorded round; nothing if the queue could not be read then; or why the line can't be understood. */
export type RecordedQueue =
  | { readonly atMs: number; readonly jobs: readonly Job[] }
  | { readonly unread: true }
  | { readonly broken: string }

/** Reads one line of a recording. `atMs`: when the reading of the queue began, ms since the epoch. */
export function queueOfLine(text: string): RecordedQueue {
  let round: unknown
  try {
    round = JSON.parse(text)
  } catch {
    return { broken: 'is not JSON' }
  }
  if (member(round, 'v') !== version) return { broken: `is not of version ${version} (member "v")` }
  const queue = member(member(round, 'observation'), 'queue')
  if (member(queue, 'ok') === false) return { unread: true }
  const atMs = member(queue, 'startedAtMs')
  const jobs = member(member(queue, 'value'), 'jobs')
  if (!isNumber(atMs) || !Array.isArray(jobs)) return { broken: 'has no queue with startedAtMs and jobs' }
  for (const job of jobs) {
    const wrong = wrongMember(job)
    if (wrong) return { broken: `has a job with a wrong or missing "${wrong}"` }
  }
  return { atMs, jobs: jobs as Job[] }
}

/** The first of those members that are used that is not of its type; null if all are. */
function wrongMember(job: unknown): string | null {
  for (const key of ['id', 'user', 'account', 'partition', 'features']) {
    if (typeof member(job, key) !== 'string') return key
  }
  for (const key of ['nodeCount', 'count']) {
    const value = member(job, key)
    if (!isNumber(value) || value < 1) return key
  }
  if (!isNumber(member(job, 'submittedAtMs'))) return 'submittedAtMs'
  for (const key of ['startedAtMs', 'endedAtMs', 'wallMs']) {
    const value = member(job, key)
    if (value !== null && !isNumber(value)) return key
  }
  if (!states.has(member(job, 'state'))) return 'state'
  if (typeof member(job, 'exclusive') !== 'boolean') return 'exclusive'
  return isSize(member(job, 'perNode')) ? null : 'perNode'
}

function isSize(value: unknown): value is Size {
  return ['cpus', 'memoryMiB', 'gpus'].every((key) => isNumber(member(value, key)))
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
