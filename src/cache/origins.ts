import type { CacheSettings } from './settings.ts'

/** A host that the cache fetches from. */
export interface Origin {
  /** The name that clients use, lower case. */
  readonly host: string
  /** How the cache itself speaks to it; clients always speak plain HTTP to the cache. */
  readonly scheme: 'http' | 'https'
  /** Where to connect to: an IP address, or a name for DNS. */
  readonly address: string
  readonly port: number
  /** URLs of other servers with the same files, without a `/` at the end; asked in this order when they are as well. */
  readonly mirrors: readonly string[]
  /** Hosts that it may send the cache to by a redirect, besides the configured origins. */
  readonly redirects: readonly string[]
  /** Whether names may resolve to private and link-local addresses. An address in the configuration always may be one. */
  readonly private: boolean
  /** Paths (globs: `*` within a segment, `**` across) whose content never changes, besides what the formats know. */
  readonly immutable: readonly string[]
  /** A keyring for gpgv: an index that it doesn't sign is not taken. */
  readonly keyring: string | undefined
}

/** The origins by the name that clients use. */
export function originsOf(settings: CacheSettings): ReadonlyMap<string, Origin> {
  return new Map(
    Object.entries(settings.origins).map(([host, said]) => {
      const { scheme, address = host, port = scheme === 'https' ? 443 : 80, keyring, mirrors, ...rest } = said
      const bare = mirrors.map((url) => url.replace(/\/+$/, ''))
      return [host, { ...rest, host, scheme, address, port, keyring, mirrors: bare }]
    }),
  )
}

/** What names a file of an origin, in the store and everywhere else: `http://host/path?query`. */
export function keyOf(origin: Origin, path: string): string {
  return `${origin.scheme}://${origin.host}${path}`
}
