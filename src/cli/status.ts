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
  const types = status.types.map((type) => [
    type.site,
    type.type,
    typeState(type, status),
    `${type.minimum}..${type.maximum}${type.spare > 0 ? `, ${type.spare} spare` : ''}`,
    Object.entries(type.phases)
      .map(([phase, n]) => `${n} ${phase}`)
      .join(', ') || '-',
  ])
  const looked =
    status.observedAtMs === null ? 'not looked yet' : `looked ${ago(status.atMs - status.observedAtMs)} ago`
  return [
    `cluster ${status.cluster}: ${looked}`,
    `queue: ${queueLine}`,
    ...(status.windows.length > 0 ? [`windows in force: ${status.windows.join(', ')}`] : []),
    ...status.drains.map((drain) => showDrain(drain, status.atMs)),
    ...status.budgets.map(showBudget),
    ...refused(status.refusedSteps),
    '',
    table(['SITE', 'TYPE', 'STATE', 'LIMITS', 'NODES'], types),
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

function showDrain({ site, host, reason, sinceMs }: StatusReport['drains'][number], now: number): string {
  const what = host === null ? `site ${site}` : `host ${host} of ${site}`
  return `${what} is drained for ${ago(now - sinceMs)}${reason === '' ? '' : `: ${reason}`}`
}

function showBudget({ period, site, amount, spent, projected }: StatusReport['budgets'][number]): string {
  const whose = site === null ? '' : ` of ${site}`
  return `budget of the ${period}${whose}: ${spent.toFixed(2)} spent, ${projected.toFixed(2)} with what is bound to come, of ${amount}`
}

function typeState(type: StatusReport['types'][number], { atMs, drains }: StatusReport): string {
  if (drains.some(({ site, host }) => site === type.site && host === null)) return 'drained'
  if (type.closedUntilMs !== null) return `closed for ${ago(type.closedUntilMs - atMs)}`
  if (!type.reachable) return `unreachable: ${type.trouble || 'not looked at yet'}`
  const state = type.halfOpen ? 'half-open, tried with one node' : 'open'
  return type.trouble ? `${state}, but ${type.trouble}` : state
}
