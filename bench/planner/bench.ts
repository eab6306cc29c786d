import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lintPlan } from '../../src/elastic/plan/lint.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import { parseSinfo } from '../../src/hooks/schedulers/slurm-sinfo.ts'
import { parseSqueue } from '../../src/hooks/schedulers/slurm-squeue.ts'
import { alone, type BenchReport, type BenchRow } from '../report.ts'
import { decide } from './decide.ts'
import { batchMs } from './engine.ts'
import { peakHeap } from './heap.ts'
import { median, quantile, timed } from './measure.ts'
import { restart, wakeToCreate } from './rounds.ts'
import { sinfoText, squeueText } from './slurm-text.ts'
import { jobRows, nodeRows } from './store-rows.ts'
import { now, observe, policyFor } from './world.ts'

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
  const [atSmall, atMiddle, atLarge] = [decide(small, 50), decide(middle, 10), decide(large, 5)]
  const perJob = (more: number, less: number, times: number) => more / less / times
  // The least times, which others on the machine disturb least. n log n allows log 100k / log 1k and log 100k / log 10k.
  return [
    alone({ case: 'one decision, 1k jobs, 100 nodes', unit: 'ms', ours: atSmall.median, goal: null }),
    alone({ case: 'one decision, 10k jobs, 1k nodes', unit: 'ms', ours: atMiddle.median, goal: null }),
    alone({ case: 'one decision, 100k jobs, 10k nodes', unit: 'ms', ours: atLarge.median, goal: 250 }),
    alone({
      case: 'time per job, 100k over 1k',
      unit: 'times',
      ours: perJob(atLarge.least, atSmall.least, 100),
      goal: 1.67,
    }),
    alone({
      case: 'time per job, 100k over 10k',
      unit: 'times',
      ours: perJob(atLarge.least, atMiddle.least, 10),
      goal: 1.25,
    }),
    alone({
      case: 'as 100k, all jobs for one site',
      unit: 'ms',
      ours: decide({ ...large, features: () => 'site-site7' }, 2).median,
      goal: 250,
    }),
    alone({ case: 'lint of that plan', unit: 'ms', ours: lintTime(), goal: null }),
  ]
}

function lintTime(): number {
  const observation = observe(large, 1)
  const policy = policyFor(large.nodes)
  const made = plan(observation, policy, now)
  return median(Array.from({ length: 5 }, () => timed(() => lintPlan(made, observation, policy, now))))
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
    { name: '1k jobs, 100 nodes', size: small, times: 40, goals: [50, 200] },
    { name: '10k jobs, 1k nodes', size: middle, times: 40, goals: [50, 200] },
    { name: '100k jobs, 9k nodes', size: { ...large, nodes: 9000 }, times: 5, goals: [null, null] },
  ]
  const rows: BenchRow[] = []
  for (const { name, size, times, goals } of sizes) {
    const waits = await wakeToCreate(join(folder, `wake-${size.jobs}.db`), size, times)
    const wake = `wake to create beyond the ${batchMs} ms window, ${name}`
    rows.push(
      alone({ case: `${wake}, median`, unit: 'ms', ours: median(waits), goal: goals[0] ?? null }),
      alone({ case: `${wake}, p99`, unit: 'ms', ours: quantile(waits, 0.99), goal: goals[1] ?? null }),
    )
  }
  const again = await restart(join(folder, 'restart.db'), { ...large, nodes: 9000 })
  return [
    ...rows,
    alone({ case: 'restart to first plan, 100k jobs, 9k nodes', unit: 'ms', ours: again.planMs, goal: 1000 }),
    alone({ case: 'restart to end of first round', unit: 'ms', ours: again.roundMs, goal: null }),
  ]
}
