import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { NetworkKeeper } from '../../src/elastic/network-keeper.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import { bareOverlay } from '../network/sample.ts'

const gateway = (name: string) => ({
  name,
  underlay: '10.250.0.1',
  address: '10.77.0.1',
  mac: '02:43:0a:4d:00:01',
  address6: null,
  interception: null,
  routes: false,
  nat: false,
})

function overlay(...members: string[]): Overlay {
  return {
    ...bareOverlay,
    gateways: ['head', 'east'].map(gateway),
    members: members.map((name, k) => ({
      name,
      address: `10.77.1.${k + 1}`,
      mac: `02:43:0a:4d:01:0${k + 1}`,
      gateway: 'east',
      port: null,
      address6: null,
      fixed: false,
    })),
  }
}

function stage() {
  let now = 1000
  const applied: string[] = []
  const state = { broken: '' }
  const keeper = new NetworkKeeper(
    async ({ members }, name) => {
      applied.push(`${name} ${members.map((member) => member.name).join(',')}`)
      if (state.broken === name) throw new CausewayError('HostUnreachable', `${name} is away`)
      return { pending: [] }
    },
    { now: () => now, sleep: async () => undefined },
  )
  return { keeper, applied, state, pass: (ms: number) => void (now += ms) }
}

test('an overlay that says the same is not applied again, though it is another object', async () => {
  const { keeper, applied } = stage()
  keeper.want(overlay('east-1'))
  await keeper.settled(['head', 'east'])
  assert.deepEqual(applied, ['head east-1', 'east east-1'])
  keeper.want(overlay('east-1'))
  await keeper.settled(['head', 'east'])
  assert.equal(applied.length, 2)
})

test('one that differs in a key only is applied', async () => {
  const { keeper, applied } = stage()
  const encrypted = (key: string): Overlay => ({
    ...overlay(),
    encryption: {
      subnet: '198.18.0.0/15',
      port: 51_820,
      relay: 'head',
      generation: 0,
      keys: new Map([['east', new Map([[0, key]])]]),
      links: new Map(),
    },
  })
  for (const key of ['a', 'a', 'b']) {
    keeper.want(encrypted(key))
    await keeper.settled(['head', 'east'])
  }
  assert.equal(applied.length, 4)
})

test('one that differs in a member, or in a gateway, is applied', async () => {
  const { keeper, applied } = stage()
  const first = overlay('east-1', 'east-2')
  keeper.want(first)
  await keeper.settled(['head', 'east'])
  const second = { ...first, members: first.members.map((member) => ({ ...member, port: 'cwp1' })) }
  keeper.want(second)
  await keeper.settled(['head', 'east'])
  assert.equal(applied.length, 4)
  keeper.want({ ...second, gateways: first.gateways.map((one) => ({ ...one, routes: true })) })
  await keeper.settled(['head', 'east'])
  assert.equal(applied.length, 6)
  keeper.want({ ...first, members: first.members.slice(0, 1) })
  await keeper.settled(['head', 'east'])
  assert.deepEqual(applied.slice(6), ['head east-1', 'east east-1'])
})

test('what is wanted while a gateway is worked on is applied after that, though nobody asks again', async () => {
  const { keeper, applied } = stage()
  keeper.want(overlay('east-1'))
  keeper.want(overlay('east-2'))
  await keeper.idle()
  assert.ok(applied.includes('east east-2') && applied.includes('head east-2'))
})

test('what is wanted while a gateway is worked on is waited for, too', async () => {
  const { keeper, applied } = stage()
  keeper.want(overlay('east-1'))
  keeper.want(overlay('east-1', 'east-2'))
  keeper.want(overlay('east-1', 'east-2', 'east-3'))
  await keeper.settled(['east'])
  assert.deepEqual(
    applied.filter((line) => line.startsWith('east')),
    ['east east-1', 'east east-1,east-2,east-3'],
  )
})

test('a gateway in doubt is looked at again, and no other', async () => {
  const { keeper, applied } = stage()
  const wanted = overlay('east-1')
  keeper.want(wanted)
  await keeper.settled(['head', 'east'])
  keeper.doubt(['east', 'nobody'])
  keeper.want(wanted)
  await keeper.idle()
  assert.deepEqual(applied.slice(2), ['east east-1'])
  keeper.want(wanted)
  await keeper.idle()
  assert.equal(applied.length, 3)
})

test('an old state is checked again after a while, and a broken gateway is tried again', async () => {
  const { keeper, applied, state, pass } = stage()
  state.broken = 'east'
  keeper.want(overlay())
  await assert.rejects(keeper.settled(['head', 'east']), { code: 'HostUnreachable' })
  assert.deepEqual([...keeper.broken().keys()], ['east'])
  state.broken = ''
  const before = applied.length
  keeper.want(overlay())
  await keeper.idle()
  assert.equal(applied.length, before, 'it is left alone for some seconds')
  pass(5000)
  keeper.want(overlay())
  await keeper.idle()
  assert.deepEqual(applied.slice(before), ['east '])
  assert.equal(keeper.broken().size, 0)
  pass(60_000)
  keeper.want(overlay())
  await keeper.idle()
  assert.deepEqual(applied.slice(before + 1), ['head ', 'east '])
})

test('under EVPN a member concerns its own gateway only, unless there are name servers', async () => {
  const { keeper, applied, pass } = stage()
  const mode = { kind: 'evpn', asn: 64_512, reflectors: ['head'] } as const
  const services = { zone: 'lab.internal', forwarders: [], hosts: {} }
  const want = async (wanted: Overlay) => {
    applied.length = 0
    keeper.want(wanted)
    await keeper.settled(['head', 'east'])
    return [...applied]
  }
  await want({ ...overlay('east-1'), mode })
  assert.deepEqual(await want({ ...overlay('east-1', 'east-2'), mode }), ['east east-1,east-2'])
  assert.deepEqual(
    await want({ ...overlay('east-1', 'east-2'), mode, storm: 9 }),
    ['head', 'east'].map((name) => `${name} east-1,east-2`),
  )
  await want({ ...overlay('east-1'), mode, services })
  assert.equal((await want({ ...overlay('east-1', 'east-2'), mode, services })).length, 2)
  assert.equal((await want(overlay('east-1', 'east-2'))).length, 2)
  assert.equal((await want(overlay('east-1'))).length, 2, 'static: all gateways')
  await want({ ...overlay('east-1'), mode })
  pass(60_000)
  assert.equal((await want({ ...overlay('east-1', 'east-2'), mode })).length, 2, 'all are looked at from time to time')
})
