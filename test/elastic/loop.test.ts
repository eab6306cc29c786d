import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../src/base/log.ts'
import { createEngine } from '../../src/elastic/engine.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { openStore } from '../../src/store/open.ts'
import { VirtualClock } from '../chaos/virtual-clock.ts'
import { FakeScheduler } from '../fakes/scheduler.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { policy, typePolicy } from './world.ts'

test('when other rules come into force the loop looks at once, however long it would have slept', async () => {
  const startMs = 1_000_000
  const windowMs = startMs + 60_000
  const clock = new VirtualClock(startMs)
  const db = await openStore(':memory:')
  const scheduler = new FakeScheduler([{ name: 'east-1' }], { nowMs: startMs })
  const inWindow = { ...policy, types: [typePolicy('east', { minimum: 1 })] }
  const { loop } = createEngine({
    clock,
    log: silentLog,
    nodes: new NodeStore(db),
    events: new EventStore(db),
    jobs: new JobStore(db),
    scheduler,
    drivers: new Map(),
    applyGateway: async () => ({ pending: [] }),
    pace: { batchMs: 20, pollMs: 3_600_000, busyPollMs: 500 },
    policyAt: (now) => (now < windowMs ? { ...policy, types: [typePolicy('east')] } : inWindow),
    policyChangesAtMs: (now) => (now < windowMs ? windowMs : null),
    newId: () => 'new',
    tokenFor: (id) => id,
    overlay: () => ({ vni: 77, subnet: '10.77.0.0/16', underlayMtu: 1500, gateways: [], members: [] }),
    registration: () => null,
    machineSpec: (node) => machineSpec(node.id, { name: node.name, image: '/images/base' }),
  })
  loop.start()
  while (!scheduler.calls.some(({ call }) => call === 'powerUp') && clock.now() < windowMs + 10_000) await clock.step()
  assert.ok(clock.now() >= windowMs && clock.now() < windowMs + 1000, `it looked at ${clock.now() - windowMs} ms`)
  await db.destroy()
})
