import { join } from 'node:path'
import { type StaticDecode, type TSchema, Type } from 'typebox'
import { type Problem, problemAt } from '../config/explain.ts'
import { Ipv4Subnet } from '../config/fields.ts'
import { Duration, Size } from '../config/units.ts'
import { loadYaml } from '../config/yaml.ts'

const host = '^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$'

const mostPort = 65_535

const port = Type.Integer({ minimum: 1, maximum: mostPort, expected: 'a port, 1 to 65535' })

const word = Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,30}$', expected: 'a name of letters, digits and _' })

function absolute(what: string) {
  return Type.String({ pattern: '^/', expected: `the absolute path of ${what}` })
}

/** An object that may be left out whole; its defaults then hold. (Those of a record's values hold only with a default of their own.) */
function Section<T extends Record<string, TSchema>>(properties: T) {
  return Type.Object(properties, { default: {} })
}

function httpUrl(example: string) {
  return Type.String({ pattern: '^https?://[a-z0-9.:[\\]-]+(/[!-~]*)?$', expected: `a URL such as ${example}` })
}

const originSchema = Section({
  scheme: Type.Union([Type.Literal('http'), Type.Literal('https')], { default: 'http', expected: 'http or https' }),
  /** Where to connect to instead of asking DNS for the host. */
  address: Type.Optional(Type.String({ pattern: '^[0-9A-Za-z.:-]+$', expected: 'an IP address or host name' })),
  port: Type.Optional(port),
  mirrors: Type.Array(httpUrl('http://ftp.example/debian-mirror'), { default: [] }),
  redirects: Type.Array(Type.String({ pattern: host, expected: 'a host name in lower case' }), { default: [] }),
  private: Type.Boolean({ default: false, expected: 'true or false' }),
  immutable: Type.Array(Type.String({ pattern: '^/', expected: 'a pattern such as "/images/**"' }), { default: [] }),
  keyring: Type.Optional(absolute('a keyring')),
})

const packageName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9+._@/-]*$', expected: 'the name of a package' })

const roleSchema = Section({
  /** The repository: the URL that the nodes' sources name, such as `http://deb.debian.org/debian`. */
  repository: httpUrl('http://deb.debian.org/debian'),
  /** Debian's suites; formats without suites leave it out. */
  suites: Type.Array(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9./_-]*$', expected: 'a suite such as bookworm' }), {
    default: [],
  }),
  components: Type.Array(word, { default: ['main'] }),
  architectures: Type.Array(Type.String({ pattern: '^[a-z0-9_]+$', expected: 'an architecture such as amd64' }), {
    default: ['amd64'],
  }),
  packages: Type.Array(packageName, { default: [] }),
  /** Packages that the image has already: neither they nor what only they need is brought. */
  installed: Type.Array(packageName, { default: [] }),
  /** Whether Recommends count as dependencies. */
  recommends: Type.Boolean({ default: false, expected: 'true or false' }),
  /** Paths below the repository to bring as they are, such as an image. */
  files: Type.Array(Type.String({ pattern: '^[A-Za-z0-9][!-~]*$', expected: 'a path below the repository' }), {
    default: [],
  }),
})

/** What `causeway cache --config FILE` reads. */
export const cacheSchema = Type.Object({
  /** Where it listens for the nodes' requests. */
  listen: Type.String({
    pattern: '^[0-9a-zA-Z.:[\\]-]+:[0-9]{1,5}$',
    expected: 'address:port, such as 0.0.0.0:3128',
  }),
  /** The folder that holds the kept bodies; made when missing. */
  store: absolute('a folder'),
  /** A file that gets one JSON line per request. */
  accessLog: Type.Optional(absolute('a file')),
  /** The unix socket of `causeway cache status` and the other commands; default: `admin.sock` in the store. */
  admin: Type.Optional(absolute('a socket')),
  /** Who besides this machine may read the counters and metrics over HTTP. */
  watchers: Type.Array(Ipv4Subnet(), { default: [], expected: 'a list of IPv4 subnets' }),
  storage: Section({
    /** Bytes that kept bodies may take; without it only `keepFree` limits them. */
    quota: Type.Optional(Size()),
    /** Bytes of the file system that stay free. */
    keepFree: Size({ default: '1GiB' }),
  }),
  indexes: Section({
    /** For how long an index is served without asking its origin again. */
    fresh: Duration({ default: '0s' }),
    /** How long a client waits for an origin's word about an index that is kept, before it gets the kept one, marked stale. */
    patience: Duration({ default: '700ms', least: '50ms' }),
  }),
  /** The hosts and ports that CONNECT may reach, for clients that insist on TLS; nothing of it is kept. */
  connect: Type.Array(
    Type.String({ pattern: '^[a-z0-9.-]+:[0-9]{1,5}$', expected: 'host:port, such as download.example:443' }),
    { default: [] },
  ),
  /** The hosts that it serves, and nothing else. */
  origins: Type.Record(Type.String({ pattern: host }), originSchema, {
    expected: 'host names in lower case',
    minProperties: 1,
  }),
  /** Caches of other sites: asked for what they have when they are nearer than the origin. */
  siblings: Type.Array(httpUrl('http://10.250.2.1:3128'), { default: [] }),
  /** A cache that is asked instead of the origins. */
  parent: Type.Optional(httpUrl('http://cache.example:3128')),
  /** What nodes will want: packages, resolved with all they depend on, and single files such as images. */
  roles: Type.Record(word, roleSchema, { default: {}, expected: 'names of letters, digits and _' }),
  /** Clusters whose nodes are to see the same indexes for as long as the cluster's snapshot is pinned. */
  clusters: Type.Record(
    word,
    Type.Object({
      /** Where the cluster's nodes ask from. */
      clients: Type.Array(Ipv4Subnet(), { minItems: 1, expected: 'a list of IPv4 subnets' }),
    }),
    { default: {}, expected: 'names of letters, digits and _' },
  ),
  /** The dead-man switch in the gateway's redirect rule: a set of nftables' `ip TABLE` that holds `port` while it serves. */
  heartbeat: Type.Optional(
    Type.Object({
      table: word,
      set: word,
      port: port,
      hold: Duration({ default: '2s' }),
      /** In which of nftables' families there is such a table; for `ip6` it must listen on `[::]`. */
      families: Type.Array(Type.Union([Type.Literal('ip'), Type.Literal('ip6')]), {
        default: ['ip'],
        minItems: 1,
        expected: 'ip, ip6, or both as a list',
      }),
    }),
  ),
})

export type CacheSettings = StaticDecode<typeof cacheSchema>

/** @throws CausewayError `InvalidConfig` */
export function loadCacheSettings(file: string): Promise<CacheSettings> {
  return loadYaml(file, cacheSchema, contradictions)
}

/** What is wrong with settings that the schema can't tell. */
export function* contradictions({ listen, connect }: CacheSettings): Generator<Problem> {
  if (portOf(listen) > mostPort) yield problemAt(['listen'], notAPort(listen))
  for (const [i, target] of connect.entries()) {
    if (portOf(target) < 1 || portOf(target) > mostPort) yield problemAt(['connect', i], notAPort(target))
  }
}

function portOf(target: string): number {
  return splitListen(target).port
}

function notAPort(target: string): string {
  return `expected a port from 1 to ${mostPort} after the colon, got ${target}`
}

/** The unix socket of `causeway cache status` and the other commands. */
export function adminSocketOf({ admin, store }: CacheSettings): string {
  return admin ?? join(store, 'admin.sock')
}

/** `0.0.0.0:3128` or `[::1]:3128`, taken apart. */
export function splitListen(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':')
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) }
}
