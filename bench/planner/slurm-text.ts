import { readFileSync } from 'node:fs'

const [job, node] = ['job', 'node'].map(
  (name) => JSON.parse(readFileSync(new URL(`samples/${name}.json`, import.meta.url), 'utf8')) as object,
)

/** What `squeue --json` prints for this many jobs, a fifth of them running: recorded records of Slurm 22.05, renumbered. */
export function squeueText(count: number): string {
  const jobs = Array.from({ length: count }, (_, index) => {
    const running = index % 5 === 0
    const state = running ? { job_state: 'RUNNING', state_reason: 'None', nodes: `site${index % 10}-[1-4,7]` } : {}
    return { ...job, job_id: index + 1, start_time: running ? 1_795_361_000 : 0, ...state }
  })
  return text({ jobs })
}

/** What `sinfo --json` prints for this many nodes. */
export function sinfoText(count: number): string {
  return text({ nodes: Array.from({ length: count }, (_, index) => ({ ...node, name: `site${index % 10}-${index}` })) })
}

/** Slurm indents by three. */
function text(lists: object): string {
  return JSON.stringify({ meta: {}, errors: [], ...lists }, null, 3)
}
