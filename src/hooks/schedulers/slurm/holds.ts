import { type AdminComment, formatAdminComment, parseAdminComment } from './admin-comment.ts'
import type { SlurmJob } from './squeue.ts'

/**
 * One `scontrol` command for some jobs. `hold` sets priority and comment at once, so there is no moment in which a hold of ours
 * looks like somebody else's.
 */
export type JobUpdate =
  | { readonly act: 'hold' | 'comment'; readonly ids: readonly string[]; readonly comment: string }
  | { readonly act: 'release'; readonly ids: readonly string[] }

/** Most jobs in one command: slurmctld takes about half a millisecond for each. */
const mostIds = 2000
/** Most characters of their ids: Linux takes up to 128 KiB in one argument. */
const mostCharacters = 100_000

/** The argument vectors that carry an update out, none of them too long. */
export function jobUpdateArgvs(update: JobUpdate): string[][] {
  return groupsOf(update.ids).map((group) => {
    const ids = group.join(',')
    if (update.act === 'release') return ['scontrol', 'release', ids]
    const priority = update.act === 'hold' ? ['priority=0'] : []
    return ['scontrol', 'update', `jobid=${ids}`, ...priority, `admincomment=${update.comment}`]
  })
}

/** Lists of ids that fit into one argument each. */
export function groupsOf(ids: readonly string[]): string[][] {
  const groups: string[][] = []
  let characters = 0
  for (const id of ids) {
    const group = groups.at(-1)
    if (group && group.length < mostIds && characters + id.length < mostCharacters) group.push(id)
    else {
      groups.push([id])
      characters = 0
    }
    characters += id.length + 1
  }
  return groups
}

/** The jobs that a hold is for: pending, and held by nobody. */
export function updatesForHold(jobs: readonly SlurmJob[], reason: string): JobUpdate[] {
  const free = jobs.filter(isFree)
  return byComment(free, (old) => ({ ...old, hold: reason })).map((group) => ({
    act: 'hold',
    ...group,
  }))
}

export function updatesForRelease(jobs: readonly SlurmJob[]): JobUpdate[] {
  return release(jobs.filter((job) => job.blocked === 'HeldByCauseway'))
}

/**
 * What makes good where something came between: a job that began as it was being held would be held when it goes back to the
 * queue, and a mark on a job that somebody has let go would make that one's own later hold look like ours.
 */
export function updatesForTidying(jobs: readonly SlurmJob[]): { release: JobUpdate[]; unmark: JobUpdate[] } {
  const begun = jobs.filter((job) => job.state !== 'pending' && job.state !== 'ended' && job.heldByUs)
  const stale = jobs.filter((job) => job.state !== 'ended' && isMarked(job) && !job.heldByUs)
  return {
    release: release(begun),
    unmark: byComment([...stale, ...begun], (old) => ({ ...old, hold: null })).map(comment),
  }
}

/**
 * What makes jobs say why they are where they are; an empty text takes away what was said. Left alone are jobs of which Slurm
 * itself says why they wait: a change takes its reason away until it looks at the job again, and until then the job would look as if
 * only nodes were missing.
 * @param texts by job id
 */
export function updatesForExplain(jobs: readonly SlurmJob[], texts: ReadonlyMap<string, string>): JobUpdate[] {
  const told = jobs.filter((job) => {
    const isOpen = job.state !== 'ended' && (job.blocked === null || job.blocked === 'HeldByCauseway')
    return isOpen && texts.has(job.id) && job.adminComment !== explained(job, texts)
  })
  const groups = Map.groupBy(told, (job) => explained(job, texts))
  return [...groups].map(([text, group]) => comment({ comment: text, ids: group.map((job) => job.id) }))
}

function explained(job: SlurmJob, texts: ReadonlyMap<string, string>): string {
  return formatAdminComment({ ...parseAdminComment(job.adminComment), why: texts.get(job.id) || null })
}

function comment(group: { readonly ids: readonly string[]; readonly comment: string }): JobUpdate {
  return { act: 'comment', ...group }
}

export function isFree(job: SlurmJob): boolean {
  return job.state === 'pending' && job.blocked !== 'Held' && job.blocked !== 'HeldByCauseway'
}

function isMarked(job: { readonly adminComment: string }): boolean {
  return parseAdminComment(job.adminComment).hold !== null
}

function release(jobs: readonly SlurmJob[]): JobUpdate[] {
  return jobs.length === 0 ? [] : [{ act: 'release', ids: jobs.map((job) => job.id) }]
}

/** The jobs by the comments that they get; of each only our part about the hold changes. */
function byComment(
  jobs: readonly SlurmJob[],
  change: (old: AdminComment) => AdminComment,
): { ids: readonly string[]; comment: string }[] {
  const groups = Map.groupBy(jobs, (job) => formatAdminComment(change(parseAdminComment(job.adminComment))))
  return [...groups].map(([text, group]) => ({ ids: group.map((job) => job.id), comment: text }))
}
