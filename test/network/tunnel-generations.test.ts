import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { applyGateway } from '../../src/network/apply.ts'
import type { Encryption } from '../../src/network/overlay.ts'
import { desiredTunnels } from '../../src/network/wireguard/desired-tunnels.ts'
import { pairGeneration } from '../../src/network/wireguard/generations.ts'
import { wireguardPart } from '../../src/network/wireguard/wireguard-part.ts'
import { FakeKernel } from './fake-kernel.ts'
import { sample, withGateway } from './sample.ts'
import { describeTunnels, encrypted, peerKeys, TunnelPlay } from './tunnel-plays.ts'

const names = ['head', 'east', 'west'] as const
const own = ['b3duIGtleSwgZ2VuZXJhdGlvbiAwLiAgICAgICAgICA=', 'b3duIGtleSwgZ2VuZXJhdGlvbiAxLiAgICAgICAgICA=']
const keyOf = { ...peerKeys, east: own }

/** What may be known at some time: who has told which keys, and who has shaken hands with whom. */
const encryptions: fc.Arbitrary<Encryption> = fc
  .record({
    generation: fc.constantFrom(0, 1),
    known: fc.uniqueArray(fc.tuple(fc.constantFrom(...names), fc.constantFrom(0, 1)), { selector: String }),
    linked: fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names))),
  })
  .map(({ generation, known, linked }) => {
    const keys = new Map<string, Map<number, string>>()
    for (const [name, g] of known)
      if (g <= generation) keys.set(name, (keys.get(name) ?? new Map<number, string>()).set(g, keyOf[name][g] ?? ''))
    const links = new Map<string, Set<string>>()
    for (const [a, b] of linked) links.set(a, (links.get(a) ?? new Set()).add(b))
    const base = { subnet: '198.18.0.0/15', port: 51_820, relay: 'head' }
    return { ...base, generation, keys, links }
  })

const overlays = fc
  .tuple(encryptions, fc.subarray([...names]), fc.constantFrom('10.250.2.2', 'fd00:250:2::2'))
  .map(([encryption, nat, underlay]) => {
    const behind = nat.reduce((all, name) => withGateway(all, name, { nat: true }), sample)
    return { ...withGateway(behind, 'west', { underlay }), encryption }
  })

const damage = fc.constantFrom(
  'delete cwg77a',
  'forget cwg77a 0',
  'nft delete table inet causeway_77_tunnels',
  'ip link set dev cwg77a down',
  'ip link set dev cwg77a mtu 1300',
  'set cwg77a rp_filter 0',
  'wg set cwg77a listen-port 9',
  'ip address add 198.18.9.9/32 dev cwg77a',
  'ip route replace 198.18.9.9/32 dev cwg77a',
  'ip route del 198.18.0.1/32 dev cwg77a',
  `wg set cwg77a peer ${peerKeys.head[0]} remove`,
  `wg set cwg77a peer ${peerKeys.west[1]} allowed-ips 198.18.0.1/32`,
)

describe('the generation by which two gateways exchange traffic', () => {
  it('is the same for both, is one that both have told a key of, and is the older one until both are linked', () => {
    fc.assert(
      fc.property(encryptions, (encryption) => {
        for (const a of names)
          for (const b of names) {
            if (a === b) continue
            const found = pairGeneration(encryption, a, b)
            assert.equal(found, pairGeneration(encryption, b, a))
            const shared = [0, 1].filter((g) => encryption.keys.get(a)?.has(g) && encryption.keys.get(b)?.has(g))
            const linked = encryption.links.get(a)?.has(b) === true && encryption.links.get(b)?.has(a) === true
            const [least = null] = shared
            const most = shared.at(-1) ?? null
            assert.equal(found, encryption.generation === 1 && linked ? most : least)
          }
      }),
    )
  })
})

describe('the tunnels that are wanted', () => {
  it('lead each route to a device that has the next gateway as a peer with that address', () => {
    fc.assert(
      fc.property(overlays, fc.constantFrom(...names), (overlay, name) => {
        const { devices, routes } = desiredTunnels(overlay, name)
        for (const [address, device] of routes) {
          const peers = [...(devices.find((one) => one.name === device)?.peers.values() ?? [])]
          assert.equal(peers.filter((peer) => peer.allowedIps.includes(`${address}/32`)).length, 1)
        }
        for (const { peers } of devices) {
          const allowed = [...peers.values()].flatMap((peer) => peer.allowedIps)
          assert.equal(new Set(allowed).size, allowed.length, 'an address belongs to one peer')
        }
      }),
    )
  })

  it('come about from any state in one step, and then there is nothing to do', async () => {
    await fc.assert(
      fc.asyncProperty(overlays, fc.array(damage, { maxLength: 6 }), overlays, async (first, accidents, second) => {
        const kernel = new FakeKernel('east')
        const apply = (overlay: typeof first) => applyGateway(kernel, overlay, 'east', [wireguardPart])
        await apply(first)
        const play = new TunnelPlay(kernel)
        // Some of it is refused, which is fine.
        for (const line of accidents) await play.tamper(line).catch(() => undefined)
        assert.deepEqual((await apply(second)).failures, [])
        const again = await apply(second)
        assert.deepEqual(
          again.commands.filter((line) => !line.startsWith('key ')),
          [],
        )
        const fresh = new FakeKernel('east')
        await applyGateway(fresh, second, 'east', [wireguardPart])
        const state = async (host: FakeKernel) => {
          const { keys, ...rest } = await new TunnelPlay(host).read()
          const inUse = keys.filter(({ device, generation }) =>
            desiredTunnels(second, 'east').devices.some((one) => one.name === device && one.generation === generation),
          )
          return describeTunnels({ ...rest, keys: inUse })
        }
        // A peer that has been told an endpoint keeps it when none is wanted any more.
        const plain = (text: string) => text.replaceAll(/(peer \S+) \S+/g, '$1').replaceAll(/runs by.*/g, '')
        assert.equal(plain(await state(kernel)), plain(await state(fresh)))
      }),
      { numRuns: 200 },
    )
  })
})

it('an overlay that has no room for tunnels, or a key that is none, is refused', () => {
  assert.throws(() => desiredTunnels(encrypted({ subnet: '198.18.0.0/24' }) as never, 'east'), {
    code: 'InvalidRequest',
  })
  const keys = new Map([['head', new Map([[0, 'x; reboot']])]])
  assert.throws(() => desiredTunnels(encrypted({ keys }) as never, 'east'), { code: 'InvalidRequest' })
  assert.throws(() => desiredTunnels(encrypted() as never, 'nobody'), { code: 'NotFound' })
})
