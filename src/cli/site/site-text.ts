import { isAlias, isMap, parseDocument } from 'yaml'
import { CausewayError } from '../../base/errors.ts'

/** The text of a configuration with one site more; comments and the order of all else stay. */
export function withSite(text: string, name: string, site: object): string {
  const document = parseDocument(text)
  document.setIn(['sites', name], document.createNode(site))
  return document.toString({ lineWidth: 0 })
}

/**
 * The text of a configuration with one site less; comments and the order of all else stay.
 * @throws CausewayError `InvalidRequest` where the site is not there, or is the last one
 */
export function withoutSite(text: string, name: string): string {
  const document = parseDocument(text)
  const sites = document.get('sites')
  if (!isMap(sites) || !sites.has(name)) {
    throw new CausewayError('InvalidRequest', `the configuration has no site ${name}`)
  }
  if (sites.items.length === 1) {
    throw new CausewayError(
      'InvalidRequest',
      `${name} is the only site, and a configuration needs one: add another, or drain ${name} for good`,
    )
  }
  document.deleteIn(['sites', name])
  return document.toString({ lineWidth: 0 })
}

/**
 * The text of a configuration in which a site's pool has a host more; comments and the order of all else stay. A site that had
 * only its gateway gets a pool of both, in which the gateway has the site's name, as before.
 * @throws CausewayError `InvalidRequest` where the site is not there, or its driver is written elsewhere (a YAML alias)
 */
export function withHost(text: string, site: string, name: string, host: object): string {
  const document = parseDocument(text)
  const driver = ['sites', site, 'driver']
  const isElsewhere = [1, 2, 3].some((depth) => isAlias(document.getIn(driver.slice(0, depth), true)))
  if (isElsewhere || !isMap(document.getIn(driver, true))) {
    throw new CausewayError(
      'InvalidRequest',
      `sites.${site}.driver is not written out as a map of its own: do that first`,
    )
  }
  const hosts = [...driver, 'hosts']
  if (isMap(document.getIn(hosts, true))) document.setIn([...hosts, name], document.createNode(host))
  else document.setIn(hosts, document.createNode({ [site]: { gateway: true }, [name]: host }))
  return document.toString({ lineWidth: 0 })
}

/** Sets `a.b.c=VALUE` in a site; the value is YAML. @throws CausewayError `InvalidRequest` for what is no such assignment */
export function assign(site: Record<string, unknown>, assignment: string): void {
  const [, path = '', value = ''] = /^([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)=([^]*)$/.exec(assignment) ?? []
  const document = parseDocument(value)
  if (path === '' || document.errors.length > 0) {
    throw new CausewayError('InvalidRequest', `--set ${assignment}: expected KEY=VALUE, such as nodes.idle=10m`)
  }
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  let at = site
  for (const key of keys) {
    const next = at[key] ?? {}
    if (typeof next !== 'object' || Array.isArray(next)) {
      throw new CausewayError('InvalidRequest', `--set ${assignment}: ${key} is no map`)
    }
    at[key] = next
    at = next as Record<string, unknown>
  }
  at[last] = document.toJS()
}
