import type { Command } from 'commander'
import type { CacheStatus } from '../cache/watch/status.ts'
import { cacheQuery } from './cache-query.ts'
import { bytes, share } from './sizes.ts'
import { ago, table } from './table.ts'

/** Lines of a list that are shown; `--json` has all. */
const most = 12

/** `causeway cache status`: what the cache has done, does now, and what went wrong. */
export function cacheStatusCommand(): Command {
  const description = 'show hits, misses, bytes saved, files on their way, origins, nodes and what went wrong'
  return cacheQuery<CacheStatus>({ name: 'status', description }, () => '/v1/status', showCacheStatus)
}

/** The status as text, trouble first. */
export function showCacheStatus(status: CacheStatus): string {
  const { counters, storage, origins, nodes, flights, places, events } = status
  const now = Date.parse(status.now)
  const since = ago(now - Date.parse(status.startedAt))
  const troubles = [
    ...(status.troubled ? ['the store can not be written: responses are passed through and not kept'] : []),
    ...places.flatMap(({ place, state, trouble }) => (state === 'well' ? [] : [`${place} is ${state}: ${trouble}`])),
  ]
  const { hits, joined, revalidated, stale, misses, refused, failed } = counters
  const answered = hits + joined + revalidated + stale + misses
  const blocks = [
    [
      ...troubles.map((trouble) => `! ${trouble}`),
      `up ${since}, ${counters.requests} requests, ${counters.inFlight} being answered`,
      `${hits} hits, ${joined} joined, ${revalidated} revalidated, ${stale} stale, ${misses} misses (${share(answered - misses, answered)} without asking for the body), ${refused} refused, ${failed} failed`,
      `${bytes(counters.servedBytes)} to nodes, ${bytes(counters.upstreamBytes)} from upstream: ${bytes(status.savedBytes)} saved`,
      `${storage.responses} responses kept, ${bytes(storage.bytes)}${storage.quota === undefined ? '' : ` of ${bytes(storage.quota)}`}, ${bytes(storage.freeBytes)} free on the disk`,
    ].join('\n'),
    list(['ON ITS WAY', 'BYTES', 'OF', 'READERS', 'FOR'], flights, ({ key, bytes: come, length, readers, urgency }) => [
      key,
      bytes(come),
      length === undefined ? '?' : bytes(length),
      String(readers),
      urgency === 'client' ? 'clients' : 'later',
    ]),
    list(tallyHead('ORIGIN'), origins, tallyRow),
    list(tallyHead('NODE'), nodes, tallyRow),
    list(['PLACE', 'STATE', 'ANSWERS IN'], places, ({ place, state, headMs }) => [
      place,
      state,
      headMs === undefined ? '' : `${Math.round(headMs)} ms`,
    ]),
    list(['AGO', 'CODE', 'SUBJECT', 'MESSAGE'], events.toReversed(), ({ time, code, subject, message }) => [
      ago(now - Date.parse(time)),
      code,
      subject,
      message,
    ]),
  ]
  return blocks.filter((block) => block !== '').join('\n\n')
}

function tallyHead(name: string): string[] {
  return [name, 'REQUESTS', 'MISSES', 'FAILED', 'SERVED', 'UPSTREAM']
}

function tallyRow({ name, requests, outcomes, servedBytes, upstreamBytes }: CacheStatus['origins'][number]): string[] {
  return [
    name,
    String(requests),
    String(outcomes.miss),
    String(outcomes.failed),
    bytes(servedBytes),
    bytes(upstreamBytes),
  ]
}

function list<T>(head: string[], items: readonly T[], row: (item: T) => string[]): string {
  if (items.length === 0) return ''
  const left = items.length - most
  return [table(head, items.slice(0, most).map(row)), ...(left > 0 ? [`... and ${left} more (--json)`] : [])].join('\n')
}
