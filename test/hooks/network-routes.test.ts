import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../src/base/log.ts'
import { buildApp } from '../../src/hooks/app.ts'
import type { ControllerCalls } from '../../src/hooks/controller-calls.ts'
import { HookInbox } from '../../src/hooks/hook-inbox.ts'
import { Metrics } from '../../src/hooks/metrics.ts'
import { someNetwork } from '../support/network-report.ts'

const clock = { now: () => 0, sleep: async () => undefined }
const figures = { rounds: 0, readings: 0, failedReadings: 0, readingMs: null, readingAgeMs: null }

test('the gateways and the paths are told whole, and the paths as metrics, without those that nobody knows', async () => {
  let network = someNetwork
  const controller = { network: async () => network, figures: async () => figures } as unknown as ControllerCalls
  const inbox = new HookInbox({ record: async () => undefined, clock, log: silentLog })
  const services = { clock, controller, inbox, metrics: new Metrics() }
  const app = buildApp(services, { apiTokenHash: null, serves: 'all', callsPerSecond: 1000 })
  const metrics = async () => {
    const { body } = await app.inject('/v1/metrics')
    return body.split('\n').filter((line) => line.startsWith('causeway_path_'))
  }
  try {
    assert.deepEqual((await app.inject('/v1/network')).json(), someNetwork)
    assert.deepEqual(await metrics(), [
      'causeway_path_up{from="head",to="east"} 1',
      'causeway_path_rtt_seconds{from="head",to="east"} 0.02025',
      'causeway_path_loss_ratio{from="head",to="east"} 0.05',
      'causeway_path_mtu_bytes{from="head",to="east"} 1400',
    ])
    const broken = someNetwork.paths.map((path) => ({ ...path, state: 'broken' as const, rttMs: null, loss: 1 }))
    network = { ...someNetwork, paths: broken }
    assert.ok((await metrics()).includes('causeway_path_up{from="east",to="head"} 0'))
    network = { ...someNetwork, paths: [] }
    assert.deepEqual(await metrics(), [], 'what is no more is not told for ever')
  } finally {
    await app.close()
  }
})
