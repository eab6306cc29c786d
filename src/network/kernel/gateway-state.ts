import type { PortFlags } from './actual-state.ts'
import type { Table } from './table.ts'

/** What a gateway's kernel should hold for one cluster. Computed by `desiredState`, compared by `diff`. */
export interface GatewayState {
  readonly gateway: string
  readonly vni: number
  /** The cluster's subnet in CIDR form; addresses of the bridge inside it are ours to manage. */
  readonly subnet: string
  /** The same for IPv6; null where the cluster has none. */
  readonly subnet6: string | null
  readonly bridge: {
    readonly name: string
    readonly mac: string
    /** Bytes; the nodes' too. */
    readonly mtu: number
    /** With the subnet's prefix length: `10.77.1.254/16`. */
    readonly address: string
    /** The same for IPv6: `fd77::a4d:1fe/64`. */
    readonly address6: string | null
  }
  readonly vxlan: {
    readonly name: string
    /** The address that it sends from, IPv4 or IPv6: the underlay's, or the one in the tunnels. */
    readonly local: string
    /** Bytes; larger than the bridge's, so that the device itself answers frames that don't fit. */
    readonly mtu: number
    /** Who writes what leads through it, neighbours included: we (`static`), or a BGP daemon (`evpn`). */
    readonly mode: 'static' | 'evpn'
    /** How it behaves as the bridge's port. */
    readonly flags: PortFlags
    /** Where to send frames that are flooded into it; none: nowhere, or where the BGP daemon says. */
    readonly floods: readonly string[]
  }
  /** Where nodes join that no bridge reaches; null: none may. */
  readonly join: {
    /** By which their frames come; it also has the entries by which the bridge's answers to them leave. */
    readonly from: VxlanDevice
    /** By which all other frames for them leave: the bridge's entries lead to it. */
    readonly toward: VxlanDevice
  } | null
  /** Everyone who lives behind another gateway, the gateways' own bridges included, ordered by MAC. */
  readonly remotes: readonly Remote[]
  /** The members behind this gateway that have a port, ordered by MAC. */
  readonly locals: readonly Local[]
  /** nftables tables of ours that must exist; any other table named `causeway_<vni>` must not. */
  readonly tables: readonly Table[]
  /** Kernel settings, applied where the kernel has them. */
  readonly sysctls: Readonly<Record<string, string>>
}

/** A VXLAN device as a port of the bridge. */
export interface VxlanDevice {
  readonly name: string
  /** The address that it sends from. Where nodes join the underlay's, also with encryption: they know nothing of tunnels. */
  readonly local: string
  /** Bytes. */
  readonly mtu: number
  /** UDP. */
  readonly port: number
  readonly flags: PortFlags
}

/** A station behind another gateway. */
export interface Remote {
  readonly mac: string
  readonly address: string
  readonly address6: string | null
  /** Where the VXLAN device sends what is for it: the other gateway's underlay address, or that in the tunnels. */
  readonly endpoint: string
}

/** A station behind this gateway. */
export interface Local {
  readonly name: string
  readonly mac: string
  readonly address: string
  readonly address6: string | null
  /** Its port on the bridge; as long as there is no such port, the member is pending. */
  readonly port: string
  /** Where it sends from, if it joined by itself (null: not known yet, it is pending); left out: it is plugged in. */
  readonly via?: string | null
}

/** The UDP port of VXLAN (RFC 7348, section 8). */
export const vxlanPort = 4789
