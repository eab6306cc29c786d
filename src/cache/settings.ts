import { type StaticDecode, Type } from 'typebox'
import { Duration } from '../config/units.ts'
import { loadYaml } from '../config/yaml.ts'

const host = '^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$'

const port = Type.Integer({ minimum: 1, maximum: 65_535, expected: 'a port, 1 to 65535' })

const word = Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,30}$', expected: 'a name of letters, digits and _' })

/** What `causeway cache --config FILE` reads. */
export const cacheSchema = Type.Object({
  /** Where it listens for the nodes' requests. */
  listen: Type.String({
    pattern: '^[0-9a-zA-Z.:[\\]-]+:[0-9]{1,5}$',
    expected: 'address:port, such as 0.0.0.0:3128',
  }),
  /** The folder that holds the kept bodies; made when missing. */
  store: Type.String({ pattern: '^/', expected: 'the absolute path of a folder' }),
  /** A file that gets one JSON line per request. */
  accessLog: Type.Optional(Type.String({ pattern: '^/', expected: 'the absolute path of a file' })),
  /** The hosts that it serves, and nothing else; `address` is where to connect to instead of asking DNS. */
  origins: Type.Record(
    Type.String({ pattern: host }),
    Type.Object({
      address: Type.Optional(Type.String({ pattern: '^[0-9A-Za-z.:-]+$', expected: 'an IP address or host name' })),
      port: Type.Optional(port),
    }),
    { expected: 'host names in lower case', minProperties: 1 },
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

/** A host that the cache fetches from. */
export interface Origin {
  /** The name that clients use, lower case. */
  readonly host: string
  /** Where to connect to. */
  readonly address: string
  readonly port: number
}

/** @throws CausewayError `InvalidConfig` */
export function loadCacheSettings(file: string): Promise<CacheSettings> {
  return loadYaml(file, cacheSchema)
}

/** The origins by the name that clients use. */
export function originsOf(settings: CacheSettings): ReadonlyMap<string, Origin> {
  return new Map(
    Object.entries(settings.origins).map(([host, { address, port }]) => [
      host,
      { host, address: address ?? host, port: port ?? 80 },
    ]),
  )
}

/** `0.0.0.0:3128` or `[::1]:3128`, taken apart. */
export function splitListen(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':')
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) }
}
