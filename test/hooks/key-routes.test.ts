import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { silentLog } from '../../src/base/log.ts'
import type { KeyReport } from '../../src/elastic/network-report.ts'
import { buildApp } from '../../src/hooks/app.ts'
import { type ControllerParts, controllerCalls } from '../../src/hooks/controller-calls.ts'
import { HookInbox } from '../../src/hooks/hook-inbox.ts'
import { Metrics } from '../../src/hooks/metrics.ts'

test('the keys of the tunnels are shown, and begin to change when told so, once at a time', async (t) => {
  let report: KeyReport = { generation: 0, beganAtMs: 0, changing: false, waitsFor: [], gateways: [] }
  const keys = {
    report: () => report,
    rotate: async () => {
      if (report.changing) throw new CausewayError('Conflict', 'keys are being changed already')
      report = { ...report, generation: 1, changing: true }
      return report
    },
  }
  const clock = { now: () => 0, sleep: async () => undefined }
  const controller = controllerCalls({ keys } as unknown as ControllerParts)
  const inbox = new HookInbox({ record: async () => undefined, clock, log: silentLog })
  const services = { clock, controller, inbox, metrics: new Metrics() }
  const app = buildApp(services, { apiTokenHash: null, serves: 'all', callsPerSecond: 1000 })
  t.after(() => app.close())

  assert.deepEqual((await app.inject('/v1/network/keys')).json(), report)
  const begun = await app.inject({ method: 'POST', url: '/v1/network/rotate-keys' })
  assert.equal(begun.json().generation, 1)
  const again = await app.inject({ method: 'POST', url: '/v1/network/rotate-keys' })
  assert.equal(again.statusCode, 409)
  assert.equal((await app.inject('/v1/network/keys')).json().changing, true)
})
