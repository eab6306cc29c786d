import type { Drain } from '../../store/drain-store.ts'
import type { NodeRecord } from '../../store/node-record.ts'
import type { Observation, SiteMachine } from './observation.ts'
import type { Reason } from './steps.ts'

/**
 * The drains, with one more for each site whose hosts are all drained one by one: it takes no nodes, as if it were drained itself.
 * @param hosts those of the site's pool, or its zones, as far as they are known
 */
export function withEmptyPools(drains: readonly Drain[], hosts: (site: string) => readonly string[]): readonly Drain[] {
  const bySite = Map.groupBy(drains, ({ site }) => site)
  const whole = [...bySite].flatMap(([site, ofSite]): Drain[] => {
    const all = hosts(site)
    const ofHosts = ofSite.filter(({ host }) => host !== null && all.includes(host))
    if (all.length === 0 || ofSite.some(({ host }) => host === null)) return []
    if (!all.every((host) => ofHosts.some((drain) => drain.host === host))) return []
    const each = ofHosts.map(({ host, reason }) => (reason === '' ? host : `${host} (${reason})`))
    const reason = `each of its hosts is: ${each.join(', ')}`
    return [{ site, host: null, reason, sinceMs: Math.max(...ofHosts.map(({ sinceMs }) => sinceMs)) }]
  })
  return [...drains, ...whole]
}

/** Why a site takes no new nodes: an admin has drained it; null: it does. */
export function siteDrain(site: string, { drains = [] }: Pick<Observation, 'drains'>): Reason | null {
  const drain = drains.find((one) => one.site === site && one.host === null)
  return drain ? { code: 'SiteDrained', text: saying(`site ${site} is drained`, drain.reason), facts: { site } } : null
}

/**
 * Why a node has to go, whoever could use it, as soon as its jobs have ended: its site or the host that has it is drained, or the
 * site is going to take its machine away. Null: it may stay.
 * @param machine as its site lists it
 */
export function whyToGo(
  node: Pick<NodeRecord, 'site' | 'host' | 'leavingAtMs'>,
  machine: SiteMachine | undefined,
  obs: Pick<Observation, 'drains'>,
): Reason | null {
  const { site } = node
  const ofSite = siteDrain(site, obs)
  if (ofSite) return ofSite
  const host = machine?.host ?? node.host
  const ofHost = host === null ? undefined : obs.drains?.find((one) => one.site === site && one.host === host)
  if (ofHost) {
    return {
      code: 'HostDrained',
      text: saying(`host ${host} of ${site} is drained`, ofHost.reason),
      facts: { site, host },
    }
  }
  if (machine ? !machine.leaving : node.leavingAtMs === null) return null
  const atMs = machine?.leaving?.atMs ?? node.leavingAtMs ?? 0
  const text = saying(
    `${site} takes its machine away at ${new Date(atMs).toISOString()}`,
    machine?.leaving?.reason ?? '',
  )
  return { code: 'MachineLeaving', text, facts: { atMs } }
}

function saying(what: string, why: string): string {
  return why === '' ? what : `${what}: ${why}`
}
