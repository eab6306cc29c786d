import { type StaticDecode, Type } from 'typebox'
import { namePattern, Path } from '../fields.ts'
import { Size } from '../units.ts'
import { Pace } from './pace.ts'

/** A name or id as OpenStack's services take them. */
function Word(expected: string) {
  return Type.String({ pattern: '^\\S(.{0,253}\\S)?$', expected })
}

function Uuid(expected: string) {
  const pattern = '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$'
  return Type.String({ pattern, expected: `${expected}, as "openstack ... show -f value -c id" prints it` })
}

/** A root disk that Nova has Cinder make out of the image, and delete with the server. */
const Volume = Type.Object({
  size: Size(),
  /** Left out: the cloud's usual one. */
  type: Type.Optional(Word('the name or id of a volume type')),
})

/** Servers of an OpenStack project. */
export const OpenStackSchema = Type.Object({
  kind: Type.Literal('openstack'),
  /** A file of mode 0600 with an application credential: a clouds.yaml, or the same keys at its top. */
  credentials: Path(),
  /** The entry of that clouds.yaml; left out: its only one. */
  cloud: Type.Optional(Word('the name of a cloud in the clouds.yaml')),
  /** Left out: the one of the clouds.yaml, or the only one there is. */
  region: Type.Optional(Word('the name of a region')),
  /** Which of a service's endpoints; left out: as the clouds.yaml says, or `public`. */
  interface: Type.Optional(Type.Union([Type.Literal('public'), Type.Literal('internal'), Type.Literal('admin')])),
  /** `bridged`: the gateway bridges the servers' network into the cluster's segment. `join`: servers join it by themselves. */
  network: Type.Union([Type.Literal('bridged'), Type.Literal('join')]),
  port: Type.Object({
    network: Uuid('the id of a network'),
    /** Left out: Neutron chooses one of the network's. */
    subnet: Type.Optional(Uuid('the id of a subnet')),
    /** Whether Neutron filters what the port sends and receives. */
    security: Type.Boolean({ default: true }),
    /** Left out: the project's `default`. */
    securityGroups: Type.Array(Uuid('the id of a security group'), { default: [] }),
  }),
  /** The availability zones to use; left out: all that the cloud has. */
  zones: Type.Array(Word('the name of an availability zone'), { default: [] }),
  /** Name, id, or digest (`sha256:HEX`, `sha512:HEX`) of an image in Glance. */
  image: Word('an image: its name, its id, sha256:HEX or sha512:HEX'),
  /** Name or id. */
  flavor: Word('the name or id of a flavor'),
  /** For flavors without a disk of their own; left out: the root disk is the flavor's. */
  volume: Type.Optional(Volume),
  /** A server group, so that the servers stand on different hosts, or near each other. */
  serverGroup: Type.Optional(Uuid('the id of a server group')),
  /** What is otherwise for nodes of a type. */
  types: Type.Record(
    Type.String({ pattern: namePattern }),
    Type.Object({
      flavor: Type.Optional(Word('the name or id of a flavor')),
      volume: Type.Optional(Volume),
      serverGroup: Type.Optional(Uuid('the id of a server group')),
    }),
    { default: {} },
  ),
  /** A call to create lasts until the server is built. */
  pace: Pace({ inFlight: 64, perSecond: 4, burst: 10 }),
})

/** The settings of an OpenStack site. */
export type OpenStackSettings = Omit<StaticDecode<typeof OpenStackSchema>, 'kind' | 'pace'>
