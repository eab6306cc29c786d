/** A member of the cluster's segment that lives behind a gateway: a node, the head itself, or a host that was there before. */
export interface Member {
  readonly name: string
  /** IPv4 address in the cluster's subnet. */
  readonly address: string
  /** IPv6 address in the cluster's IPv6 subnet, canonical; null where the cluster has none. */
  readonly address6: string | null
  /** Lower-case, colon-separated. */
  readonly mac: string
  /** The gateway that it sits behind. */
  readonly gateway: string
  /**
   * The bridge port it is plugged into; null when it is the gateway's own bridge (the head). All nodes that join by themselves
   * share their gateway's `joinName`.
   */
  readonly port: string | null
  /**
   * Where a node that joins by itself sends from: its address in its site's network, null while that is not known. Left
   * out: it is plugged into a port of its own.
   */
  readonly via?: string | null
  /** Whether it is a fixed entry of the configuration; several of them may share a port, behind which there is a LAN. */
  readonly fixed: boolean
}

/** A host that joins its site's bridge to the overlay. */
export interface Gateway {
  /** The site's name, or `head`. */
  readonly name: string
  /** IPv4 or IPv6 address that the other gateways reach it at; without encryption all have one of the same family. */
  readonly underlay: string
  /** The bridge's own address in the segment (the nodes' default router at a site; the head's address at the head). */
  readonly address: string
  /** The same in the cluster's IPv6 subnet; null where the cluster has none. */
  readonly address6: string | null
  /** The bridge's MAC. */
  readonly mac: string
  /** The package cache on this gateway, null where there is none. */
  readonly interception: {
    /** TCP port that the cache listens on. */
    readonly port: number
    /** IPv4 and IPv6 addresses of the origins whose plain HTTP (port 80) goes to the cache. */
    readonly origins: readonly string[]
  } | null
  /** Whether it routes its nodes to the outside (masquerading behind its underlay address). */
  readonly routes: boolean
  /** Address in the segment of its nodes' router where that is another gateway of its site; left out: itself, if it routes. */
  readonly router?: string
  /** Whether it is behind NAT: others can answer it, but not call it first. Matters only to an encrypted overlay. */
  readonly nat: boolean
  /**
   * Whether nodes of its site that no bridge reaches join by themselves: each sends its frames in VXLAN to this gateway, on a
   * UDP port of their own (`joinPort`). Left out: no.
   */
  readonly joins?: boolean
}

/** How forwarding entries come about: written by the controller, or exchanged by BGP EVPN (RFC 7432, RFC 8365). */
export type OverlayMode =
  | { readonly kind: 'static' }
  | {
      readonly kind: 'evpn'
      /** The private AS number that all gateways share (iBGP). */
      readonly asn: number
      /** The gateways that reflect routes; all others peer with these only. */
      readonly reflectors: readonly string[]
    }

/** WireGuard under the VXLAN. */
export interface Encryption {
  /** Where the gateways' tunnel addresses come from; each has the host bits of its address in the segment. */
  readonly subnet: string
  /** The first of two UDP ports: keys of even generations listen on it, those of odd ones on the next. */
  readonly port: number
  /** The gateway through which two gateways behind NAT reach each other. */
  readonly relay: string
  /** The generation of keys that traffic is to use; the one before stays as long as there are keys of it. */
  readonly generation: number
  /** The public keys that the gateways told, by gateway and generation. Private keys never leave the gateways. */
  readonly keys: ReadonlyMap<string, ReadonlyMap<number, string>>
  /** While there are two generations: by gateway, those that it has shaken hands with by keys of the newer one. */
  readonly links: ReadonlyMap<string, ReadonlySet<string>>
}

/** DHCP and DNS on every gateway, for the nodes of its own site. */
export interface Services {
  /** The cluster's DNS zone: `lab.internal`. */
  readonly zone: string
  /** IPv4 and IPv6 addresses that all other questions go to; none: they are refused. */
  readonly forwarders: readonly string[]
  /** Further names of the zone's users that the configuration adds, with any addresses. */
  readonly hosts: Readonly<Record<string, string>>
}

/** The whole overlay of one cluster: what every gateway's state is computed from. */
export interface Overlay {
  /** VXLAN network identifier, 1..16777215. One per cluster. */
  readonly vni: number
  /** The cluster's subnet, for example `10.77.0.0/16`. */
  readonly subnet: string
  /** The cluster's IPv6 subnet, a /64 as a rule; null: IPv4 only. */
  readonly subnet6: string | null
  /** MTU of the path between gateways, bytes. */
  readonly underlayMtu: number
  readonly mode: OverlayMode
  /** What may be flooded to all sites; without it such frames stay at their site. */
  readonly flood: {
    /** Broadcast and multicast. */
    readonly broadcast: boolean
    /** Frames for a MAC that nobody knows. */
    readonly unknown: boolean
  }
  /** Broadcast and multicast frames that a port may send in a second; what is more is dropped. */
  readonly storm: number
  readonly encryption: Encryption | null
  readonly services: Services | null
  readonly gateways: readonly Gateway[]
  readonly members: readonly Member[]
}
