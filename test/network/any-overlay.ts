import * as fc from 'fast-check'
import type { Host } from '../../src/base/host.ts'
import { formatIpv4 } from '../../src/base/ipv4.ts'
import { type ApplyReport, applyGateway } from '../../src/network/apply.ts'
import { desiredState } from '../../src/network/kernel/desired-state.ts'
import { kernelPart } from '../../src/network/kernel/kernel-part.ts'
import { readGateway } from '../../src/network/kernel/read.ts'
import type { Member, Overlay } from '../../src/network/overlay.ts'
import { FakeKernel } from './fake-kernel.ts'
import { bareOverlay, gateway, member, overIpv6, withIpv6 } from './sample.ts'
import { describeState } from './transcript.ts'

/** The nodes' ports that are there; `lan0` leads to fixed members. */
const ports = ['cwp00000001', 'cwp00000002', 'cwp00000003', 'lan0']

const encryption = {
  subnet: '198.18.0.0/15',
  port: 51_820,
  relay: 'head',
  generation: 0,
  keys: new Map(),
  links: new Map(),
}

/** Overlays of three gateways that differ in all that can change: members, their places, rules, addresses, sizes, modes. */
export const overlays: fc.Arbitrary<Overlay> = fc
  .record({
    nodes: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 8 }),
    places: fc.array(fc.constantFrom('east', 'west', 'head'), { minLength: 8, maxLength: 8 }),
    fixed: fc.subarray([201, 202, 203]),
    origins: fc.subarray(['10.250.9.2', '10.250.9.3', '10.77.0.200']),
    port: fc.constantFrom(3128, 3129),
    cache: fc.boolean(),
    routes: fc.boolean(),
    underlay: fc.constantFrom('10.250.1.2', '10.250.1.3'),
    last: fc.constantFrom(254, 253),
    underlayMtu: fc.constantFrom(1500, 1420, 9000),
    flood: fc.record({ broadcast: fc.boolean(), unknown: fc.boolean() }),
    byBgp: fc.boolean(),
    isEncrypted: fc.boolean(),
    wan6: fc.boolean(),
    subnet6: fc.constantFrom(null, 'fd77::/64', 'fd78::/64'),
    joins: fc.boolean(),
    vias: fc.uniqueArray(fc.option(fc.integer({ min: 60, max: 70 })), { maxLength: 3 }),
  })
  .map(({ nodes, places, fixed, origins, port, cache, routes, underlay, last, underlayMtu, flood, ...given }) => {
    // Nobody joins by himself where BGP is: such an overlay is refused.
    const joins = given.joins && !given.byBgp
    const overlay: Overlay = {
      ...bareOverlay,
      underlayMtu,
      flood,
      mode: given.byBgp ? { kind: 'evpn', asn: 64_512, reflectors: ['head'] } : { kind: 'static' },
      encryption: given.isEncrypted ? encryption : null,
      gateways: [
        gateway('head', '10.250.0.2', '10.77.0.1'),
        gateway('east', underlay, `10.77.1.${last}`, {
          interception: cache ? { port, origins } : null,
          routes,
          ...(joins ? { joins } : {}),
        }),
        gateway('west', '10.250.2.2', '10.77.2.254'),
      ],
      members: [
        ...nodes.map((k, i) => nodeOf(k, i, places[i] ?? 'east')),
        ...(joins ? given.vias : []).map((via, i) => joinedOf(i, via, given.wan6)),
        ...fixed.map((k) => ({ ...member(`f${k}`, formatIpv4(0x0a4d0900 + k), 'east', 'lan0'), fixed: true })),
      ],
    }
    const over = given.wan6 ? overIpv6(overlay) : overlay
    return given.subnet6 === null ? over : withIpv6(over, given.subnet6)
  })

/** A node of `east` that joins by itself. */
function joinedOf(index: number, via: number | null, wan6: boolean): Member {
  const from = via === null ? null : `${wan6 ? 'fd00:250:1::' : '10.250.1.'}${via}`
  return { ...member(`j${index}`, formatIpv4(0x0a4d0980 + index), 'east', 'cwj77'), via: from }
}

/** Some local nodes have a port that is there, others wait for theirs. */
function nodeOf(k: number, index: number, place: string): Member {
  return member(`n${k}`, formatIpv4(0x0a4d0900 + k), place, index < 3 ? (ports[index] ?? null) : `late${index}`)
}

