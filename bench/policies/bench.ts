import { join } from 'node:path'
import { loadPolicyFile } from '../../src/config/policy-file.ts'
import { PolicyClock } from '../../src/elastic/policy-clock.ts'
import { policyRules } from '../../src/elastic/policy-rules.ts'
import { siteModels } from '../../src/elastic/policy-simulation.ts'
import { type Metrics, metricsOf } from '../../src/elastic/simulate/report/metrics.ts'
import { simulate } from '../../src/elastic/simulate/simulate.ts'
import type { Trace } from '../../src/elastic/simulate/trace.ts'
import { generators } from '../../src/elastic/simulate/traces/generators.ts'
import { against, alone, type BenchReport, type BenchRow } from '../report.ts'
import { contenders } from './contenders.ts'

/** A Monday. */
const startedAtMs = Date.parse('2026-03-02T00:00:00Z')

/** Jobs of each trace; several seeds, as one month is not like another. */
const jobs = 4000
const seeds = [1, 2, 3]

/** What is compared: the name, its unit, and how to read it from the numbers. */
const measures: readonly (readonly [string, string, (metrics: Metrics) => number])[] = [
  ['mean wait', 's', ({ wait }) => wait.mean / 1000],
  ['wait, p95', 's', ({ wait }) => wait.p95 / 1000],
  ['mean slowdown', 'times', ({ slowdown }) => slowdown.mean],
  ['cost', 'money', ({ cost }) => cost],
  ['idle share', '%', ({ idleShare }) => 100 * idleShare],
]

/** Our defaults beside models of what users run today: the same traces, sites and prices for all. */
export async function run(): Promise<BenchReport> {
  const file = await loadPolicyFile(join(import.meta.dirname, 'policy.yaml'))
  const policy = new PolicyClock(policyRules(file))
  const sites = siteModels(file)
  const rows: BenchRow[] = []
  for (const [kind, generate] of generators) {
    const traces = seeds.map((seed) => generate({ jobs, seed, startedAtMs, maxNodes: 64, load: 1 }))
    const found = contenders.map(({ name, options }) => {
      const runs = traces.map((trace, index) =>
        metricsOf(simulate({ name, policy, trace: paid(trace), sites, seed: seeds[index] ?? 0, ...options })),
      )
      return { name, of: (measure: (metrics: Metrics) => number) => mean(runs.map(measure)), runs }
    })
    const [ours, ...peers] = found
    if (!ours) continue
    rows.push(alone({ case: `${kind}: jobs unfinished`, unit: 'jobs', ours: ours.of((m) => m.unfinished), goal: 0 }))
    for (const [measure, unit, read] of measures) {
      for (const peer of peers) {
        const theirs = peer.of(read)
        rows.push(
          against(peer.name, {
            case: `${kind}: ${measure}`,
            unit,
            better: 'less',
            ours: ours.of(read),
            theirs,
            goal: null,
          }),
        )
      }
    }
  }
  return { name: 'policies', rows }
}

/** Every job has its nodes for itself: the models of the traces know whole nodes only. */
function paid(trace: Trace): Trace {
  return { ...trace, jobs: trace.jobs.map((job) => ({ ...job, exclusive: true })) }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
