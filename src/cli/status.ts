import type { Command } from 'commander'
import type { StatusReport } from '../hooks/reports.ts'
import { nodeTable } from './nodes.ts'
import { queryCommand } from './query.ts'
import { ago, table } from './table.ts'

/** `causeway status`: sites, nodes with phase and age, the queue. */
export function statusCommand(): Command {
  const description = 'show the sites, the nodes with phase and age, and the queue'
  return queryCommand<StatusReport>({ name: 'status', description }, () => '/v1/status', showStatus)
}

/** The status as text. */
export function showStatus(status: StatusReport): string {
  const { queue } = status
  const jobs = Object.entries(queue.jobs)
    .filter(([state]) => state !== 'ended')
    .map(([state, n]) => `${n} ${state}`)
    .join(', ')
  const queueLine = queue.reachable ? jobs || 'no jobs' : `can't be read: ${queue.text || 'not looked at yet'}`
  const sites = status.sites.map((site) => [
    site.name,
    String(site.order),
    siteState(site, status.atMs),
    `${site.minimum}..${site.maximum}`,
    Object.entries(site.phases)
      .map(([phase, n]) => `${n} ${phase}`)
      .join(', ') || '-',
  ])
  const looked =
    status.observedAtMs === null ? 'not looked yet' : `looked ${ago(status.atMs - status.observedAtMs)} ago`
  return [
    `cluster ${status.cluster}: ${looked}`,
    `queue: ${queueLine}`,
    ...refused(status.refusedSteps),
    '',
    table(['SITE', 'ORDER', 'STATE', 'LIMITS', 'NODES'], sites),
    '',
    status.nodes.length > 0 ? nodeTable(status.nodes) : 'no nodes',
  ].join('\n')
}

/** A line only when there is something to say: it is a fault of Causeway's, and the log has the details. */
function refused(steps: number): string[] {
  if (steps === 0) return []
  return [
    `held back: ${steps} ${steps === 1 ? 'step' : 'steps'} of the plan that would break an invariant (see the log)`,
  ]
}

function siteState(site: StatusReport['sites'][number], now: number): string {
  if (site.closedUntilMs !== null) return `closed for ${ago(site.closedUntilMs - now)}`
  if (!site.reachable) return `unreachable: ${site.trouble || 'not looked at yet'}`
  return site.trouble ? `open, but ${site.trouble}` : 'open'
}