/** What people and accidents do to a gateway; some of it is refused, which is fine. */
export const damage = fc.constantFrom(
  'ip link del dev cw77',
  'ip link del dev cwx77',
  'ip link del dev cwj77',
  'ip link set dev cwj77 nomaster',
  'ip link del dev cwt77',
  'ip link set dev cwt77 type bridge_slave neigh_suppress off',
  'bridge fdb flush dev cwt77',
  'bridge fdb del 02:43:0a:4d:09:80 dev cwt77 master',
  'ip link set dev cwx77 nomaster',
  'ip link set dev cwx77 down',
  'ip link set dev cw77 down',
  'ip link set dev cw77 mtu 1300',
  'ip link set dev cw77 mtu 1200',
  'ip link set dev cwx77 mtu 1300',
  'ip link set dev cw77 address 02:43:0a:4d:01:77',
  'ip link set dev cw77 type bridge mcast_snooping 1',
  'ip link set dev cwx77 type bridge_slave neigh_suppress off',
  'ip link set dev cwx77 type bridge_slave flood on bcast_flood on',
  'ip address add 10.77.3.3/16 dev cw77',
  'ip address del 10.77.1.254/16 dev cw77',
  'ip address add fd77::a4d:303/64 dev cw77',
  'ip address del fd77::a4d:1fe/64 dev cw77',
  'ip neigh flush dev cw77',
  'ip neigh replace 10.77.9.7 lladdr 02:43:0a:4d:09:77 dev cw77 nud permanent',
  'ip neigh replace fd77::a4d:907 lladdr 02:43:0a:4d:09:77 dev cw77 nud permanent',
  'bridge fdb flush dev cw77',
  'bridge fdb flush dev cwx77',
  'bridge fdb replace 02:43:0a:4d:09:07 dev cwx77 dst 10.250.9.9 self static',
  'bridge fdb append 02:43:0a:4d:02:fe dev cwx77 dst 10.250.9.9 self static',
  'bridge fdb replace 02:43:0a:4d:09:07 dev cwp00000001 master static',
  'bridge fdb replace 02:43:0a:4d:09:08 dev cwx77 dst 10.250.2.2 self extern_learn',
  'bridge fdb replace 02:43:0a:4d:09:08 dev cwx77 master dynamic extern_learn',
  'bridge fdb append 00:00:00:00:00:00 dev cwx77 dst 10.250.2.2 self permanent',
  'nft flush ruleset',
  'nft flush chain ip causeway_77 intercept',
  'nft delete table ip causeway_77',
  'nft add table bridge causeway_77',
  'sysctl -w net.ipv4.ip_forward=0',
  'sysctl -w net.ipv6.conf.cw77.disable_ipv6=1',
  'sysctl -w net.ipv6.conf.default.disable_ipv6=1',
  'sysctl -w net.ipv6.conf.all.forwarding=0',
  'sysctl -w net.bridge.bridge-nf-call-iptables=1',
)

/** Applies the kernel's part of an overlay to the gateway `east`. */
export function applyKernel(host: Host, overlay: Overlay): Promise<ApplyReport> {
  return applyGateway(host, overlay, 'east', [kernelPart])
}

/** A host with the nodes' ports, which are plugged in once there is a bridge. */
export async function machine(): Promise<FakeKernel> {
  const kernel = new FakeKernel('east')
  for (const port of ports)
    await kernel.exec(['ip', 'link', 'add', 'name', port, 'type', 'veth', 'peer', 'name', `x${port}`])
  return kernel
}

/** Plugs all ports into the bridge. */
export async function plug(kernel: FakeKernel): Promise<void> {
  for (const port of ports) await kernel.exec(['ip', 'link', 'set', 'dev', port, 'master', 'cw77'])
}

/**
 * What a kernel holds, as text, and what one that never held anything else holds, once the overlay is applied to it. Settings
 * that the overlay does not name stay as they were; under BGP what leads through the VXLAN device is not ours, and left out.
 */
export async function heldAndFresh(kernel: FakeKernel, overlay: Overlay): Promise<readonly [string, string]> {
  const fresh = await machine()
  await applyKernel(fresh, overlay)
  await plug(fresh)
  await applyKernel(fresh, overlay)
  const { sysctls, vxlan } = desiredState(overlay, 'east')
  for (const [key, value] of kernel.sysctls) if (sysctls[key] === undefined) fresh.sysctls.set(key, value)
  const text = async (host: FakeKernel) => {
    const lines = describeState(await readGateway(host, 77)).split('\n')
    const isBgp = (line: string) => vxlan.mode === 'evpn' && /^(entry \S+ cwx77|neighbour) /.test(line)
    return lines.filter((line) => !isBgp(line)).join('\n')
  }
  return [await text(kernel), await text(fresh)]
}
