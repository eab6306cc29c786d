import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Host } from '../../src/base/host.ts'
import { formatIpv4 } from '../../src/base/ipv4.ts'
import { type ApplyReport, applyGateway } from '../../src/network/apply.ts'
import { desiredState } from '../../src/network/kernel/desired-state.ts'
import { diff } from '../../src/network/kernel/diff.ts'
import { kernelPart } from '../../src/network/kernel/kernel-part.ts'
import { readGateway } from '../../src/network/kernel/read.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import { FakeKernel } from './fake-kernel.ts'
import { bareOverlay, gateway, member, sample } from './sample.ts'
import { describeState } from './transcript.ts'

const ports = ['cwp00000001', 'cwp00000002', 'cwp00000003']

/** Overlays of three gateways that differ in all that can change: members, their places, rules, addresses, sizes. */
const overlays: fc.Arbitrary<Overlay> = fc
  .record({
    nodes: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 8 }),
    places: fc.array(fc.constantFrom('east', 'west', 'head'), { minLength: 8, maxLength: 8 }),
    origins: fc.subarray(['10.250.9.2', '10.250.9.3', '10.77.0.200']),
    port: fc.constantFrom(3128, 3129),
    cache: fc.boolean(),
    routes: fc.boolean(),
    underlay: fc.constantFrom('10.250.1.2', '10.250.1.3'),
    last: fc.constantFrom(254, 253),
    underlayMtu: fc.constantFrom(1500, 1420, 9000),
  })
  .map(({ nodes, places, origins, port, cache, routes, underlay, last, underlayMtu }) => ({
    ...bareOverlay,
    underlayMtu,
    gateways: [
      gateway('head', '10.250.0.2', '10.77.0.1'),
      gateway('east', underlay, `10.77.1.${last}`, { interception: cache ? { port, origins } : null, routes }),
      gateway('west', '10.250.2.2', '10.77.2.254'),
    ],
    members: nodes.map((k, i) => {
      const place = places[i] ?? 'east'
      // Some local members have a port that is there, others wait for theirs.
      return member(`n${k}`, formatIpv4(0x0a4d0900 + k), place, i < ports.length ? (ports[i] ?? null) : `late${i}`)
    }),
  }))

/** What people and accidents do to a gateway; some of it is refused, which is fine. */
const damage = fc.constantFrom(
  'ip link del dev cw77',
  'ip link del dev cwx77',
  'ip link set dev cwx77 nomaster',
  'ip link set dev cwx77 down',
  'ip link set dev cw77 down',
  'ip link set dev cw77 mtu 1300',
  'ip link set dev cwx77 mtu 1300',
  'ip link set dev cw77 address 02:43:0a:4d:01:77',
  'ip link set dev cw77 type bridge mcast_snooping 1',
  'ip link set dev cwx77 type bridge_slave neigh_suppress off',
  'ip address add 10.77.3.3/16 dev cw77',
  'ip address del 10.77.1.254/16 dev cw77',
  'ip neigh flush dev cw77',
  'ip neigh replace 10.77.9.7 lladdr 02:43:0a:4d:09:77 dev cw77 nud permanent',
  'bridge fdb flush dev cw77',
  'bridge fdb flush dev cwx77',
  'bridge fdb replace 02:43:0a:4d:09:07 dev cwx77 dst 10.250.9.9 self static',
  'bridge fdb replace 02:43:0a:4d:09:07 dev cwp00000001 master static',
  'bridge fdb append 00:00:00:00:00:00 dev cwx77 dst 10.250.2.2 self',
  'nft flush ruleset',
  'nft flush chain ip causeway_77 intercept',
  'nft delete table ip causeway_77',
  'nft add table bridge causeway_77',
  'sysctl -w net.ipv4.ip_forward=0',
  'sysctl -w net.bridge.bridge-nf-call-iptables=1',
)

function apply(host: Host, overlay: Overlay): Promise<ApplyReport> {
  return applyGateway(host, overlay, 'east', [kernelPart])
}

