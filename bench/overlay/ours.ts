import { memberMac, segmentMtu, tunnelName } from '../../src/network/addressing.ts'
import { applyOverlay } from '../../src/network/apply.ts'
import type { Encryption, Gateway, Overlay } from '../../src/network/overlay.ts'
import { tunnelScript } from '../../src/network/wireguard/tunnel-script.ts'
import { type Contender, nodeAddress } from './contender.ts'
import { type Side, sides, underlayOf, type Wan } from './wan.ts'

/** An overlay with nothing but what it must have, and no gateways. */
export function bareOverlay(vni: number, subnet: string): Overlay {
  return {
    vni,
    subnet,
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
}

/** A gateway that neither caches nor routes. */
export function gateway(name: string, underlay: string, address: string): Gateway {
  const rest = { address6: null, interception: null, routes: false, nat: false }
  return { name, underlay, address, mac: memberMac(address), ...rest }
}

const siteOf = (side: Side) => `site${side}`

/** The project's own overlay, as it is by default. */
export const plain: Contender = ours('plain', 81, null, ['udp dport 4789'])

/** The same inside WireGuard, which must be there. */
export const encrypted: Contender = ours(
  'encrypted',
  82,
  { subnet: '198.18.0.0/16', port: 51_820, relay: siteOf(1), generation: 0, keys: new Map(), links: new Map() },
  ['udp dport { 51820, 51821 }'],
)

function ours(name: string, vni: number, encryption: Encryption | null, packets: readonly string[]): Contender {
  const subnet = `10.${vni}`
  const bare = {
    ...bareOverlay(vni, `${subnet}.0.0/16`),
    encryption,
    services: { zone: 'bench.internal', forwarders: [], hosts: {} },
    gateways: sides.map((side) => gateway(siteOf(side), underlayOf(side), `${subnet}.${side}.254`)),
  }
  return {
    name,
    kind: 'ours',
    encrypted: encryption !== null,
    mtu: segmentMtu(bare),
    subnet,
    packets,
    async up(wan, ports) {
      const whole =
        encryption === null ? bare : { ...bare, encryption: { ...encryption, keys: await keysOf(wan, vni) } }
      // The ports come on the bridge as a driver puts them there: when it exists, and then the overlay is applied again.
      await applied(wan, whole)
      for (const side of sides) {
        const { device } = ports[side]
        await wan.gateways[side].exec(['ip', 'link', 'set', 'dev', device, 'master', `cw${vni}`, 'up'])
      }
      const members = sides.map((side) => ({
        name: `node${side}`,
        address: nodeAddress({ subnet }, side),
        address6: null,
        mac: ports[side].mac,
        gateway: siteOf(side),
        port: ports[side].device,
        fixed: false,
      }))
      await applied(wan, { ...whole, members })
    },
  }
}

async function applied(wan: Wan, overlay: Overlay): Promise<void> {
  const reports = await applyOverlay(overlay, ({ name }) => wan.gateways[name === siteOf(1) ? 1 : 2])
  for (const [name, report] of reports) {
    if (report instanceof Error) throw report
    const wrong = [...report.failures.map(({ command, reason }) => `${command}: ${reason}`), ...report.missing]
    if (wrong.length > 0) throw new Error(`${name}: ${wrong.join('; ')}`)
  }
}

/** The gateways' public keys of the first generation, made now if there are none. */
async function keysOf(wan: Wan, vni: number): Promise<Encryption['keys']> {
  const told = sides.map(async (side): Promise<[string, ReadonlyMap<number, string>]> => {
    const key = await tunnelScript(wan.gateways[side]).call(['key', tunnelName(vni, 0), '0'])
    return [siteOf(side), new Map([[0, key.trim()]])]
  })
  return new Map(await Promise.all(told))
}
