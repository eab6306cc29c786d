import type { Job } from '../../../elastic/plan/demand.ts'
import { encodeContext, explainMark, holdMark } from './names.ts'
import type { Reading } from './reader.ts'
import { jobArguments } from './tasks.ts'

/** Jobs in one command. */
const jobsAtOnce = 500

/** The jobs that a hold is for: pending, and held by nobody. */
export function isFree(job: Job): boolean {
  return job.state === 'pending' && job.blocked !== 'Held' && job.blocked !== 'HeldByCauseway'
}

/** A system hold, which only managers can end, and the mark: both by one command, so that no hold of ours looks like another's. */
export function holdArgvs(ids: readonly string[], reason: string): string[][] {
  return argvs(['qalter', '-h', 's', '-ac', `${holdMark}=${encodeContext(reason) || 'yes'}`], ids.flatMap(jobArguments))
}

export function releaseArgvs(ids: readonly string[]): string[][] {
  return argvs(['qalter', '-h', 'S'], ids.flatMap(jobArguments))
}

export function unmarkArgvs(numbers: readonly number[]): string[][] {
  return argvs(['qalter', '-dc', holdMark], numbers.map(String))
}

/** One command for all jobs of which the same is said. */
export function explainArgvs(texts: ReadonlyMap<string, string>): string[][] {
  const byText = Map.groupBy(texts, ([, text]) => text)
  return [...byText].flatMap(([text, jobs]) => {
    const numbers = new Set(jobs.map(([id]) => id.split('.')[0] ?? ''))
    return argvs(['qalter', '-ac', `${explainMark}=${encodeContext(text)}`], [...numbers])
  })
}

/**
 * What makes good where something came between: a job that began as it was being held would be held when it goes back to the
 * queue, and a mark on a job that somebody has let go would make that one's own later hold look like ours.
 */
export function untidy({ entries, details }: Reading): { release: string[]; unmark: number[] } {
  const held = new Set(entries.filter(({ state }) => state.includes('h')).map(({ number }) => number))
  const begun = entries.filter(
    ({ number, state, host }) => host !== null && state.includes('h') && details.get(number)?.context.has(holdMark),
  )
  const here = new Set(entries.map(({ number }) => number))
  const marked = [...details.values()].filter(({ number, context }) => here.has(number) && context.has(holdMark))
  return {
    release: [...new Set(begun.map(({ number, tasks }) => (tasks === '' ? `${number}` : `${number}.${tasks}`)))],
    unmark: marked.map(({ number }) => number).filter((number) => !held.has(number)),
  }
}

function argvs(command: readonly string[], jobs: readonly string[]): string[][] {
  const groups: string[][] = []
  for (let at = 0; at < jobs.length; at += jobsAtOnce) {
    groups.push([...command, jobs.slice(at, at + jobsAtOnce).join(',')])
  }
  return groups
}
