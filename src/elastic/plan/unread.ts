import type { NodeRecord } from '../../store/node-record.ts'
import type { SiteMachine, SiteReading } from './observation.ts'

/**
 * Why a reading of its site says nothing of a node's machine, in words; null: it does. A machine that is not listed is gone only
 * if the host that had it was read; where that is not known, while all hosts were.
 */
export function whyUnread(
  node: Pick<NodeRecord, 'site' | 'host'>,
  reading: SiteReading | undefined,
  machine: SiteMachine | undefined,
): string | null {
  if (!reading) return null
  if (!reading.ok) return `site ${node.site} can't be read: ${reading.text}`
  const { unread = [] } = reading
  if (machine || unread.length === 0) return null
  const dark = node.host === null ? unread[0] : unread.find(({ host }) => host === node.host)
  return dark ? `host ${dark.host} of ${node.site} can't be read: ${dark.text}` : null
}
