import type { ControllerConfig } from '../config/controller-schema.ts'
import { defaultTunnels } from '../config/network-contradictions.ts'
import type { NetworkFacts } from '../network/facts.ts'
import type { Encryption, OverlayMode, Services } from '../network/overlay.ts'

type OverlayConfig = ControllerConfig['cluster']['overlay']

/** How forwarding entries come about. */
export function modeOf({ mode, evpn }: OverlayConfig): OverlayMode {
  return mode === 'evpn' ? { kind: 'evpn', ...evpn } : { kind: 'static' }
}

/** The tunnels, null where the configuration wants none. */
export function encryptionOf({ encryption }: OverlayConfig, facts: NetworkFacts): Encryption | null {
  if (!encryption) return null
  const { subnet = defaultTunnels, port, relay } = encryption
  return { subnet, port, relay, generation: facts.generation, keys: facts.keys, links: facts.links }
}

/** DHCP and DNS, null where the configuration wants none. The head's name comes first, as in every node's hosts file. */
export function servicesOf({ cluster, head }: ControllerConfig): Services | null {
  const { services } = cluster.overlay
  if (!services) return null
  const { [head.name]: _, ...others } = cluster.hosts
  const hosts = { [head.name]: head.address, ...others }
  return { zone: services.zone ?? `${cluster.name}.internal`, forwarders: services.forwarders, hosts }
}
