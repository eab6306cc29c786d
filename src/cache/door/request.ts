import type { Origin } from '../origins.ts'

/** A request as it came off the wire. */
export interface IncomingRequest {
  readonly method: string
  /** The request target: `/path` from a redirected client, `http://host/path` from one that knows its proxy. */
  readonly target: string
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[]
}

/** A request that the cache will answer. */
export interface CacheRequest {
  readonly method: 'GET' | 'HEAD'
  readonly origin: Origin
  /** Path and query, as the client sent them. */
  readonly path: string
  /** What names the file: `http://host/path?query`. */
  readonly url: string
  /** By lower-case name; of doubled ones the last. */
  readonly headers: Readonly<Record<string, string>>
  /** It carries credentials: its answer belongs to this client alone. */
  readonly personal: boolean
}

/** Why a request is not answered. */
export interface Refusal {
  readonly status: 400 | 405 | 421 | 508
  readonly message: string
}

/**
 * Decides whether a request may pass. Strict, because anything on the segment can connect: what is ambiguous (two Hosts,
 * a target that contradicts Host, a body, `..`) is refused, never repaired. RFC 9112, sections 3.2 and 11.2.
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
    headers[name] = incoming.rawHeaders[index + 1] as string
  }
  if (hosts !== 1) return bad(`one Host header is needed, got ${hosts}`)
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0') {
    return bad(`a ${method} request with a body is not served`)
  }
  if (headers['via']?.includes(via)) return { status: 508, message: 'the request came from this cache: it would loop' }

  const named = readAuthority(headers['host'] as string)
  if (!named) return bad('the Host header names no host')
  let path = target
  if (!target.startsWith('/')) {
    const [, authority, rest] = /^http:\/\/([^/?#]*)([/?].*)?$/i.exec(target) ?? []
    const aimed = readAuthority(authority ?? '')
    if (!aimed) return bad('the request target is neither a path nor an http:// URL')
    if (aimed.host !== named.host || aimed.port !== named.port)
      return bad('the request target contradicts the Host header')
    path = rest === undefined ? '/' : rest.startsWith('/') ? rest : `/${rest}`
  }
  const trick = trickIn(path)
  if (trick) return bad(trick)

  const origin = origins.get(named.host)
  if (!origin || (named.port !== 80 && named.port !== origin.port)) {
    return { status: 421, message: `${headers['host']} is not one of the origins that this cache serves` }
  }
  const personal = headers['authorization'] !== undefined || headers['cookie'] !== undefined
  return { method, origin, path, url: `http://${origin.host}${path}`, headers, personal }
}

function bad(message: string): Refusal {
  return { status: 400, message }
}

/** `host` or `host:port`; nothing else (no user, no brackets, no spaces). */
function readAuthority(text: string): { host: string; port: number } | undefined {
  const [, host, port] = /^([a-z0-9](?:[a-z0-9.-]{0,252}))(?::(\d{1,5}))?$/i.exec(text) ?? []
  return host === undefined ? undefined : { host: host.toLowerCase().replace(/\.$/, ''), port: Number(port ?? 80) }
}

/** What is wrong with a path: a way to say one file in two manners, or to climb out of the origin's root. */
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
