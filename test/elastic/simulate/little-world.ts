import type { Policy, TypePolicy } from '../../../src/elastic/plan/policy.ts'
import type { SiteModel } from '../../../src/elastic/policy-simulation.ts'
import type { SimulationOptions } from '../../../src/elastic/simulate/options.ts'
import type { SimulationResult } from '../../../src/elastic/simulate/result.ts'
import { fixedPolicy, simulate } from '../../../src/elastic/simulate/simulate.ts'
import type { Trace, TraceJob } from '../../../src/elastic/simulate/trace.ts'
import { policy, typePolicy } from '../world.ts'

/** When the traces here begin, ms since the epoch. */
export const startedAtMs = 1_700_000_000_000

/** Every boot takes just so long at every site, unless a test says otherwise, ms. */
export const bootMs = 100_000

const minuteMs = 60_000
const plain: SiteModel = { bootMs, spread: 1, failures: 0, capacity: null }

/** A job for one whole node, for one minute, from the beginning on; with some of that replaced. */
function traceJob(over: Partial<TraceJob> = {}): TraceJob {
  return {
    id: '1',
    submitMs: 0,
    runMs: minuteMs,
    wallMs: 2 * minuteMs,
    nodeCount: 1,
    perNode: { cpus: 0, memoryMiB: 0, gpus: 0 },
    exclusive: true,
    user: 'alice',
    account: '',
    queue: 'batch',
    features: '',
    ...over,
  }
}

export function traceOf(jobs: readonly Partial<TraceJob>[]): Trace {
  const all = jobs.map((job, i) => traceJob({ id: `${i + 1}`, ...job }))
  return { name: 'little', startedAtMs, jobs: all, bad: [], leftOut: [] }
}

/** Rules of a cluster with these types. Deadlines are long enough for every boot here. */
export function rules(types: readonly TypePolicy[], over: Partial<Policy> = {}): Policy {
  const deadlines = { createMs: 60_000, bootMs: 300_000, installMs: 300_000, enrolMs: 300_000, drainMs: 86_400_000 }
  return { ...policy, deadlines, breaker: { failures: 2, cooldownMs: 600_000 }, types, ...over }
}

/** Simulates jobs under rules that never change, without a batch window, so that times can be told by heart. */
export function run(
  jobs: readonly Partial<TraceJob>[],
  of: Policy,
  over: Partial<SimulationOptions> & { site?: Record<string, Partial<SiteModel>> } = {},
): SimulationResult {
  const { site = {}, ...options } = over
  return simulate({
    name: 'test',
    policy: fixedPolicy(of),
    trace: traceOf(jobs),
    sites: new Map(of.types.map((type) => [type.site, { ...plain, ...site[type.site] }])),
    seed: 1,
    pace: { batchMs: 0 },
    ...options,
  })
}

/** How long each job waited for its start, ms; null if it never started. */
export function waits({ jobs }: SimulationResult): (number | null)[] {
  return jobs.map(({ submitMs, startMs }) => (startMs === null ? null : startMs - submitMs))
}

export { typePolicy }
