import { Type } from 'typebox'
import { Ip, Ipv4, Ipv4Subnet, Ipv6Subnet, Name, namePattern, Whole } from './fields.ts'
import { Duration } from './units.ts'

/** A map whose missing keys take their defaults, and which may be left out. */
const optionalMap = { default: {} }

/** A name in the cluster's DNS zone. */
const hostNamePattern = '^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$'

/** WireGuard under the VXLAN. */
const Encryption = Type.Object(
  {
    kind: Type.Literal('wireguard'),
    /**
     * The gateways' addresses in the tunnels, as large as the cluster's subnet at least. The default is a part of what
     * RFC 2544 sets aside for benchmarks, and so nobody's; two clusters on one gateway need two.
     */
    subnet: Type.Optional(Ipv4Subnet()),
    /** The first of two UDP ports; two clusters on one gateway need two pairs. */
    port: Whole(1, 65_534, { default: 51_820 }),
    /** The gateway through which two sites behind NAT reach each other. */
    relay: Name({ default: 'head' }),
    /** How old keys may become before they are changed; left out: they are changed by command only. */
    rotate: Type.Optional(Duration({ least: '1h', most: '366d' })),
  },
  // No default of its own: leaving it out means no encryption.
)

/** BGP EVPN, where `mode` is `evpn`. */
const Evpn = Type.Object(
  {
    /** The private AS number (RFC 6996) that all gateways share. */
    asn: Whole(64_512, 4_294_967_294, { default: 64_512 }),
    /** The gateways that reflect routes to all others. */
    reflectors: Type.Array(Name(), {
      default: ['head'],
      minItems: 1,
      expected: 'a list of at least one gateway: sites, or head',
    }),
  },
  optionalMap,
)

/** How the sites are joined. */
const OverlaySchema = Type.Object(
  {
    /** Entries written by the controller, or exchanged by FRR between the gateways. */
    mode: Type.Union([Type.Literal('static'), Type.Literal('evpn')], { default: 'static' }),
    evpn: Evpn,
    /** What is flooded to all sites: nothing, broadcast and multicast, or frames for unknown MACs too. */
    flood: Type.Union([Type.Literal('nothing'), Type.Literal('broadcast'), Type.Literal('all')], {
      default: 'nothing',
    }),
    /** Broadcast and multicast frames that one node may send in a second. */
    storm: Whole(1, 1_000_000, { default: 1000 }),
    /** Left out: what the gateways exchange is not encrypted. */
    encryption: Type.Optional(Encryption),
    /** DHCP and DNS on every gateway; left out: none. */
    services: Type.Optional(
      Type.Object({
        /** Left out: `CLUSTER.internal`. */
        zone: Type.Optional(
          Type.String({
            pattern: '^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$',
            expected: 'a DNS zone such as lab.internal',
          }),
        ),
        /** Name servers for all other names; none: such questions are refused. */
        forwarders: Type.Array(Ip(), { default: [] }),
      }),
    ),
  },
  optionalMap,
)

/** A host that was there before the cluster, such as a file server, on a port of a gateway's bridge. */
const FixedMember = Type.Object({
  address: Ipv4(),
  mac: Type.String({
    pattern: '^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$',
    expected: 'a unicast MAC address in lower case such as 52:54:00:12:34:56',
  }),
  /** The site whose gateway it is plugged into, or `head`. */
  gateway: Name(),
  /** The device on the gateway that leads to it; the administrator makes it a port of the cluster's bridge. */
  port: Type.String({ pattern: '^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,14}$', expected: 'the name of a network device' }),
})

/** The cluster and its network. */
export const ClusterSchema = Type.Object({
  name: Name(),
  /** VXLAN network identifier. */
  vni: Whole(1, 16_777_215),
  subnet: Ipv4Subnet(),
  /** Gives every member an IPv6 address too, which ends in its IPv4 address; a /64 or, at least, 32 bits wide. */
  subnet6: Type.Optional(Ipv6Subnet()),
  /** MTU of the path between gateways, bytes; `measured`: the smallest that is found between any two. */
  underlayMtu: Type.Union([Whole(1280, 9216), Type.Literal('measured')], {
    default: 1500,
    expected: 'a whole number from 1280 to 9216, or measured',
  }),
  /** Further names that every node must know. */
  hosts: Type.Record(Type.String({ pattern: hostNamePattern }), Ipv4(), { default: {} }),
  /** Members that are no nodes. */
  members: Type.Record(Type.String({ pattern: namePattern }), FixedMember, { default: {} }),
  overlay: OverlaySchema,
})
