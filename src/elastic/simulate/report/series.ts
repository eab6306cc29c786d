import type { Sample, SimulationResult } from '../result.ts'

/** How the nodes of a site are at a moment, in the order in which they are stacked. */
export const nodeStates = ['busy', 'idle', 'coming', 'leaving'] as const
export type NodeState = (typeof nodeStates)[number]

/** The times of all samples, ms. */
export function timesOf(result: SimulationResult): Float64Array {
  return columnOf(result, (sample) => sample.atMs)
}

/** One number of each sample. */
export function columnOf(result: SimulationResult, value: (sample: Sample) => number): Float64Array {
  return Float64Array.from(result.samples, value)
}

/** The sites that have nodes in any sample of any result, in alphabetical order. */
export function sitesOf(results: readonly SimulationResult[]): readonly string[] {
  const sites = new Set<string>()
  for (const { samples } of results) for (const sample of samples) for (const site in sample.nodes) sites.add(site)
  return [...sites].sort()
}

/** How many nodes of a site are in a state, for each sample. */
export function nodesColumn(result: SimulationResult, site: string, state: NodeState): Float64Array {
  return columnOf(result, (sample) => sample.nodes[site]?.[state] ?? 0)
}

/** The largest of all numbers, 0 if there are none. */
export function largest(columns: readonly Float64Array[]): number {
  let most = 0
  for (const column of columns) for (const value of column) if (value > most) most = value
  return most
}
