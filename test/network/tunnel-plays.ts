import assert from 'node:assert/strict'
import { execChecked } from '../../src/base/exec.ts'
import type { Host } from '../../src/base/host.ts'
import { applyGateway, removeOverlay } from '../../src/network/apply.ts'
import type { Encryption, Overlay } from '../../src/network/overlay.ts'
import { parseTunnels } from '../../src/network/wireguard/read-tunnels.ts'
import { tunnelScript } from '../../src/network/wireguard/tunnel-script.ts'
import type { ActualTunnels } from '../../src/network/wireguard/tunnel-state.ts'
import { wireguardPart } from '../../src/network/wireguard/wireguard-part.ts'
import { sample, withGateway } from './sample.ts'

/** Public keys of the gateways of `sample` but `east`, whose own are made while a play runs. */
export const peerKeys = {
  head: ['aGVhZCwga2V5IG51bWJlciAwLiAgICAgICAgICAgICA=', 'aGVhZCwga2V5IG51bWJlciAxLiAgICAgICAgICAgICA='],
  west: ['d2VzdCwga2V5IG51bWJlciAwLiAgICAgICAgICAgICA=', 'd2VzdCwga2V5IG51bWJlciAxLiAgICAgICAgICAgICA='],
} as const

/** The sample, encrypted; `keys` says which generations are known of whom. */
export function encrypted(extra: Partial<Encryption> = {}, overlay: Overlay = sample): Overlay {
  const base = { subnet: '198.18.0.0/15', port: 51_820, relay: 'head', generation: 0, links: new Map() }
  const keys = { head: [peerKeys.head[0]], east: [null], west: [peerKeys.west[0]] }
  return { ...overlay, encryption: { ...base, keys: told(keys), ...extra } }
}

/** Keys by gateway: the first is of generation 0. `null`: it is `east`'s own, and which one plays no part. */
function told(keys: Readonly<Record<string, readonly (string | null)[]>>): Encryption['keys'] {
  const own = 'b3duIGtleXMgYXJlIG1hZGUgYXMgdGhlIHBsYXkgZ29lcyA='
  return new Map(
    Object.entries(keys).map(([gateway, list]) => [gateway, new Map(list.map((key, k) => [k, key ?? own]))]),
  )
}

/** Plays on one gateway's tunnels, and writes down what happened: on the model and for real it must be the same. */
export class TunnelPlay {
  readonly host: Host
  #text = ''

  constructor(host: Host) {
    this.host = host
  }

  async apply(overlay: Overlay): Promise<readonly string[]> {
    this.#text += 'apply\n'
    return this.#report(await applyGateway(this.host, overlay, 'east', [wireguardPart]))
  }

  async settled(overlay: Overlay): Promise<void> {
    assert.deepEqual((await applyGateway(this.host, overlay, 'east', [wireguardPart])).commands, [])
  }

  async remove(): Promise<readonly string[]> {
    this.#text += 'remove\n'
    return this.#report(await removeOverlay(this.host, 77, [wireguardPart]))
  }

  /** Does something from outside: a line of the script's. */
  async tamper(line: string): Promise<void> {
    this.#text += `$ ${line}\n`
    assert.equal(await tunnelScript(this.host).call(['run'], `${line}\n`), '', line)
  }

  /** The public key that the gateway tells. */
  async key(device: string, generation: number, known: readonly string[] = []): Promise<string> {
    return (await tunnelScript(this.host).call(['key', device, String(generation), ...known])).trim()
  }

  async read(): Promise<ActualTunnels> {
    return parseTunnels(await tunnelScript(this.host).call(['show', '77']))
  }

  async finish(): Promise<string> {
    return `${this.#text}\n${describeTunnels(await this.read())}`
  }

  #report(report: Awaited<ReturnType<typeof applyGateway>>): readonly string[] {
    assert.deepEqual([...report.failures, ...report.missing], [])
    for (const line of report.commands.length > 0 ? report.commands : ['(nothing to do)']) this.#text += `  ${line}\n`
    return report.commands
  }
}

/** As text, without the gateway's own keys, which are other ones each time. */
export function describeTunnels({ keys, devices, rules }: ActualTunnels): string {
  const kept = keys.map(({ device, generation }) => `key file ${device} ${generation}`)
  return [
    ...kept.sort(),
    ...devices.flatMap((one) => [
      `device ${one.name} ${one.publicKey === null ? 'dead' : 'alive'} ${one.up ? 'up' : 'down'} mtu ${one.mtu} port ${one.port}`,
      `  addresses ${one.addresses.join(' ')}, routes ${[...one.routes].sort().join(' ')}`,
      `  rp_filter ${one.rpFilter} forwarding ${one.forwarding ? 1 : 0}`,
      `  runs by the key of ${keys.find((key) => key.publicKey === one.publicKey && key.device === one.name)?.generation ?? 'no file'}`,
      ...[...one.peers]
        .map(([key, { endpoint, allowedIps, keepalive }]) => {
          return `  peer ${key} ${endpoint} ${allowedIps.join(' ')} keepalive ${keepalive}`
        })
        .sort(),
    ]),
    ...(rules ?? []).map((rule) => `rule ${rule}`),
    '',
  ].join('\n')
}

/** The overlay with these gateways behind NAT. */
function behindNat(overlay: Overlay, ...names: string[]): Overlay {
  return names.reduce((all, name) => withGateway(all, name, { nat: true }), overlay)
}

const both = {
  head: [...peerKeys.head],
  east: [null, null],
  west: [...peerKeys.west],
}

