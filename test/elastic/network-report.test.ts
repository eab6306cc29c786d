import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { NetworkKeeper } from '../../src/elastic/network-keeper.ts'
import { networkReport } from '../../src/elastic/network-report.ts'
import { sample } from '../network/sample.ts'

test('tells of each gateway how it stands to what is wanted', async () => {
  const clock = { now: () => 1000, sleep: async () => undefined }
  const refused = new CausewayError('HostUnreachable', 'no route to host')
  const keeper = new NetworkKeeper(async (_, gateway) => {
    if (gateway === 'west') throw refused
    return { pending: gateway === 'east' ? ['east-1'] : [] }
  }, clock)
  const monitor = { paths: () => [], unasked: () => new Map([['west', refused]]) }
  const report = () => networkReport({ overlay: () => sample, keeper, monitor })
  const states = () => report().gateways.map(({ name, state }) => `${name} ${state}`)
  assert.deepEqual(states(), ['head waiting', 'east waiting', 'west waiting'])
  keeper.want(sample)
  await keeper.idle()
  assert.deepEqual(states(), ['head applied', 'east pending', 'west broken'])
  const { gateways, ...rest } = report()
  assert.deepEqual(gateways[2], {
    name: 'west',
    underlay: '10.250.2.2',
    address: '10.77.2.254',
    state: 'broken',
    trouble: 'no route to host',
    unasked: 'no route to host',
  })
  assert.deepEqual(rest, {
    vni: 77,
    subnet: '10.77.0.0/16',
    mode: 'static',
    generation: null,
    underlayMtu: 1500,
    mtu: 1450,
    paths: [],
  })
})
