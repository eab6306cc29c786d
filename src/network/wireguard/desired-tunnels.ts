import { CausewayError } from '../../base/errors.ts'
import { addressFamily, formatIpv6, parseIpv6 } from '../../base/ipv6.ts'
import { tunnelAddress, tunnelName } from '../addressing.ts'
import type { Encryption, Gateway, Overlay } from '../overlay.ts'
import { areToBeLinked, generationsInUse, pairGeneration } from './generations.ts'
import { tunnelRules } from './tunnel-rules.ts'
import type { TunnelDevice, TunnelState, WantedPeer } from './tunnel-state.ts'

/**
 * How often a gateway behind NAT is heard of, seconds: what NATs are usually asked to bear (WireGuard's own advice).
 * Much shorter times on both sides keep wireguard-go from ever finishing a handshake.
 */
const keepaliveSeconds = 25

/** An overlay with encryption. */
export type EncryptedOverlay = Overlay & { readonly encryption: Encryption }

/**
 * The tunnels that a gateway should have.
 * @throws CausewayError `NotFound` when the overlay has no such gateway; `InvalidRequest` when an address or key is none, or
 *   the tunnels' subnet has no room for a gateway.
 */
export function desiredTunnels(overlay: EncryptedOverlay, gatewayName: string): TunnelState {
  const { vni, gateways, encryption } = overlay
  const gateway = gateways.find((one) => one.name === gatewayName)
  if (gateway === undefined) throw new CausewayError('NotFound', `the overlay has no gateway '${gatewayName}'`)
  const relay = gateways.find((one) => one.name === encryption.relay && !one.nat)
  const others = gateways.filter((one) => one.name !== gateway.name)
  const passesOn = gateway === relay && gateways.filter((one) => one.nat).length > 1

  const devices = generationsInUse(encryption).map(
    (generation): TunnelDevice => ({
      name: tunnelName(vni, generation),
      generation,
      publicKey: encryption.keys.get(gateway.name)?.get(generation) ?? null,
      port: portOf(encryption, generation),
      mtu: tunnelMtu(overlay),
      address: addressOf(overlay, gateway),
      forwarding: passesOn,
      peers: peersOf(overlay, gateway, relay, generation),
    }),
  )
  const routes = others.flatMap((other): [string, string][] => {
    const next = isDirect(gateway, other) ? other : relay
    const generation = next === undefined ? null : pairGeneration(encryption, gateway.name, next.name)
    return generation === null ? [] : [[addressOf(overlay, other), tunnelName(vni, generation)]]
  })
  return { gateway: gateway.name, vni, devices, routes: new Map(routes), rules: tunnelRules(vni) }
}

/** Whether one of two gateways can call the other. */
function isDirect(a: Pick<Gateway, 'nat'>, b: Pick<Gateway, 'nat'>): boolean {
  return !(a.nat && b.nat)
}

/**
 * The MTU of the tunnels, bytes: what WireGuard leaves of the path's. Its data message has 32 bytes beside UDP's 8 and IP's
 * 20 or 40; where gateways differ in family, what fits all.
 */
function tunnelMtu({ underlayMtu, gateways }: Overlay): number {
  return underlayMtu - (gateways.some((one) => addressFamily(one.underlay) === 6) ? 80 : 60)
}

function peersOf(
  overlay: EncryptedOverlay,
  gateway: Gateway,
  relay: Gateway | undefined,
  generation: number,
): ReadonlyMap<string, WantedPeer> {
  const { gateways, encryption } = overlay
  const peers = new Map<string, WantedPeer>()
  for (const other of gateways) {
    const publicKey = encryption.keys.get(other.name)?.get(generation)
    if (other.name === gateway.name || publicKey === undefined || !isDirect(gateway, other)) continue
    if (!isPublicKey(publicKey)) throw invalid(`${other.name}: not a public key of WireGuard: '${publicKey}'`)
    if (peers.has(publicKey)) throw invalid(`${other.name} has the same key as another gateway`)
    // Beyond the relay are those that neither can call the other.
    const beyond = other === relay ? gateways.filter((one) => one.name !== gateway.name && !isDirect(gateway, one)) : []
    peers.set(publicKey, {
      endpoint: other.nat ? null : endpointOf(encryption, other, generation),
      allowedIps: [other, ...beyond].map((one) => `${addressOf(overlay, one)}/32`).sort(),
      keepalive: keepaliveOf(encryption, gateway, other, generation),
      roams: addressFamily(gateway.underlay) !== addressFamily(other.underlay),
    })
  }
  return peers
}

/** Who is behind NAT keeps it open; and while keys are changed, one of the two begins the handshake without traffic. */
function keepaliveOf(encryption: Encryption, gateway: Gateway, other: Gateway, generation: number): number {
  if (gateway.nat) return keepaliveSeconds
  if (other.nat || generation !== encryption.generation || gateway.name > other.name) return 0
  return areToBeLinked(encryption, gateway.name, other.name) ? keepaliveSeconds : 0
}

/** Whether a text is a public key as WireGuard writes it: 32 bytes in base64. */
export function isPublicKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text)
}

function addressOf({ subnet, encryption }: EncryptedOverlay, { address }: Gateway): string {
  return tunnelAddress(address, subnet, encryption.subnet)
}

function endpointOf(encryption: Encryption, { name, underlay }: Gateway, generation: number): string {
  const port = portOf(encryption, generation)
  if (addressFamily(underlay) === 4) return `${underlay}:${port}`
  // In the form that WireGuard shows, or it would look like another one each time.
  const address = parseIpv6(underlay)
  if (address === null) throw invalid(`${name}: not an address: '${underlay}'`)
  return `[${formatIpv6(address)}]:${port}`
}

function portOf({ port }: Encryption, generation: number): number {
  return port + (generation % 2)
}

function invalid(message: string): CausewayError {
  return new CausewayError('InvalidRequest', message)
}
