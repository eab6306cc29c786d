import type { Table } from './table.ts'

/** What a gateway's kernel should hold for one cluster. Computed by `desiredState`, compared by `diff`. */
export interface GatewayState {
  readonly gateway: string
  readonly vni: number
  /** The cluster's subnet in CIDR form; addresses of the bridge inside it are ours to manage. */
  readonly subnet: string
  readonly bridge: {
    readonly name: string
    readonly mac: string
    /** Bytes; the nodes' too. */
    readonly mtu: number
    /** With the subnet's prefix length: `10.77.1.254/16`. */
    readonly address: string
  }
  readonly vxlan: {
    readonly name: string
    /** The underlay address that it sends from. */
    readonly local: string
    /** Bytes; larger than the bridge's, so that the device itself answers frames that don't fit. */
    readonly mtu: number
  }
  /** Everyone who lives behind another gateway, the gateways' own bridges included, ordered by MAC. */
  readonly remotes: readonly Remote[]
  /** The members behind this gateway that have a port, ordered by MAC. */
  readonly locals: readonly Local[]
  /** nftables tables of ours that must exist; any other table named `causeway_<vni>` must not. */
  readonly tables: readonly Table[]
  /** Kernel settings, applied where the kernel has them. */
  readonly sysctls: Readonly<Record<string, string>>
}

/** A station behind another gateway. */
export interface Remote {
  readonly mac: string
  readonly address: string
  /** The other gateway's underlay address. */
  readonly underlay: string
}

/** A station behind this gateway. */
export interface Local {
  readonly name: string
  readonly mac: string
  /** Its port on the bridge; as long as there is no such port, the member is pending. */
  readonly port: string
}

/** The UDP port of VXLAN (RFC 7348, section 8). */
export const vxlanPort = 4789
