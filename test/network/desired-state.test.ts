import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { desiredState } from '../../src/network/kernel/desired-state.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import { gateway, member, sample, withGateway, withMembers } from './sample.ts'

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
    }
    for (const [what, overlay] of Object.entries(bad)) {
      assert.throws(() => desiredState(overlay, 'east'), { code: 'InvalidRequest' }, what)
    }
    assert.throws(() => desiredState(sample, 'north'), { code: 'NotFound' })
  })
})
