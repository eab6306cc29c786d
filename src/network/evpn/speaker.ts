import { CausewayError } from '../../base/errors.ts'
import { addressFamily } from '../../base/ipv6.ts'
import { tunnelAddress } from '../addressing.ts'
import type { Gateway, Overlay } from '../overlay.ts'

/** What a gateway's BGP does: all that its configuration is written from. */
export interface Speaker {
  readonly vni: number
  readonly asn: number
  /** The IPv4 address that it is known by and that its sessions come from; also where VXLAN is sent to. */
  readonly address: string
  /** TCP port of all the cluster's sessions. */
  readonly port: number
  /** Whether frames may be flooded to all sites: each gateway then tells the others that it wants them (RFC 8365, 8.3.1). */
  readonly flooding: boolean
  /** Those that it has sessions with, in the order of the overlay's gateways. */
  readonly peers: readonly Peer[]
}

interface Peer {
  readonly address: string
  /** Whether what others tell is reflected to it (RFC 4456). */
  readonly client: boolean
}

/**
 * Who talks to whom: a reflector to all, any other gateway to the reflectors only. So a gateway that joins or leaves changes
 * the reflectors, and a member that does, nobody.
 * @returns null when the overlay does not use EVPN
 * @throws CausewayError `NotFound` when the overlay has no such gateway; `InvalidRequest` when a reflector is no gateway, or
 *   gateways would be known by IPv6 addresses, which FRR's EVPN can't have.
 */
export function speakerOf(overlay: Overlay, gatewayName: string): Speaker | null {
  const { mode, vni } = overlay
  if (mode.kind !== 'evpn') return null
  const self = find(overlay, gatewayName, 'NotFound')
  for (const name of mode.reflectors) find(overlay, name, 'InvalidRequest')
  const reflects = (gateway: Gateway) => mode.reflectors.includes(gateway.name)
  const peers = overlay.gateways.filter((other) => other !== self && (reflects(self) || reflects(other)))
  return {
    vni,
    asn: mode.asn,
    address: speakerAddress(overlay, self),
    port: bgpPort(vni),
    flooding: overlay.flood.broadcast || overlay.flood.unknown,
    peers: peers.map((peer) => ({
      address: speakerAddress(overlay, peer),
      client: reflects(self) && !reflects(peer),
    })),
  }
}

/**
 * The TCP port of a cluster's BGP sessions. Not 179, which the gateway's own BGP may have; one for each cluster, since two of
 * them may share a gateway and its address. It is 17900 and the VNI's last four decimal digits.
 */
export function bgpPort(vni: number): number {
  return 17_900 + (vni % 10_000)
}

function find(overlay: Overlay, name: string, code: 'NotFound' | 'InvalidRequest'): Gateway {
  const gateway = overlay.gateways.find((one) => one.name === name)
  if (gateway === undefined) throw new CausewayError(code, `the overlay has no gateway '${name}'`)
  return gateway
}

function speakerAddress({ encryption, subnet }: Overlay, { name, address, underlay }: Gateway): string {
  if (encryption !== null) return tunnelAddress(address, subnet, encryption.subnet)
  if (addressFamily(underlay) === 4) return underlay
  const why = `${name}: EVPN needs IPv4 between gateways, and ${underlay} is none`
  throw new CausewayError('InvalidRequest', `${why}: use 'mode: static', or encryption, whose tunnels are IPv4`)
}
