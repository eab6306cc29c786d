import { type Static, Type } from 'typebox'

// The parts of OpenStack's answers that are looked at, after its API references (docs.openstack.org/api-ref): Identity v3,
// Compute v2.1, Networking v2.0, Image v2.

function OrNull<T extends Parameters<typeof Type.Union>[0][number]>(schema: T) {
  return Type.Optional(Type.Union([schema, Type.Null()]))
}

/** What follows the page; Compute's and Networking's form. */
const Links = Type.Optional(Type.Array(Type.Object({ rel: Type.String(), href: Type.String() })))

export const TokenAnswer = Type.Object({
  token: Type.Object({
    issued_at: Type.String(),
    expires_at: Type.String(),
    catalog: Type.Array(
      Type.Object({
        type: Type.String(),
        endpoints: Type.Array(
          Type.Object({ interface: Type.String(), region_id: OrNull(Type.String()), url: Type.String() }),
        ),
      }),
    ),
  }),
})

/** A server; of one in a cell that is down nothing but `id`, `status: UNKNOWN` and perhaps its zone is known. */
export const Server = Type.Object({
  id: Type.String({ minLength: 1 }),
  status: Type.String(),
  created: Type.Optional(Type.String()),
  updated: Type.Optional(Type.String()),
  metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
  'OS-EXT-AZ:availability_zone': OrNull(Type.String()),
  'OS-EXT-STS:task_state': OrNull(Type.String()),
  fault: Type.Optional(Type.Object({ message: Type.String() })),
})
export type Server = Static<typeof Server>

export const ServerAnswer = Type.Object({ server: Server })
export const ServersPage = Type.Object({ servers: Type.Array(Server), servers_links: Links })
/** Only the id is told of a new server. */
export const NewServerAnswer = Type.Object({ server: Type.Object({ id: Type.String({ minLength: 1 }) }) })
export const ConsoleAnswer = Type.Object({ output: OrNull(Type.String()) })

export const Flavor = Type.Object({
  id: Type.String(),
  name: Type.String(),
  vcpus: Type.Integer({ minimum: 0 }),
  /** MiB. */
  ram: Type.Integer({ minimum: 0 }),
  extra_specs: Type.Optional(Type.Record(Type.String(), Type.String())),
})
export type Flavor = Static<typeof Flavor>
export const FlavorsPage = Type.Object({ flavors: Type.Array(Flavor), flavors_links: Links })

export const ZonesAnswer = Type.Object({
  availabilityZoneInfo: Type.Array(
    Type.Object({ zoneName: Type.String(), zoneState: Type.Object({ available: Type.Boolean() }) }),
  ),
})

/** -1 stands for no limit. */
export const LimitsAnswer = Type.Object({
  limits: Type.Object({
    absolute: Type.Object({
      maxTotalInstances: Type.Integer(),
      totalInstancesUsed: Type.Integer(),
      maxTotalCores: Type.Integer(),
      totalCoresUsed: Type.Integer(),
      maxTotalRAMSize: Type.Integer(),
      totalRAMUsed: Type.Integer(),
    }),
  }),
})
export type Limits = Static<typeof LimitsAnswer>['limits']['absolute']

export const PortRecord = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: Type.String(),
  device_id: OrNull(Type.String()),
  created_at: Type.Optional(Type.String()),
  fixed_ips: Type.Array(Type.Object({ ip_address: Type.String() })),
})
export type PortRecord = Static<typeof PortRecord>
export const PortAnswer = Type.Object({ port: PortRecord })
export const PortsPage = Type.Object({ ports: Type.Array(PortRecord), ports_links: Links })

export const Image = Type.Object({
  id: Type.String({ minLength: 1 }),
  status: Type.String(),
  created_at: Type.Optional(Type.String()),
  os_hash_algo: OrNull(Type.String()),
  os_hash_value: OrNull(Type.String()),
  /** A property of our own, since most clouds' Glance computes SHA-512 only. */
  causeway_sha256: OrNull(Type.String()),
})
export type Image = Static<typeof Image>
export const ImagesPage = Type.Object({ images: Type.Array(Image), next: Type.Optional(Type.String()) })
