import type { Command } from 'commander'
import type { NodeReport } from '../hooks/reports.ts'
import { queryCommand } from './query.ts'
import { ago, table } from './table.ts'

/** `causeway nodes`: every live node; with `--all` past lives too. */
export function nodesCommand(): Command {
  return queryCommand<NodeReport[]>(
    { name: 'nodes', description: 'show the nodes with phase and age', flags: [['--all', 'nodes that are gone too']] },
    (_, flags) => (flags.all ? '/v1/nodes?all=true' : '/v1/nodes'),
    (nodes) => (nodes.length > 0 ? nodeTable(nodes) : 'no nodes'),
  )
}

/** Nodes as a table; with their hosts where a site has several. */
export function nodeTable(nodes: readonly NodeReport[]): string {
  const pooled = nodes.some(({ host }) => host !== null)
  const rows = nodes.map((node) => [
    node.name,
    node.site,
    ...(pooled ? [node.host ?? '-'] : []),
    node.phase,
    ago(node.ageMs),
    node.address ?? '-',
    node.jobs.join(',') || '-',
    node.reason,
  ])
  return table(['NODE', 'SITE', ...(pooled ? ['HOST'] : []), 'PHASE', 'AGE', 'ADDRESS', 'MADE FOR', 'REASON'], rows)
}
