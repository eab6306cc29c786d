import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lintPlan } from '../../src/elastic/plan/lint.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import { parseSinfo } from '../../src/hooks/schedulers/slurm/sinfo.ts'
import { parseSqueue } from '../../src/hooks/schedulers/slurm/squeue.ts'
import { alone, type BenchReport, type BenchRow } from '../report.ts'
import { decide } from './decide.ts'
import { batchMs } from './engine.ts'
import { peakHeap } from './heap.ts'
import { median, quantile, timed, worked } from './measure.ts'
import { restart, wakeToCreate, wakeToCreates } from './rounds.ts'
import { sinfoText, squeueText } from './slurm-text.ts'
import { jobRows, nodeRows } from './store-rows.ts'
import { now, observe, policyFor, type Size } from './world.ts'

const small = { jobs: 1000, nodes: 100 }
const middle = { jobs: 10_000, nodes: 1000 }
const large = { jobs: 100_000, nodes: 10_000 }

/** Decisions, readings, the store and whole rounds at the sizes that Causeway is made for. There is no peer. */
export async function run(): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), 'causeway-bench-'))
  try {
    const rows = [
      ...decisionRows(),
      alone({ case: 'peak heap of that', unit: 'MiB', ours: await peakHeap(large), goal: null }),
      ...readingRows(),
      ...(await jobRows(join(folder, 'jobs.db'), large.jobs)),
      ...(await nodeRows(join(folder, 'nodes.db'), large.nodes)),
      ...(await roundRows(folder)),
    ]
    return { name: 'planner', rows }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function decisionRows(): BenchRow[] {
  decide(small, 50)
  decide({ ...small, places: 'causeway' }, 50)
  return [
    ...decisionsWhere('the scheduler places'),
    row('as 100k, all jobs for one site', 'CPU ms', decide({ ...large, features: () => 'site-site7' }, 2).median, 250),
    ...decisionsWhere('Causeway places'),
    row('lint of a plan, 10k jobs, 1k nodes', 'CPU ms', lintTime(middle, 20)),
    row('lint of a plan, 100k jobs, 10k nodes', 'CPU ms', lintTime(large, 7)),
  ]
}

function decisionsWhere(who: 'the scheduler places' | 'Causeway places'): BenchRow[] {
  const places = who === 'Causeway places' ? 'causeway' : 'scheduler'
  const times = [decide({ ...small, places }, 50), decide({ ...middle, places }, 10), decide({ ...large, places }, 7)]
  const [atSmall, atMiddle, atLarge] = times.map(({ least }) => least)
  const perJob = (less: number | undefined, jobs: number) => (atLarge ?? Number.NaN) / (less ?? Number.NaN) / jobs
  const sizes = ['1k jobs, 100 nodes', '10k jobs, 1k nodes', '100k jobs, 10k nodes']
  // Growth is told from the least times, which others on the machine disturb least. n log n allows log 100k / log 1k and
  // log 100k / log 10k.
  return [
    ...times.flatMap(({ median, p99, least }, index) => {
      const what = `one decision, ${who}, ${sizes[index]}`
      const goal = sizes[index]?.startsWith('100k') ? 250 : null
      return [
        row(`${what}, median`, 'CPU ms', median, goal),
        row(`${what}, least`, 'CPU ms', least),
        row(`${what}, p99`, 'CPU ms', p99),
      ]
    }),
    row(`time per job, ${who}, 100k over 1k`, 'times', perJob(atSmall, 100), 1.67),
    row(`time per job, ${who}, 100k over 10k`, 'times', perJob(atMiddle, 10), 1.25),
  ]
}

function row(name: string, unit: string, ours: number, goal: number | null = null): BenchRow {
  return alone({ case: name, unit, ours, goal })
}

function lintTime(size: Size, times: number): number {
  const observation = observe(size, 1)
  const policy = policyFor(size.nodes)
  const made = plan(observation, policy, now)
  return median(Array.from({ length: times }, () => worked(() => lintPlan(made, observation, policy, now))))
}

function readingRows(): BenchRow[] {
  const [jobs, nodes] = [squeueText(15_000), sinfoText(5000)]
  const read = () => [parseSqueue(jobs, now), parseSinfo(nodes)]
  const spent = median(Array.from({ length: 5 }, () => timed(read)))
  const mebibytes = Math.round((jobs.length + nodes.length) / 2 ** 20)
  const name = `read squeue and sinfo, 15k jobs, 5k nodes, ${mebibytes} MiB`
  return [alone({ case: name, unit: 'ms', ours: spent, goal: 1000 })]
}

async function roundRows(folder: string): Promise<BenchRow[]> {
  const sizes = [
    { name: '1k jobs, 100 nodes', size: small, times: 100, goals: [50, 200] },
    { name: '10k jobs, 1k nodes', size: middle, times: 100, goals: [50, 200] },
    { name: '100k jobs, 9k nodes', size: { ...large, nodes: 9000 }, times: 5, goals: [null, null] },
  ]
  const rows: BenchRow[] = []
  const burst = await wakeToCreates(join(folder, 'burst.db'), middle, 500)
  for (const { name, size, times, goals } of sizes) {
    const waits = await wakeToCreate(join(folder, `wake-${size.jobs}.db`), size, times)
    const wake = `wake to create beyond the ${batchMs} ms window, ${name}`
    rows.push(
      alone({ case: `${wake}, median`, unit: 'ms', ours: median(waits), goal: goals[0] ?? null }),
      alone({ case: `${wake}, p99`, unit: 'ms', ours: quantile(waits, 0.99), goal: goals[1] ?? null }),
      row(`${wake}, least`, 'ms', Math.min(...waits)),
    )
  }
  const again = await restart(join(folder, 'restart.db'), { ...large, nodes: 9000 })
  return [
    ...rows,
    row('wake to first create of 500 at once beyond the window, 10k jobs, 1k nodes', 'ms', burst.firstMs, 200),
    row('wake to last create of them', 'ms', burst.lastMs),
    alone({ case: 'restart to first plan, 100k jobs, 9k nodes', unit: 'ms', ours: again.planMs, goal: 1000 }),
    alone({ case: 'restart to end of first round', unit: 'ms', ours: again.roundMs, goal: null }),
    row('heap after that', 'MiB', again.heapMiB),
  ]
}
