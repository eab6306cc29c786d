import type { Metrics, NodeMetrics, SiteMetrics } from './metrics.ts'
import { durationText, numberText, shareText } from './numbers.ts'

/** A table as texts: a head, and rows as long as the head. Whoever prints it aligns it. */
export interface TextTable {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Policies side by side: a column each, a row each number. */
export function comparisonTable(runs: readonly Metrics[]): TextTable {
  const row = (title: string, cell: (metrics: Metrics) => string) => [title, ...runs.map(cell)]
  return {
    head: ['', ...runs.map((metrics) => metrics.policy)],
    rows: [
      row('jobs finished', (m) => numberText(m.finished)),
      row('jobs unfinished', (m) => numberText(m.unfinished)),
      row('wait mean', (m) => durationText(m.wait.mean)),
      row('wait median', (m) => durationText(m.wait.median)),
      row('wait p95', (m) => durationText(m.wait.p95)),
      row('wait p99', (m) => durationText(m.wait.p99)),
      row('wait longest', (m) => durationText(m.wait.max)),
      row('slowdown mean', (m) => numberText(m.slowdown.mean, 2)),
      row('slowdown median', (m) => numberText(m.slowdown.median, 2)),
      row('slowdown p95', (m) => numberText(m.slowdown.p95, 2)),
      row('makespan', (m) => durationText(m.makespanMs)),
      ...nodeRows.map(([title, cell]) => row(title, cell)),
    ],
  }
}

/** What each site came to under each policy: a row each. */
export function sitesTable(runs: readonly Metrics[]): TextTable {
  const jobColumns: readonly (readonly [string, (site: SiteMetrics) => string])[] = [
    ['jobs', (s) => numberText(s.jobs)],
    ['wait mean', (s) => durationText(s.wait.mean)],
    ['wait p95', (s) => durationText(s.wait.p95)],
  ]
  const columns = [...jobColumns, ...nodeRows]
  return {
    head: ['policy', 'site', ...columns.map(([title]) => title)],
    rows: runs.flatMap((run) =>
      run.sites.map((site) => [run.policy, site.site, ...columns.map(([, cell]) => cell(site))]),
    ),
  }
}

const nodeRows: readonly (readonly [string, (metrics: NodeMetrics) => string])[] = [
  ['node-hours', (m) => numberText(m.nodeHours, 1)],
  ['idle share', (m) => shareText(m.idleShare)],
  ['cost', (m) => numberText(m.cost, 2)],
  ['grows', (m) => numberText(m.grows)],
  ['shrinks', (m) => numberText(m.shrinks)],
  ['failures', (m) => numberText(m.failures)],
]
