import type { Sample, SimulationResult } from '../result.ts'
import { type Chart, type Curve, chartSvg } from './chart.ts'
import { keptIndices } from './downsample.ts'
import { escaped } from './escape.ts'
import { durationText, numberText } from './numbers.ts'
import { columnOf, largest, nodeStates, nodesColumn, sitesOf, timesOf } from './series.ts'
import { policyStyles } from './style.ts'

/** Points of a line at most. */
const mostPoints = 1500
const wide = { width: 1100, height: 240 }
const panel = { width: 420, height: 200 }

/** The numbers that are drawn for all policies in one plot. */
const overlaid: readonly {
  title: string
  unit: string
  digits: number
  step: boolean
  of: (sample: Sample) => number
}[] = [
  { title: 'Pending jobs', unit: 'jobs', digits: 0, step: true, of: (sample) => sample.pendingJobs },
  {
    title: 'Nodes asked for by pending jobs',
    unit: 'nodes',
    digits: 0,
    step: true,
    of: (sample) => sample.pendingNodes,
  },
  { title: 'Running jobs', unit: 'jobs', digits: 0, step: true, of: (sample) => sample.runningJobs },
  { title: 'Cost so far', unit: 'currency', digits: 2, step: false, of: (sample) => sample.cost },
]

/** Queue and cost over time, a figure each, the policies as lines. */
export function queueAndCostCharts(results: readonly SimulationResult[]): readonly string[] {
  return overlaid.map(({ title, unit, digits, step, of }) => {
    const columns = results.map((result) => columnOf(result, of))
    const curves = results.map((result, i) => lineCurve(result, columns[i] ?? new Float64Array(), i, step))
    const description = results
      .map(({ policy }, i) => `${policy}: at most ${numberText(largest(columns.slice(i, i + 1)), digits)} ${unit}`)
      .join('; ')
    return figure({ title, description, unit, ...wide, maxMs: endOf(results), maxValue: largest(columns), curves })
  })
}

function lineCurve(result: SimulationResult, column: Float64Array, index: number, step: boolean): Curve {
  const times = timesOf(result)
  const kept = keptIndices(times, [column], mostPoints)
  return {
    title: result.policy,
    style: `p${index % policyStyles}`,
    x: kept.map((i) => times[i] ?? 0),
    y: kept.map((i) => column[i] ?? 0),
    base: null,
    step,
  }
}

/** Nodes by state over time: for each site a panel for each policy, all of one scale. */
export function nodeCharts(results: readonly SimulationResult[]): readonly string[] {
  return sitesOf(results).map((site) => {
    const stacks = results.map((result) => stackOf(result, site))
    const maxValue = largest(stacks.map((stack) => stack.at(-1) ?? new Float64Array()))
    const panels = results.map((result, i) => {
      const stack = stacks[i] ?? []
      return figure({
        title: `${site}, ${result.policy}`,
        description: `at most ${numberText(largest(stack.slice(-1)))} nodes within ${durationText(result.endedMs)}`,
        unit: 'nodes',
        ...panel,
        maxMs: endOf(results),
        maxValue,
        curves: areaCurves(result, stack),
      })
    })
    return `<div class="panels">${panels.join('\n')}</div>`
  })
}

/** The upper edges of the stacked states at each sample, lowest state first. */
function stackOf(result: SimulationResult, site: string): readonly Float64Array[] {
  let below = new Float64Array(result.samples.length)
  return nodeStates.map((state) => {
    below = nodesColumn(result, site, state).map((value, i) => value + (below[i] ?? 0))
    return below
  })
}

function areaCurves(result: SimulationResult, stack: readonly Float64Array[]): readonly Curve[] {
  const times = timesOf(result)
  const kept = keptIndices(times, stack, mostPoints)
  const x = kept.map((i) => times[i] ?? 0)
  const edges = stack.map((edge) => kept.map((i) => edge[i] ?? 0))
  const ground = x.map(() => 0)
  return nodeStates.map((state, k) => ({
    title: state,
    style: state,
    x,
    y: edges[k] ?? ground,
    base: edges[k - 1] ?? ground,
    step: true,
  }))
}

function endOf(results: readonly SimulationResult[]): number {
  return Math.max(0, ...results.map((result) => Math.max(result.endedMs, result.samples.at(-1)?.atMs ?? 0)))
}

function figure(chart: Chart): string {
  const kind = chart.width === wide.width ? ' class="wide"' : ''
  return `<figure${kind}><figcaption><h3>${escaped(chart.title)}</h3></figcaption>\n${chartSvg(chart)}\n</figure>`
}
