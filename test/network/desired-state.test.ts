import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { desiredState } from '../../src/network/kernel/desired-state.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import { gateway, member, overIpv6, sample, withGateway, withIpv6, withMembers } from './sample.ts'

const encryption = {
  subnet: '198.18.0.0/15',
  port: 51_820,
  relay: 'head',
  generation: 0,
  keys: new Map(),
  links: new Map(),
}

describe('the desired state of a gateway', () => {
  it('knows its own bridge and tunnel', () => {
    const state = desiredState(sample, 'east')
    assert.deepEqual(state.bridge, {
      name: 'cw77',
      mac: '02:43:0a:4d:01:fe',
      mtu: 1450,
      address: '10.77.1.254/16',
      address6: null,
    })
    assert.deepEqual(state.vxlan, {
      name: 'cwx77',
      local: '10.250.1.2',
      mtu: 1500,
      mode: 'static',
      flags: { neigh_suppress: true, learning: false, flood: false, mcast_flood: false, bcast_flood: false },
      floods: [],
    })
  })

  it('finds everyone else where they are, bridges included, the head once', () => {
    const remotes = desiredState(sample, 'east').remotes.map((one) => `${one.address} ${one.endpoint}`)
    assert.deepEqual(remotes, ['10.77.0.1 10.250.0.2', '10.77.2.1 10.250.2.2', '10.77.2.254 10.250.2.2'])
    assert.equal(desiredState(sample, 'head').remotes.length, 5)
  })

  it('keeps its own members apart, and needs no port for the head', () => {
    assert.deepEqual(
      desiredState(sample, 'east').locals.map((one) => one.name),
      ['east-1', 'east-2'],
    )
    assert.deepEqual(desiredState(sample, 'head').locals, [])
  })

  it('makes the tunnel wide enough for any path', () => {
    assert.equal(desiredState({ ...sample, underlayMtu: 9000 }, 'east').vxlan.mtu, 9000)
    assert.equal(desiredState({ ...sample, underlayMtu: 1420 }, 'east').vxlan.mtu, 1500)
    assert.equal(desiredState({ ...sample, underlayMtu: 1420 }, 'east').bridge.mtu, 1370)
  })

  it('gives bridge and members an IPv6 address each, and forwards where the gateway routes', () => {
    const both = withIpv6(sample)
    const state = desiredState(both, 'east')
    assert.equal(state.bridge.address6, 'fd77::a4d:1fe/64')
    assert.deepEqual(
      state.remotes.map((one) => one.address6),
      ['fd77::a4d:1', 'fd77::a4d:201', 'fd77::a4d:2fe'],
    )
    assert.equal(state.sysctls['net.ipv6.conf.all.forwarding'], '1')
    assert.equal(state.sysctls['net.ipv6.conf.cw77.disable_ipv6'], '0')
    assert.equal(desiredState(both, 'head').sysctls['net.ipv6.conf.all.forwarding'], undefined)
    assert.equal(desiredState(sample, 'east').sysctls['net.ipv6.conf.cw77.disable_ipv6'], undefined)
  })

  it('sends over an IPv6 WAN, to addresses as the kernel writes them, and leaves room for the longer header', () => {
    const spelt = withGateway(overIpv6(sample), 'west', { underlay: 'FD00:250:02::0002' })
    const state = desiredState(spelt, 'east')
    assert.deepEqual([state.vxlan.local, state.bridge.mtu], ['fd00:250:1::2', 1430])
    assert.deepEqual(
      state.remotes.map((one) => one.endpoint),
      ['fd00:250::2', 'fd00:250:2::2', 'fd00:250:2::2'],
    )
  })

  it('sends between the addresses in the tunnels where the overlay is encrypted', () => {
    const state = desiredState({ ...sample, encryption }, 'east')
    assert.deepEqual([state.vxlan.local, state.bridge.mtu, state.vxlan.mtu], ['198.18.1.254', 1390, 1500])
    assert.deepEqual(
      state.remotes.map((one) => one.endpoint),
      ['198.18.0.1', '198.18.2.254', '198.18.2.254'],
    )
  })

  it('floods to every other gateway what the overlay allows, unless BGP says to whom', () => {
    const flood = { broadcast: true, unknown: false }
    const { vxlan } = desiredState({ ...sample, flood }, 'east')
    assert.deepEqual(vxlan.floods, ['10.250.0.2', '10.250.2.2'])
    assert.deepEqual([vxlan.flags.bcast_flood, vxlan.flags.mcast_flood, vxlan.flags.flood], [true, true, false])
    const byBgp = desiredState({ ...sample, flood, mode: { kind: 'evpn', asn: 64_512, reflectors: ['head'] } }, 'east')
    assert.deepEqual([byBgp.vxlan.floods, byBgp.vxlan.flags.bcast_flood], [[], true])
  })

  it('is worked out once for all gateways in what they share', () => {
    const [head, west] = [desiredState(sample, 'head').remotes, desiredState(sample, 'west').remotes]
    const ofHead = head.find((one) => one.address === '10.77.1.1')
    assert.ok(ofHead !== undefined && west.includes(ofHead))
  })

  it('lets fixed members share a port, but nobody else', () => {
    const two = (fixed: readonly [boolean, boolean]) =>
      withMembers(sample, (members) => [
        ...members,
        ...fixed.map((one, k) => ({ ...member(`f${k}`, `10.77.1.${200 + k}`, 'east', 'lan0'), fixed: one })),
      ])
    assert.equal(desiredState(two([true, true]), 'east').locals.length, 4)
    for (const fixed of [
      [true, false],
      [false, false],
    ] as const) {
      assert.throws(() => desiredState(two(fixed), 'east'), { code: 'InvalidRequest' })
    }
  })

  it('refuses an overlay that cannot be', () => {
    const add = (one: Parameters<typeof member>, extra: object = {}) =>
      withMembers(sample, (members) => [...members, { ...member(...one), ...extra }])
    const bad: Record<string, Overlay> = {
      'an address twice': add(['x', '10.77.1.1', 'east', 'cwp00000099']),
      'a MAC twice': add(['x', '10.77.1.9', 'east', 'cwp00000099'], { mac: '02:43:0a:4d:01:01' }),
      'a port twice': add(['x', '10.77.1.9', 'east', 'cwp000000e1']),
      "a gateway's address": add(['x', '10.77.2.254', 'west', 'cwp00000099']),
      'an address outside': add(['x', '10.78.1.9', 'east', 'cwp00000099']),
      'no gateway': add(['x', '10.77.1.9', 'north', 'cwp00000099']),
      'a group MAC': add(['x', '10.77.1.9', 'east', 'cwp00000099'], { mac: '03:43:0a:4d:01:09' }),
      'an upper-case MAC': add(['x', '10.77.1.9', 'east', 'cwp00000099'], { mac: '02:43:0A:4D:01:09' }),
      'a port that is two words': add(['x', '10.77.1.9', 'east', 'a up\nlink del']),
      'a port that looks like an option': add(['x', '10.77.1.9', 'east', 'a23456789012345x']),
      'one underlay twice': withGateway(sample, 'east', { underlay: '10.250.2.2' }),
      'no underlay': withGateway(sample, 'east', { underlay: 'gw; reboot' }),
      'no origin': withGateway(sample, 'east', { interception: { port: 3128, origins: ['mirror'] } }),
      'no port of a cache': withGateway(sample, 'east', { interception: { port: 0, origins: [] } }),
      'one gateway twice': { ...sample, gateways: [...sample.gateways, gateway('east', '10.250.8.2', '10.77.8.254')] },
      'no subnet': { ...sample, subnet: '10.77.0.1/16' },
      'no VNI': { ...sample, vni: 0 },
      "the overlay's own device": add(['x', '10.77.1.9', 'east', 'cwx77']),
      'two families of underlays': withGateway(sample, 'east', { underlay: 'fd00:250:1::2' }),
      'one underlay in two spellings': withGateway(overIpv6(sample), 'east', { underlay: 'FD00:250:2::2' }),
      'no IPv6 subnet': { ...withIpv6(sample), subnet6: 'fd77::1/64' },
      'an IPv6 address without a subnet': add(['x', '10.77.1.9', 'east', 'cwp00000099'], { address6: 'fd77::9' }),
      'no IPv6 address': { ...withIpv6(sample), members: sample.members },
      'an IPv6 address outside': withGateway(withIpv6(sample), 'east', { address6: 'fd78::a4d:1fe' }),
      'an IPv6 address in another spelling': withGateway(withIpv6(sample), 'east', { address6: 'fd77:0::a4d:1fe' }),
      'an IPv6 address twice': withGateway(withIpv6(sample), 'east', { address6: 'fd77::a4d:2fe' }),
      'too little room for IPv6': withIpv6({ ...sample, underlayMtu: 1329 }),
      'no room in the tunnels': { ...sample, encryption: { ...encryption, subnet: '198.18.0.0/24' } },
    }
    for (const [what, overlay] of Object.entries(bad)) {
      assert.throws(() => desiredState(overlay, 'east'), { code: 'InvalidRequest' }, what)
    }
    assert.throws(() => desiredState(sample, 'north'), { code: 'NotFound' })
  })
})
