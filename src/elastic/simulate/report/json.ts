import type { Sample, SimulationResult } from '../result.ts'
import { keptIndices } from './downsample.ts'
import { type Metrics, metricsOf } from './metrics.ts'
import type { TraceNotes } from './notes.ts'
import { columnOf, timesOf } from './series.ts'

/** Samples of a run at most. */
const mostSamples = 1500

/** The report for programs. Times in ms, shares 0..1, cost in the policy's currency. */
export interface ReportJson {
  /** Of the form of this report. */
  readonly version: 1
  readonly trace: TraceNotes
  readonly runs: readonly (Metrics & { readonly samples: readonly Sample[] })[]
}

/** The report as an object that JSON can write: each run's metrics, and samples thinned so that extremes of the queue stay. */
export function reportJson(
  results: readonly SimulationResult[],
  trace: TraceNotes = { bad: [], leftOut: [] },
): ReportJson {
  return {
    version: 1,
    trace: { bad: trace.bad, leftOut: trace.leftOut },
    runs: results.map((result) => ({ ...metricsOf(result), samples: thinned(result) })),
  }
}

function thinned(result: SimulationResult): readonly Sample[] {
  const pending = columnOf(result, (sample) => sample.pendingNodes)
  const kept = new Set(keptIndices(timesOf(result), [pending], mostSamples))
  return result.samples.filter((_, i) => kept.has(i))
}
