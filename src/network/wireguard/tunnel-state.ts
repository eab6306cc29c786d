/** What a gateway's WireGuard should hold for one cluster. Computed by `desiredTunnels`, compared by `diffTunnels`. */
export interface TunnelState {
  readonly gateway: string
  readonly vni: number
  /** One for each generation of keys in use, the newer one first. */
  readonly devices: readonly TunnelDevice[]
  /** By tunnel address of another gateway: the device that leads to it. */
  readonly routes: ReadonlyMap<string, string>
  /** What keeps the cluster's frames inside the tunnels, and everything else out. */
  readonly rules: TunnelRules
}

/** A WireGuard device and the peers that it knows. */
export interface TunnelDevice {
  readonly name: string
  readonly generation: number
  /** The public key that the controller was told; null when it was told none yet. */
  readonly publicKey: string | null
  /** UDP port. */
  readonly port: number
  /** Bytes. */
  readonly mtu: number
  /** This gateway's tunnel address. */
  readonly address: string
  /** Whether packets from here may be passed on: at the relay. */
  readonly forwarding: boolean
  /** By public key. */
  readonly peers: ReadonlyMap<string, WantedPeer>
}

/** Another gateway as WireGuard sees it. */
export interface Peer {
  /** `ADDRESS:PORT`, or `[ADDRESS]:PORT`; null when it calls us, from wherever it is. */
  readonly endpoint: string | null
  /** Addresses with prefix length, in order. */
  readonly allowedIps: readonly string[]
  /** Seconds; 0: none. */
  readonly keepalive: number
}

/** A peer as it should be. */
export interface WantedPeer extends Peer {
  /**
   * Whether it may answer from another address than it is called at: each of the two knows the other by an address of another
   * family. WireGuard then goes by the last one that it heard of.
   */
  readonly roams: boolean
}

/** An nftables table of family inet. */
export interface TunnelRules {
  readonly table: string
  /** In order, in nft's language. */
  readonly chains: readonly { readonly name: string; readonly hook: string; readonly rules: readonly string[] }[]
  /** Of all of it; each rule has it in its comment. */
  readonly digest: string
}

/** What was read from a gateway. */
export interface ActualTunnels {
  /** When it was read, by the gateway's own clock, seconds since the epoch. */
  readonly readAt: number
  readonly keys: readonly { readonly device: string; readonly generation: number; readonly publicKey: string }[]
  readonly devices: readonly ActualDevice[]
  /** The comments of the table's rules, in order; null when there is no table. */
  readonly rules: readonly string[] | null
}

/** A device under one of our names. */
export interface ActualDevice {
  readonly name: string
  /** `wireguard`; `tun` where a process of wireguard-go serves it; anything else is not ours. */
  readonly kind: string
  readonly up: boolean
  readonly mtu: number
  /** IPv4 addresses with prefix length. */
  readonly addresses: readonly string[]
  /** Destinations of the routes that lead through it. */
  readonly routes: readonly string[]
  readonly rpFilter: number
  readonly forwarding: boolean
  /** The key that it runs by, empty when it has none; null when nobody answers for it: its process hangs. */
  readonly publicKey: string | null
  readonly port: number
  readonly peers: ReadonlyMap<string, ActualPeer>
}

/** A peer of a device; `handshakeAt` is in seconds since the epoch, 0: never. */
export interface ActualPeer extends Peer {
  readonly handshakeAt: number
}