/** A host with the nodes' ports, which are plugged in once there is a bridge. */
async function machine(): Promise<FakeKernel> {
  const kernel = new FakeKernel('east')
  for (const port of ports)
    await kernel.exec(['ip', 'link', 'add', 'name', port, 'type', 'veth', 'peer', 'name', `x${port}`])
  return kernel
}

async function plug(kernel: FakeKernel): Promise<void> {
  for (const port of ports) await kernel.exec(['ip', 'link', 'set', 'dev', port, 'master', 'cw77'])
}

describe('applying', () => {
  it('leads from any state to the same one, in one step, and then has nothing to do', async () => {
    await fc.assert(
      fc.asyncProperty(overlays, fc.array(damage, { maxLength: 6 }), overlays, async (first, accidents, second) => {
        const state = desiredState(second, 'east')
        const kernel = await machine()
        await apply(kernel, first)
        await plug(kernel)
        await apply(kernel, first)
        for (const accident of accidents) await kernel.exec(accident.split(' '))
        const report = await apply(kernel, second)
        assert.deepEqual(report.failures, [], 'nothing is refused')
        await plug(kernel)
        await apply(kernel, second)
        assert.deepEqual((await apply(kernel, second)).commands, [])

        const fresh = await machine()
        await apply(fresh, second)
        await plug(fresh)
        await apply(fresh, second)
        if (state.sysctls['net.ipv4.ip_forward'] === undefined)
          fresh.sysctls.set('net.ipv4.ip_forward', forwardOf(kernel))
        assert.equal(describeState(await readGateway(kernel, 77)), describeState(await readGateway(fresh, 77)))
      }),
      { numRuns: 300 },
    )
  })

  it('adds before it deletes', async () => {
    await fc.assert(
      fc.asyncProperty(overlays, overlays, async (first, second) => {
        const kernel = await machine()
        await apply(kernel, first)
        const { ip, bridge } = diff(await readGateway(kernel, 77), desiredState(second, 'east'))
        for (const lines of [ip.filter((line) => line.startsWith('neigh')), bridge]) {
          const deletes = lines.map((line) => line.includes(' del '))
          assert.deepEqual(
            deletes,
            deletes.toSorted((a, b) => Number(a) - Number(b)),
          )
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('exchanges with the host', () => {
  it('are five reads and no write when nothing differs', async () => {
    const kernel = await machine()
    await apply(kernel, sample)
    kernel.calls.length = 0
    await apply(kernel, sample)
    assert.deepEqual(
      // Parts that are not in use look whether they left something.
      kernel.calls.map((argv) => argv[0]).filter((program) => program !== 'test'),
      ['ip', 'bridge', 'nft', 'nft', 'sysctl'],
    )
    assert.deepEqual(kernel.writes, [])
  })

  it('are one write to each program that has something to change', async () => {
    const kernel = await machine()
    await apply(kernel, sample)
    assert.deepEqual([...kernel.writes].sort(), ['bridge', 'ip', 'nft', 'sysctl'])
    kernel.calls.length = 0
    await kernel.exec(['bridge', 'fdb', 'flush', 'dev', 'cwx77'])
    await apply(kernel, sample)
    assert.deepEqual(kernel.writes, ['bridge'])
  })

  it('write nothing when reading fails', async () => {
    const kernel = await machine()
    const written: string[] = []
    const broken = {
      name: 'east',
      exec: async (argv: readonly string[], options = {}) => {
        if (argv.includes('-force') || argv.includes('-w')) written.push(argv.join(' '))
        const result = await kernel.exec(argv, options)
        return argv[0] === 'bridge' ? { ...result, stdout: '[{"mac":' } : result
      },
      close: () => kernel.close(),
    }
    await assert.rejects(apply(broken, sample), { code: 'MalformedOutput' })
    assert.deepEqual(written, [])
  })
})

function forwardOf(kernel: FakeKernel): string {
  return kernel.sysctls.get('net.ipv4.ip_forward') ?? ''
}
