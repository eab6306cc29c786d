import { keyOf, type Origin } from '../origins.ts'
import { canonicalPath } from '../paths.ts'

/** A request as it came off the wire. */
export interface IncomingRequest {
  readonly method: string
  /** `/path` from a redirected client, `http://host/path` from one that knows its proxy, or a mapped path. */
  readonly target: string
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[]
}

/** A request that the cache will answer. */
export interface CacheRequest {
  readonly method: 'GET' | 'HEAD'
  readonly origin: Origin
  /** Path and query at the origin, in canonical form. */
  readonly path: string
  /** What names the file, see `keyOf`. */
  readonly url: string
  /** By lower-case name; of doubled ones the last, where they aren't lists (RFC 9110, section 5.3). */
  readonly headers: Readonly<Record<string, string>>
  /** It carries credentials: its answer belongs to this client alone. */
  readonly personal: boolean
}

/** Why a request is not answered. */
export interface Refusal {
  readonly status: 400 | 405 | 421 | 508
  readonly message: string
}

/** Of the fields that are lists, those that are read here. */
const listed: ReadonlySet<string> = new Set(['cache-control', 'if-none-match', 'via'])

/**
 * Decides whether a request may pass, and what it names. Strict, because anything on the segment can connect: what is
 * ambiguous (two Hosts, a target that contradicts Host, a body, `..`) is refused, never repaired. RFC 9112, sections 3.2
 * and 11.2.
 *
 * A request whose Host is no origin, so this cache itself, may name the origin in its path: `/https/mirror.example/debian/x`
 * or `/http/...`. It is meant as a base URL for clients that know of the cache.
 *
 * @param via This process's name in Via headers; a request that carries it came from here and would loop.
 */
export function readRequest(
  incoming: IncomingRequest,
  origins: ReadonlyMap<string, Origin>,
  via: string,
): CacheRequest | Refusal {
  const { method, target } = incoming
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, message: `${method} is not served, only GET and HEAD` }

  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  let hosts = 0
  for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
    const name = (incoming.rawHeaders[index] as string).toLowerCase()
    if (name === 'host') hosts += 1
    const value = incoming.rawHeaders[index + 1] as string
    // Each proxy on the way may have added a line of its own.
    headers[name] = listed.has(name) && headers[name] !== undefined ? `${headers[name]}, ${value}` : value
  }
  if (hosts !== 1) return bad(`one Host header is needed, got ${hosts}`)
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0') {
    return bad(`a ${method} request with a body is not served`)
  }
  if (headers['via']?.includes(via)) return { status: 508, message: 'the request came from this cache: it would loop' }

  const aim = readAim(target, headers['host'] as string)
  if (typeof aim === 'string') return bad(aim)
  const trick = trickIn(aim.path)
  if (trick) return bad(trick)

  const place = direct(aim, origins) ?? mapped(aim.path, origins)
  if (place === undefined) {
    const message = `${headers['host']} is not one of the origins that this cache serves`
    return { status: 421, message: aim.path.startsWith('/http') ? `${message}, nor is what the path names` : message }
  }
  const { origin, path } = place
  const personal = headers['authorization'] !== undefined || headers['cookie'] !== undefined
  return { method, origin, path, url: keyOf(origin, path), headers, personal }
}

function bad(message: string): Refusal {
  return { status: 400, message }
}

/** Whom a request is meant for, and which path there. */
interface Aim {
  readonly scheme: 'http' | 'https'
  readonly host: string
  /** Undefined where the scheme's own is meant. */
  readonly port: number | undefined
  readonly path: string
}

/** What target and Host say together, or what is wrong with them. */
function readAim(target: string, hostHeader: string): Aim | string {
  const named = readAuthority(hostHeader)
  if (!named) return 'the Host header names no host'
  if (target.startsWith('/')) return { scheme: 'http', ...named, path: target }
  const [, schemeText = '', authority = '', rest = ''] = /^(https?):\/\/([^/?#]*)([/?].*)?$/i.exec(target) ?? []
  const aimed = readAuthority(authority)
  if (!aimed) return 'the request target is neither a path nor an http:// URL'
  const scheme = schemeText.toLowerCase() === 'https' ? 'https' : 'http'
  const usual = scheme === 'https' ? 443 : 80
  if (aimed.host !== named.host || (aimed.port ?? usual) !== (named.port ?? usual))
    return 'the request target contradicts the Host header'
  return { scheme, ...aimed, path: rest.startsWith('/') ? rest : `/${rest}` }
}

/** `host`, `host:port`, or an IPv6 address in brackets; nothing else (no user, no spaces). */
function readAuthority(text: string): { host: string; port: number | undefined } | undefined {
  const [, host, port] = /^([a-z0-9](?:[a-z0-9.-]{0,252})|\[[0-9a-f:.]{2,45}\])(?::(\d{1,5}))?$/i.exec(text) ?? []
  if (host === undefined) return undefined
  return { host: host.toLowerCase().replace(/\.$/, ''), port: port === undefined ? undefined : Number(port) }
}

/** The origin that Host names. Whoever says https means it: an origin that is asked in the clear is no answer to that. */
function direct({ scheme, host, port, path }: Aim, origins: ReadonlyMap<string, Origin>) {
  const origin = origins.get(host)
  if (!origin || (scheme === 'https' && origin.scheme !== 'https')) return undefined
  const usual = scheme === 'https' ? 443 : 80
  if (port !== undefined && port !== usual && port !== origin.port) return undefined
  return { origin, path: canonicalPath(path) }
}

/** The origin that a path such as `/https/mirror.example/debian/x` names. */
function mapped(path: string, origins: ReadonlyMap<string, Origin>) {
  const [, scheme, authority = '', rest = ''] = /^\/(https?)\/([^/?]+)(.*)$/.exec(path) ?? []
  const named = readAuthority(authority)
  if (!named) return undefined
  return direct(
    { ...named, scheme: scheme === 'https' ? 'https' : 'http', path: rest.startsWith('/') ? rest : `/${rest}` },
    origins,
  )
}

/** What is wrong with a path: a way to climb out of the origin's root, or to hide what it names. */
function trickIn(path: string): string | undefined {
  if (path.length > 4096) return 'the path is longer than 4096 characters'
  if (!/^[!$-~]*$/.test(path) || /[\\<>^`{|}]/.test(path)) return 'the path has characters that no URL may have'
  if (!path.includes('%') && !path.includes('..')) return undefined
  const [file = ''] = path.split('?', 1)
  let decoded: string
  try {
    decoded = decodeURIComponent(file)
  } catch {
    return 'the path has a wrong % escape'
  }
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f\\]/.test(decoded)) return 'the path hides control characters'
  if (decoded.split('/').includes('..')) return 'the path climbs with ".."'
  return undefined
}
