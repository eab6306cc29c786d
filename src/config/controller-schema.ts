import { type StaticDecode, Type } from 'typebox'
import { DriverSchema } from './driver-schema.ts'
import { Ip, Ipv4, Ipv4Endpoint, Ipv4Subnet, Name, namePattern, Path, Whole } from './fields.ts'
import { ImagesSchema } from './images-schema.ts'
import { ClusterSchema } from './network-schema.ts'
import { policyParts, SiteSchema } from './policy-schema.ts'
import { SchedulerSchema } from './scheduler-schema.ts'
import { SshSchema } from './ssh-schema.ts'
import { Duration } from './units.ts'

/** As in the cache's own file. */
const CacheRole = Type.String({
  pattern: '^[A-Za-z_][A-Za-z0-9_]{0,30}$',
  expected: 'the name of a role in the configuration of the cache',
})

/** Programs at the head that nodes run as root. */
const Snippets = Type.Object({
  /** As soon as the node's network is there, before the role installs its packages. */
  before: Type.Optional(Path()),
  /** When they are installed, before the node serves. */
  after: Type.Optional(Path()),
})

const Site = SiteSchema(
  {
    /** Addresses of the nodes of a site that has `nodes`: node k has the k-th. */
    pool: Type.Optional(Ipv4Subnet()),
    gateway: Type.Object({
      /** Where the other gateways reach it; behind NAT: where it sends from. */
      underlay: Ip(),
      /** Whether it is behind NAT: others can answer it, but not call it first. Needs an encrypted overlay. */
      nat: Type.Boolean({ default: false }),
      /** Its bridge's address in the segment: the nodes' router. */
      address: Ipv4(),
      ssh: SshSchema,
    }),
    /** The package cache on the gateway; left out: nodes fetch their packages directly. */
    cache: Type.Optional(
      Type.Object({
        port: Whole(1, 65_535, { default: 3128 }),
        origins: Type.Array(Ip(), { minItems: 1, expected: 'a list of at least one address' }),
        /** Roles of the cache whose packages it brings as soon as nodes are to come, unless their type says otherwise. */
        warm: Type.Array(CacheRole, { default: [] }),
        /** Its configuration file on the gateway. */
        config: Path({ default: '/etc/causeway/cache.yaml' }),
        /** Causeway's program on the gateway. */
        program: Type.String({ pattern: '^[A-Za-z0-9_./-]+$', expected: 'a program', default: 'causeway' }),
      }),
    ),
    /** Programs of the admin's that its nodes run, unless their type says otherwise. */
    seed: Type.Optional(Snippets),
    driver: DriverSchema,
  },
  {
    /** Addresses of the type's nodes: node k has the k-th. */
    pool: Ipv4Subnet(),
    /** The image of its machines; left out: the driver's. */
    image: Type.Optional(Type.String({ pattern: '^\\S{1,200}$', expected: "an image, as the site's driver names it" })),
    /** Roles of the site's cache that its nodes will install; left out: the site's. */
    warm: Type.Optional(Type.Array(CacheRole)),
    /** Programs of the admin's that its nodes run; what is left out is the site's. */
    seed: Type.Optional(Snippets),
  },
)

const partsButSites = {
  cluster: ClusterSchema,
  head: Type.Object({
    /** The host name that nodes know it by. */
    name: Name(),
    address: Ipv4(),
    underlay: Ip(),
    /** Whether it is behind NAT: others can answer it, but not call it first. */
    nat: Type.Boolean({ default: false }),
  }),
  scheduler: SchedulerSchema,
  controller: Type.Object({
    stateDir: Path({ default: '/var/lib/causeway' }),
    socket: Path({ default: '/run/causeway/causeway.sock' }),
    /** The group that may use the socket; left out: the controller's own. */
    socketGroup: Type.Optional(Type.String({ pattern: '^[a-z_][a-z0-9_-]*$', expected: 'a group name' })),
    /** TCP address for nodes' reports and, with the token, for the API. */
    listen: Ipv4Endpoint(),
    tokenFile: Path({ default: '/etc/causeway/token' }),
    /** The API by HTTPS for callers on other hosts; `listen` then takes nodes' reports only. */
    tls: Type.Optional(
      Type.Object({
        listen: Ipv4Endpoint(),
        /** PEM files: the certificate with its chain, and its key. */
        cert: Path(),
        key: Path(),
        /** PEM file of the authority whose clients need no token; left out: all need it. */
        clientCa: Type.Optional(Path()),
      }),
    ),
    /** How often clients may call, calls a second; more are answered with 429. */
    rates: Type.Object(
      {
        /** All users of the socket together. */
        socket: Whole(1, 1_000_000, { default: 5000 }),
        /** Each address that calls over TCP. */
        address: Whole(1, 1_000_000, { default: 200 }),
      },
      { default: {} },
    ),
    /** Where hook scripts keep events while the controller is away. */
    spool: Path({ default: '/var/spool/causeway/hooks' }),
    /** The longest time between two looks at the queue and the sites while nothing happens: hooks tell at once what does. */
    poll: Duration({ default: '30s' }),
    /** Wake-ups that come within this time make one round: hooks of one burst are decided on together. */
    batch: Duration({ default: '20ms' }),
    /** Takes down what the controller sees and decides, for `causeway replay` and `simulate`; left out: it does not. */
    record: Type.Optional(
      Type.Object({
        folder: Path(),
        /** How long the files are kept. */
        keep: Duration({ default: '14d' }),
      }),
    ),
    logLevel: Type.Union(
      ['debug', 'info', 'warn', 'error'].map((l) => Type.Literal(l)),
      { default: 'info' },
    ),
  }),
  images: ImagesSchema,
  ...policyParts,
}

const siteName = Type.String({ pattern: namePattern })

/** The controller's configuration file. Times are ms and sizes are bytes once it is loaded. */
export const ControllerConfigSchema = Type.Object({
  ...partsButSites,
  sites: Type.Record(siteName, Site, { minProperties: 1 }),
})

/** The same before it has its first site: `causeway site add` begins with it. */
export const FirstConfigSchema = Type.Object({
  ...partsButSites,
  sites: Type.Record(siteName, Site, { default: {} }),
})

/** What the controller runs by. */
export type ControllerConfig = StaticDecode<typeof ControllerConfigSchema>

/** The part of it about a site's machines, of one kind or of any. */
export type DriverConfig<
  K extends ControllerConfig['sites'][string]['driver']['kind'] = ControllerConfig['sites'][string]['driver']['kind'],
> = Extract<ControllerConfig['sites'][string]['driver'], { kind: K }>

/** The part of it about the batch queue, of one kind or of any. */
export type SchedulerConfig<K extends ControllerConfig['scheduler']['kind'] = ControllerConfig['scheduler']['kind']> =
  Extract<ControllerConfig['scheduler'], { kind: K }>
