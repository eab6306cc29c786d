import type { ActualTable } from './actual-table.ts'

/** What was read from a gateway's kernel, whole: ours and what belongs to others. */
export interface ActualState {
  readonly links: readonly Link[]
  readonly forwarding: readonly ForwardingEntry[]
  /** IPv4 and IPv6; only those that do not age: permanent ones, and a routing daemon's. */
  readonly neighbours: readonly Neighbour[]
  readonly tables: readonly ActualTable[]
  /** Only those that the kernel has. */
  readonly sysctls: Readonly<Record<string, string>>
}

/** A network device. */
export interface Link {
  readonly name: string
  readonly mac: string
  readonly mtu: number
  readonly up: boolean
  /** The bridge (or bond, ...) that it is a port of. */
  readonly master: string | null
  /** IPv4 addresses and IPv6 addresses of global scope, with prefix length. */
  readonly addresses: readonly string[]
  /** `bridge`, `vxlan`, `veth`, ...; null for plain hardware and loopback. */
  readonly kind: string | null
  /** The device group: `default`, or its number (or a name that the administrator gave to the number). */
  readonly group: string
  readonly bridge: { readonly stp: boolean; readonly multicastSnooping: boolean } | null
  readonly vxlan: {
    readonly vni: number
    /** IPv4 or IPv6. */
    readonly local: string | null
    readonly port: number
    readonly learning: boolean
    /** A default destination, which all unknown frames would be sent to. */
    readonly remote: string | null
  } | null
  /** How it behaves as a bridge's port; null when it is none. */
  readonly portFlags: PortFlags | null
}

/** How a device behaves as a bridge's port. */
export interface PortFlags {
  readonly neigh_suppress: boolean
  readonly learning: boolean
  readonly flood: boolean
  readonly mcast_flood: boolean
  readonly bcast_flood: boolean
}

/**
 * A forwarding entry. With a `master` it belongs to that bridge and says behind which port a MAC is; without, to the device
 * itself, and for a VXLAN device says which gateway a MAC is behind.
 */
export interface ForwardingEntry {
  readonly mac: string
  readonly device: string
  readonly master: string | null
  readonly dst: string | null
  /** `static`: set by someone, does not age. `permanent`: an address of this host. Else learned. */
  readonly state: string
  /** Learning from frames can't move it to another port. */
  readonly sticky: boolean
  /** Written by a routing daemon (`extern_learn`). */
  readonly learned: boolean
}

export interface Neighbour {
  readonly address: string
  readonly mac: string
  readonly device: string
  /** `permanent`: set by someone; else a routing daemon's. */
  readonly permanent: boolean
}
