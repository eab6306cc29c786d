import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { silentLog } from '../../src/base/log.ts'
import { createEngine } from '../../src/elastic/engine.ts'
import type { QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { openStore } from '../../src/store/open.ts'
import { VirtualClock } from '../chaos/virtual-clock.ts'
import { FakeScheduler } from '../fakes/scheduler.ts'
import { bareOverlay } from '../network/sample.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { job, policy, queueNode, typePolicy } from './world.ts'

const startMs = 1_000_000
const hourMs = 3_600_000

interface Rules {
  /** The queue as it stays, whatever is done to it. Default: what the fake makes of it. */
  readonly queue?: QueueSnapshot
  readonly pollMs: number
  readonly policyAt: (now: number) => Policy
  readonly policyChangesAtMs?: (now: number) => number | null
}

/** The loop on a queue with one absent node and no sites; `advance` lets time pass. */
async function loopOn(t: TestContext, { queue, pollMs, ...rules }: Rules) {
  const clock = new VirtualClock(startMs)
  const db = await openStore(':memory:')
  t.after(() => db.destroy())
  const scheduler = new FakeScheduler([{ name: 'east-1' }], { nowMs: startMs })
  const snapshot = () => scheduler.calls.push({ call: 'snapshot', names: [], reason: '' })
  if (queue) scheduler.snapshot = async () => (snapshot(), queue)
  const { loop } = createEngine({
    clock,
    log: silentLog,
    nodes: new NodeStore(db),
    events: new EventStore(db),
    jobs: new JobStore(db),
    scheduler,
    drivers: new Map(),
    applyGateway: async () => ({ pending: [] }),
    pace: { batchMs: 20, pollMs, busyPollMs: 500 },
    ...rules,
    newId: () => 'new',
    tokenFor: (id) => id,
    overlay: () => bareOverlay,
    registration: () => null,
    machineSpec: (node) => machineSpec(node.id, { name: node.name, image: '/images/base' }),
  })
  const count = (call: string) => scheduler.calls.filter((one) => one.call === call).length
  const advance = async (ms: number) => {
    for (const endMs = clock.now() + ms; clock.now() < endMs; ) {
      // The store takes some turns, which are no time.
      for (let turn = 0; turn < 10; turn += 1) await setImmediate()
      await clock.step()
    }
  }
  return { loop, clock, count, advance }
}

const quiet = { ...policy, types: [typePolicy('east')] }
const absent = queueNode({ power: 'absent', responding: false })

test('when other rules come into force the loop looks at once, however long it would have slept', async (t) => {
  const windowMs = startMs + 60_000
  const inWindow = { ...policy, types: [typePolicy('east', { minimum: 1 })] }
  const { loop, clock, count } = await loopOn(t, {
    pollMs: hourMs,
    policyAt: (now) => (now < windowMs ? quiet : inWindow),
    policyChangesAtMs: (now) => (now < windowMs ? windowMs : null),
  })
  loop.start()
  while (count('powerUp') === 0 && clock.now() < windowMs + 10_000) await clock.step()
  assert.ok(clock.now() >= windowMs && clock.now() < windowMs + 1000, `it looked at ${clock.now() - windowMs} ms`)
})

test('while nothing happens the queue is read once in each poll interval, busy nodes or not', async (t) => {
  const queue = {
    jobs: [job({ id: '1', state: 'running', nodes: ['r1'] }), job({ id: '2', blocked: 'Dependency' })],
    nodes: [absent, queueNode({ name: 'r1', busy: true })],
  }
  const { loop, count, advance } = await loopOn(t, { queue, pollMs: 30_000, policyAt: () => quiet })
  loop.start()
  await advance(hourMs)
  assert.ok(count('snapshot') >= 119 && count('snapshot') <= 121, `${count('snapshot')} times in an hour`)
})

test('a wake-up is a reading, many at once are one', async (t) => {
  const { loop, count, advance } = await loopOn(t, { pollMs: hourMs, policyAt: () => quiet })
  loop.start()
  await advance(1000)
  const before = count('snapshot')
  for (let wake = 0; wake < 50; wake += 1) loop.wake()
  await advance(1000)
  assert.equal(count('snapshot'), before + 1)
})

test('a job that completes is looked at soon, and less and less often when it never ends', async (t) => {
  const queue = { jobs: [job({ state: 'completing', nodes: ['east-1'] })], nodes: [queueNode({ busy: true })] }
  const { loop, count, advance } = await loopOn(t, { queue, pollMs: 30_000, policyAt: () => quiet })
  loop.start()
  await advance(10_000)
  assert.ok(count('snapshot') >= 9, `${count('snapshot')} times in 10 s`)
  await advance(hourMs)
  assert.ok(count('snapshot') < 300, `${count('snapshot')} times in an hour`)
})

test('a step that does not help is looked after soon, and less and less often', async (t) => {
  const stubborn = { jobs: [], nodes: [absent] }
  const atLeastOne = { ...policy, types: [typePolicy('east', { minimum: 1 })] }
  const { loop, count, advance } = await loopOn(t, { queue: stubborn, pollMs: 30_000, policyAt: () => atLeastOne })
  loop.start()
  await advance(10_000)
  assert.ok(count('snapshot') >= 15, `${count('snapshot')} times in 10 s`)
  await advance(hourMs)
  assert.ok(count('snapshot') < 600, `${count('snapshot')} times in an hour`)
  assert.ok(count('powerUp') >= 100, `tried ${count('powerUp')} times`)
})
