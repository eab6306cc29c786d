import type { Command } from 'commander'
import type { TimelineReport } from '../hooks/reports.ts'
import type { StoredEvent } from '../store/event-store.ts'
import { queryCommand } from './query.ts'
import { ago, table } from './table.ts'

/** `causeway timeline NODE`: what happened to a node, and why. */
export function timelineCommand(): Command {
  return queryCommand<TimelineReport>(
    { name: 'timeline', argument: '<node>', description: 'show what happened to a node (by name, or one life by id)' },
    (node) => `/v1/nodes/${node}/timeline`,
    (report) => report.lives.map((life) => `${report.node}, life ${life.id}\n${eventTable(life.events)}`).join('\n\n'),
  )
}

/** Events as a table: when, how long after the first, what, why. */
export function eventTable(events: readonly StoredEvent[]): string {
  const first = events[0]?.atMs ?? 0
  const rows = events.map((event) => [
    new Date(event.atMs).toISOString(),
    `+${ago(event.atMs - first)}`,
    event.kind === 'phase' ? String(event.facts.phase) : `(${event.kind})`,
    event.nodeName ?? '-',
    event.code,
    event.text,
  ])
  return table(['TIME', 'AFTER', 'PHASE', 'NODE', 'REASON', 'TEXT'], rows)
}
