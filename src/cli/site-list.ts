import type { Command } from 'commander'
import type { HostReport, SiteReport } from '../elastic/site-keeper.ts'
import { queryCommand } from './query.ts'
import { ago, table } from './table.ts'

/** `causeway site list`: the sites and their hosts, with room, drains and failures. */
export function siteListCommand(): Command {
  return queryCommand<SiteReport[]>(
    { name: 'list', description: 'show the sites and their hosts: room, nodes, what is out of use' },
    () => '/v1/sites',
    (sites) => showSites(sites, Date.now()),
  )
}

/** Sites as a table, each with its hosts. */
export function showSites(sites: readonly SiteReport[], now: number): string {
  const rows = sites.flatMap((site) => [
    [
      site.site,
      '',
      siteState(site, now),
      String(site.nodes),
      site.machinesLeft === null ? '-' : `${site.machinesLeft} machines`,
      [site.trouble, site.silence].filter(Boolean).join('; '),
    ],
    ...site.hosts.map((host) => [
      '',
      host.host,
      hostState(host, now),
      String(host.nodes),
      roomOf(host),
      host.closed ?? '',
    ]),
  ])
  return table(['SITE', 'HOST', 'STATE', 'NODES', 'ROOM', 'TROUBLE'], rows)
}

function siteState({ drain, reachable, breakers }: SiteReport, now: number): string {
  const closed = breakers.flatMap(({ type, closedUntilMs }) => {
    if (closedUntilMs === null) return []
    return [closedUntilMs > now ? `${type} closed for ${ago(closedUntilMs - now)}` : `${type} half-open`]
  })
  return [...(drain ? [drained(drain, now)] : []), reachable ? 'open' : 'unreachable', ...closed]
    .filter((word) => !(drain && word === 'open'))
    .join(', ')
}

function hostState({ drain, closed }: HostReport, now: number): string {
  if (drain) return drained(drain, now)
  return closed === null ? 'open' : 'closed'
}

function drained({ reason, sinceMs }: NonNullable<SiteReport['drain']>, now: number): string {
  return `drained for ${ago(now - sinceMs)}${reason === '' ? '' : ` (${reason})`}`
}

function roomOf({ cpus, memoryMiB, freeMemoryMiB }: HostReport): string {
  const memory = freeMemoryMiB === null ? null : `${freeMemoryMiB} of ${memoryMiB ?? '?'} MiB free`
  return [cpus === null ? null : `${cpus} CPUs`, memory].filter((text) => text !== null).join(', ') || '-'
}
