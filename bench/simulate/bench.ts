import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { alone, type BenchReport, type BenchRow } from '../report.ts'

const main = join(import.meta.dirname, 'simulate-main.ts')

/** Long traces under the default rules, each in a process of its own. There is no peer. */
export async function run(): Promise<BenchReport> {
  return {
    name: 'simulate',
    rows: [
      ...(await simulated('lublin-feitelson', 100_000, 'scheduler', 30)),
      ...(await simulated('diurnal-bursts', 100_000, 'scheduler', 30)),
      ...(await simulated('lublin-feitelson', 10_000, 'causeway', null)),
    ],
  }
}

async function simulated(
  kind: string,
  jobs: number,
  places: 'scheduler' | 'causeway',
  goal: number | null,
): Promise<BenchRow[]> {
  const argv = ['--trace-gc', main, kind, String(jobs), places]
  const { stdout } = await promisify(execFile)(process.execPath, argv, { maxBuffer: 2 ** 28 })
  const report = stdout.split('\n').find((line) => line.startsWith('{')) ?? ''
  type Report = Record<'seconds' | 'cpuSeconds' | 'rounds' | 'finished', number>
  const { seconds, cpuSeconds, rounds, finished } = JSON.parse(report) as Report
  if (finished !== jobs) throw new Error(`${jobs - finished} jobs of ${kind} were not finished`)
  // V8 says before each collection what there is.
  const held = [...stdout.matchAll(/ (\d+\.\d+) \(\d+\.\d+\) -> |^heap: (\d+\.?\d*) MiB$/gm)]
  const peak = Math.max(...held.map(([, before, last]) => Number(before ?? last)))
  const name = `${jobs / 1000}k jobs, ${kind}, the ${places} places`
  return [
    alone({ case: name, unit: 's', ours: seconds, goal }),
    alone({ case: `${name}: CPU time, collector and all`, unit: 's', ours: cpuSeconds, goal: null }),
    alone({ case: `${name}: peak heap`, unit: 'MiB', ours: peak, goal: null }),
    alone({ case: `${name}: rounds of the planner`, unit: 'rounds', ours: rounds, goal: null }),
  ]
}
