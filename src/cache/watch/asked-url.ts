import { CausewayError } from '../../base/errors.ts'
import type { Origin } from '../origins.ts'
import { canonicalPath } from '../paths.ts'

const shape = /^(https?):\/\/([^/?#]+)(\/.*)?$/i

/**
 * The beginning of the keys that an admin means by a URL, or the beginning of one: with the scheme that the cache asks the
 * origin by, whichever nodes use, and the path as it is kept.
 * @throws CausewayError `InvalidRequest` for what is no such URL
 */
export function keysMeant(url: string, origins: ReadonlyMap<string, Pick<Origin, 'scheme'>>): string {
  const [, scheme = '', host = '', path = ''] = shape.exec(url) ?? []
  if (host === '') {
    throw new CausewayError('InvalidRequest', `${url}: expected a URL such as http://deb.debian.org/debian/pool/`)
  }
  const name = host.toLowerCase()
  return `${origins.get(name)?.scheme ?? scheme.toLowerCase()}://${name}${path === '' ? '' : canonicalPath(path)}`
}

/**
 * For a URL of which nothing is kept: whether it could be at all.
 * @throws CausewayError `InvalidRequest` for a host that is none of the origins
 */
export function mustBeOrigin(url: string, origins: ReadonlyMap<string, unknown>): void {
  const host = shape.exec(url)?.[2]?.toLowerCase() ?? ''
  if (origins.has(host)) return
  const known = [...origins.keys()].join(', ')
  throw new CausewayError('InvalidRequest', `nothing of ${host} is kept, and it is none of the origins: ${known}`)
}
