/** A member of the cluster's segment that lives behind a gateway: a node, or the head itself. */
export interface Member {
  readonly name: string
  /** IPv4 address in the cluster's subnet. */
  readonly address: string
  /** Lower-case, colon-separated. */
  readonly mac: string
  /** The gateway that it sits behind. */
  readonly gateway: string
  /** The bridge port it is plugged into; null when it is the gateway's own bridge (the head). */
  readonly port: string | null
}

/** A host that joins its site's bridge to the overlay. */
export interface Gateway {
  /** The site's name, or `head`. */
  readonly name: string
  /** IPv4 address that the other gateways reach it at. */
  readonly underlay: string
  /** The bridge's own address in the segment (the nodes' default router at a site; the head's address at the head). */
  readonly address: string
  /** The bridge's MAC. */
  readonly mac: string
  /** The package cache on this gateway, null where there is none. */
  readonly interception: {
    /** TCP port that the cache listens on. */
    readonly port: number
    /** IPv4 addresses of the origins whose plain HTTP (port 80) goes to the cache. */
    readonly origins: readonly string[]
  } | null
  /** Whether it routes its nodes to the outside (masquerading behind its underlay address). */
  readonly routes: boolean
}

/** The whole overlay of one cluster: what every gateway's state is computed from. */
export interface Overlay {
  /** VXLAN network identifier, 1..16777215. One per cluster. */
  readonly vni: number
  /** The cluster's subnet, for example `10.77.0.0/16`. */
  readonly subnet: string
  /** MTU of the path between gateways, bytes. */
  readonly underlayMtu: number
  readonly gateways: readonly Gateway[]
  readonly members: readonly Member[]
}
