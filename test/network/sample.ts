import { memberAddress6, memberMac } from '../../src/network/addressing.ts'
import type { Gateway, Member, Overlay } from '../../src/network/overlay.ts'

/** A gateway without cache and routing; `extra` overrides. */
export function gateway(name: string, underlay: string, address: string, extra: Partial<Gateway> = {}): Gateway {
  const rest = { address6: null, interception: null, routes: false, nat: false }
  return { name, underlay, address, mac: memberMac(address), ...rest, ...extra }
}

/** A member with the MAC that belongs to its address. */
export function member(name: string, address: string, gateway: string, port: string | null): Member {
  return { name, address, address6: null, mac: memberMac(address), gateway, port, fixed: false }
}

const cache = { port: 3128, origins: ['10.250.9.2'] }

/** An overlay with nothing but what it must have. */
export const bareOverlay: Overlay = {
  vni: 77,
  subnet: '10.77.0.0/16',
  subnet6: null,
  underlayMtu: 1500,
  mode: { kind: 'static' },
  flood: { broadcast: false, unknown: false },
  storm: 1000,
  encryption: null,
  services: null,
  gateways: [],
  members: [],
}

/** A head and two sites, three nodes. */
export const sample: Overlay = {
  ...bareOverlay,
  gateways: [
    gateway('head', '10.250.0.2', '10.77.0.1'),
    gateway('east', '10.250.1.2', '10.77.1.254', { interception: cache, routes: true }),
    gateway('west', '10.250.2.2', '10.77.2.254', { interception: cache, routes: true }),
  ],
  members: [
    member('head', '10.77.0.1', 'head', null),
    member('east-1', '10.77.1.1', 'east', 'cwp000000e1'),
    member('east-2', '10.77.1.2', 'east', 'cwp000000e2'),
    member('west-1', '10.77.2.1', 'west', 'cwp00000071'),
  ],
}

/** The overlay with other members. */
export function withMembers(overlay: Overlay, change: (members: readonly Member[]) => readonly Member[]): Overlay {
  return { ...overlay, members: change(overlay.members) }
}

/** The overlay with one gateway changed. */
export function withGateway(overlay: Overlay, name: string, change: Partial<Gateway>): Overlay {
  const gateways = overlay.gateways.map((one) => (one.name === name ? { ...one, ...change } : one))
  return { ...overlay, gateways }
}

/** The overlay with IPv6 inside: all have an address in `fd77::/64`. */
export function withIpv6(overlay: Overlay, subnet6 = 'fd77::/64'): Overlay {
  const both = <T extends { readonly address: string }>(one: T) => ({
    ...one,
    address6: memberAddress6(one.address, subnet6),
  })
  return { ...overlay, subnet6, gateways: overlay.gateways.map(both), members: overlay.members.map(both) }
}

/** The overlay over an IPv6 WAN: `10.250.1.2` becomes `fd00:250:1::2`. */
export function overIpv6(overlay: Overlay): Overlay {
  const gateways = overlay.gateways.map((one) => {
    const [, , site, host] = one.underlay.split('.')
    return { ...one, underlay: `fd00:250:${site}::${host}` }
  })
  return { ...overlay, gateways }
}