/** The plays, by what they show. */
export const tunnelPlays: Readonly<Record<string, (play: TunnelPlay) => Promise<void>>> = {
  'tunnels from nothing': async (play) => {
    await play.apply(encrypted({ keys: new Map() }))
    await play.apply(encrypted())
    await play.settled(encrypted())
  },

  'gateways come and go and move': async (play) => {
    await play.apply(encrypted())
    const moved = withGateway(encrypted(), 'west', { underlay: '10.250.3.2' })
    await play.apply(moved)
    await play.settled(moved)
    await play.apply(encrypted({ keys: told({ ...both, west: [peerKeys.west[1]] }) }))
    const fewer = { ...sample, gateways: sample.gateways.filter((one) => one.name !== 'west') }
    await play.apply(encrypted({}, fewer))
    await play.settled(encrypted({}, fewer))
  },

  'keys are changed': async (play) => {
    await play.apply(encrypted())
    const begun = { generation: 1, keys: told({ ...both, west: [peerKeys.west[0]] }) }
    await play.apply(
      encrypted({ ...begun, keys: told({ head: [peerKeys.head[0]], east: [null], west: [peerKeys.west[0]] }) }),
    )
    await play.apply(encrypted(begun))
    const linked = new Map([
      ['east', new Set(['head'])],
      ['head', new Set(['east'])],
    ])
    await play.apply(encrypted({ ...begun, links: linked }))
    await play.settled(encrypted({ ...begun, links: linked }))
    const all = new Map([
      ['east', new Set(['head', 'west'])],
      ['head', new Set(['east'])],
      ['west', new Set(['east'])],
    ])
    await play.apply(encrypted({ generation: 1, keys: told(both), links: all }))
    const only = [peerKeys.head, peerKeys.west].map(([, key]) => new Map([[1, key]]))
    const after = {
      generation: 1,
      keys: new Map([
        ['head', only[0] ?? new Map()],
        ['west', only[1] ?? new Map()],
      ]),
    }
    await play.apply(encrypted(after))
    // Its own new key is among those that are told by now; which one it is was not asked for in this play.
    const own = await play.key('cwg77b', 1)
    const known = { ...after, keys: new Map([...after.keys, ['east', new Map([[1, own]])] as const]) }
    await play.apply(encrypted(known))
    await play.settled(encrypted(known))
  },

  'bent tunnels are straightened': async (play) => {
    await play.apply(encrypted())
    const [head, west] = [peerKeys.head[0], peerKeys.west[0]]
    for (const line of [
      'ip link set dev cwg77a mtu 1300',
      'ip link set dev cwg77a down',
      'wg set cwg77a listen-port 51999',
      'set cwg77a rp_filter 1',
      'set cwg77a forwarding 1',
      'ip address add 198.18.9.9/32 dev cwg77a',
      'ip address del 198.18.1.254/32 dev cwg77a',
      `wg set cwg77a peer ${head} endpoint 10.250.9.9:9 persistent-keepalive 5`,
      `wg set cwg77a peer ${west} allowed-ips 198.18.2.254/32,198.18.9.9/32`,
      `wg set cwg77a peer ${peerKeys.west[1]} allowed-ips 198.18.0.1/32`,
      'nft delete chain inet causeway_77_tunnels leaving',
    ]) {
      if (!line.startsWith('nft')) await play.tamper(line)
    }
    await play.apply(encrypted())
    await play.settled(encrypted())
    await play.tamper(`wg set cwg77a peer ${head} remove`)
    await play.tamper('ip route del 198.18.0.1/32 dev cwg77a')
    await play.tamper('ip route replace 198.18.9.9/32 dev cwg77a')
    await play.apply(encrypted())
    await play.settled(encrypted())
  },

  'what was deleted comes back': async (play) => {
    await play.apply(encrypted())
    await play.tamper('delete cwg77a')
    await play.apply(encrypted())
    await play.settled(encrypted())
    await play.tamper('nft delete table inet causeway_77_tunnels')
    await play.apply(encrypted())
    await play.tamper('forget cwg77a 0')
    await play.apply(encrypted())
    await play.settled(encrypted())
  },

  'behind NAT': async (play) => {
    await play.apply(behindNat(encrypted(), 'east'))
    await play.settled(behindNat(encrypted(), 'east'))
    await play.apply(behindNat(encrypted(), 'east', 'west'))
    await play.settled(behindNat(encrypted(), 'east', 'west'))
    await play.apply(behindNat(encrypted(), 'west'))
    await play.apply(encrypted())
    await play.settled(encrypted())
  },

  'the relay': async (play) => {
    const relaying = behindNat(encrypted({ relay: 'east' }), 'head', 'west')
    await play.apply(relaying)
    await play.settled(relaying)
    await play.apply(encrypted({ relay: 'east' }))
    await play.settled(encrypted({ relay: 'east' }))
  },

  'over an IPv6 WAN': async (play) => {
    const six = withGateway(encrypted(), 'west', { underlay: 'fd00:250::2' })
    await play.apply(six)
    await play.settled(six)
    await play.apply(encrypted())
    await play.settled(encrypted())
  },

  'no longer encrypted, and removed': async (play) => {
    await play.apply(encrypted())
    await play.apply(sample)
    await play.settled(sample)
    await play.apply(encrypted())
    await play.remove()
    assert.deepEqual(await play.remove(), [])
  },

  'what is taken is a conflict, and stays': async (play) => {
    await execChecked(play.host, 'ip link add name cwg77a type veth peer name other'.split(' '))
    await assert.rejects(play.apply(encrypted()), { code: 'Conflict' })
    assert.equal((await play.read()).devices[0]?.kind, 'veth')
  },
}
