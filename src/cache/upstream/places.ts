import { isIP } from 'node:net'
import type { Origin } from '../origins.ts'

/** Where a connection goes. */
export interface Endpoint {
  readonly scheme: 'http' | 'https'
  /** The name, for the Host header and the certificate; an IPv6 address without brackets. */
  readonly host: string
  /** Where to connect to: an IP address, or a name for DNS. */
  readonly address: string
  readonly port: number
  /** Whether it may be an address that is not of the public Internet. */
  readonly private: boolean
}

/** A server that has the files of an origin. */
export interface Place {
  readonly role: 'sibling' | 'parent' | 'origin' | 'mirror'
  /** Its base URL, for people and for `UpstreamAsk.place`. */
  readonly name: string
  readonly endpoint: Endpoint
  /** What the Host header says. */
  readonly authority: string
  /** What comes before the path in the request's target. */
  readonly prefix: string
}

/**
 * All places that may have an origin's files: the siblings, the parent, the origin, its mirrors.
 *
 * Caches are asked in absolute form (RFC 9112, section 3.2.2) by the name alone: which port and scheme the origin has is
 * for each cache's own configuration to say. What an admin names as a sibling or parent may be at a private address.
 */
export function placesOf(origin: Origin, caches: { siblings: readonly string[]; parent: string | undefined }): Place[] {
  const cache = (role: 'sibling' | 'parent', url: string): Place => {
    const { endpoint, name } = endpointOf(url, true)
    return { role, name, endpoint, authority: origin.host, prefix: `http://${origin.host}` }
  }
  const { scheme, host, address, port } = origin
  const own: Endpoint = { scheme, host, address, port, private: origin.private || isIP(address) > 0 }
  const authority = authorityOf(own)
  return [
    ...caches.siblings.map((url) => cache('sibling', url)),
    ...(caches.parent === undefined ? [] : [cache('parent', caches.parent)]),
    { role: 'origin', name: `${scheme}://${authority}`, endpoint: own, authority, prefix: '' },
    ...origin.mirrors.map((url): Place => {
      const { endpoint, name, path } = endpointOf(url, origin.private)
      return { role: 'mirror', name: `${name}${path}`, endpoint, authority: authorityOf(endpoint), prefix: path }
    }),
  ]
}

function endpointOf(url: string, privateToo: boolean): { endpoint: Endpoint; name: string; path: string } {
  const { protocol, hostname, port, pathname } = new URL(url)
  const scheme = protocol === 'https:' ? 'https' : 'http'
  const host = hostname.replace(/^\[|\]$/g, '')
  const endpoint: Endpoint = {
    scheme,
    host,
    address: host,
    port: port === '' ? defaultPort(scheme) : Number(port),
    private: privateToo || isIP(host) > 0,
  }
  return { endpoint, name: `${scheme}://${authorityOf(endpoint)}`, path: pathname.replace(/\/+$/, '') }
}

export function defaultPort(scheme: 'http' | 'https'): number {
  return scheme === 'https' ? 443 : 80
}

/** `host`, or `host:port` where the port isn't the scheme's own. */
export function authorityOf({ scheme, host, port }: Pick<Endpoint, 'scheme' | 'host' | 'port'>): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === defaultPort(scheme) ? name : `${name}:${port}`
}
