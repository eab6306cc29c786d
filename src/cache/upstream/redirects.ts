import { isIP } from 'node:net'
import type { Origin } from '../origins.ts'
import { authorityOf, defaultPort, type Endpoint } from './places.ts'

/** One step on the way to a file. */
export interface Step {
  readonly endpoint: Endpoint
  /** Path and query. */
  readonly path: string
}

/** Redirects followed for one request. */
export const mostRedirects = 5

const statuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Whether an answer sends the reader elsewhere. RFC 9110, section 15.4. */
export function isRedirect(status: number, location: string | undefined): location is string {
  return location !== undefined && statuses.has(status)
}

/**
 * Where a redirect leads, or why it isn't followed.
 *
 * Only to where it came from, to a configured origin, or to a host that the origin's `redirects` list, at the ports that
 * are configured or that the scheme has. From https to http only where it is listed.
 * @param before The steps so far, the last one being where the redirect came from; at least one.
 */
export function follow(
  before: readonly Step[],
  location: string,
  origin: Origin,
  origins: ReadonlyMap<string, Origin>,
): Step | { readonly refused: string } {
  const from = before[before.length - 1] as Step
  if (before.length > mostRedirects) return { refused: `more than ${mostRedirects} redirects` }
  const base = `${from.endpoint.scheme}://${authorityOf(from.endpoint)}${from.path}`
  const url = URL.parse(location, base)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return { refused: 'it leads to no http URL' }
  if (url.username !== '' || url.password !== '') return { refused: 'it carries a password' }

  const scheme = url.protocol === 'https:' ? 'https' : 'http'
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const port = url.port === '' ? defaultPort(scheme) : Number(url.port)
  const listed = origin.redirects.includes(host)
  if (from.endpoint.scheme === 'https' && scheme === 'http' && !listed) {
    return { refused: `it leads from https to http at ${host}, which is not among the origin's redirects` }
  }
  const endpoint = endpointFor({ scheme, host, port }, from.endpoint, origin, origins.get(host), listed)
  if (!endpoint) return { refused: `it leads to ${authorityOf({ scheme, host, port })}, which is not configured` }
  const step = { endpoint, path: `${url.pathname}${url.search}` }
  if (before.some((each) => isSame(each, step))) return { refused: 'it leads in a circle' }
  return step
}

/** Whether two endpoints are one server under one name: what is meant for one may be told to the other. */
export function isSameServer(a: Endpoint, b: Endpoint): boolean {
  return a.scheme === b.scheme && a.host === b.host && a.port === b.port
}

function isSame(a: Step, b: Step): boolean {
  return a.path === b.path && isSameServer(a.endpoint, b.endpoint)
}

function endpointFor(
  to: Pick<Endpoint, 'scheme' | 'host' | 'port'>,
  from: Endpoint,
  origin: Origin,
  other: Origin | undefined,
  listed: boolean,
): Endpoint | undefined {
  const usual = to.port === defaultPort(to.scheme)
  if (to.host === from.host) return usual || to.port === from.port ? { ...from, ...to } : undefined
  if (other && (usual || to.port === other.port)) {
    return { ...to, address: other.address, private: other.private || isIP(other.address) > 0 }
  }
  if (listed && usual) return { ...to, address: to.host, private: origin.private || isIP(to.host) > 0 }
  return undefined
}
