import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Job, QueueNode } from '../../src/elastic/plan/demand.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import type { NodeRecord, Phase } from '../../src/store/node-record.ts'
import { job, machine, node, now, observation, policy, queueNode } from './world.ts'

const names = ['east-1', 'east-2', 'east-3', 'west-1', 'west-2']
const phases: Phase[] = [
  'planned',
  'creating',
  'booting',
  'installing',
  'enrolling',
  'ready',
  'draining',
  'failed',
  'deleting',
]

const someTime = fc.integer({ min: now - 400_000, max: now })
const someQueueNode = (name: string): fc.Arbitrary<QueueNode> =>
  fc
    .record({
      power: fc.constantFrom('absent', 'wanted', 'present', 'leaving'),
      responding: fc.boolean(),
      busy: fc.boolean(),
      drained: fc.boolean(),
      down: fc.boolean(),
      reason: fc.constantFrom('', 'disk', 'causeway: idle'),
    })
    .map((over) => queueNode({ name, ...over }))
const someNode = (name: string): fc.Arbitrary<NodeRecord> =>
  fc
    .record({
      phase: fc.constantFrom(...phases),
      phaseSinceMs: someTime,
      idleSinceMs: fc.option(someTime),
      unreachableSinceMs: fc.option(someTime),
      nextAttemptAtMs: fc.integer({ min: now - 10, max: now + 10 }),
    })
    .map((over) => node({ id: `id-${name}`, name, site: name.slice(0, 4), ...over }))
const someJob: fc.Arbitrary<Job> = fc
  .record({
    id: fc.integer({ min: 1, max: 99 }).map(String),
    state: fc.constantFrom('pending', 'starting', 'running', 'completing', 'ended', 'other'),
    eligible: fc.boolean(),
    nodeCount: fc.integer({ min: 1, max: 8 }),
    nodes: fc.subarray(names),
    features: fc.constantFrom('', 'site-east', '[site-east*1&site-west*1]'),
  })
  .map((over) => job(over as Partial<Job>))

const someObservation = fc
  .record({
    nodes: fc.tuple(...names.map((name) => fc.option(someNode(name)))),
    queueNodes: fc.tuple(...names.map((name) => fc.option(someQueueNode(name)))),
    jobs: fc.array(someJob, { maxLength: 4 }),
    running: fc.subarray(names),
    orphans: fc.subarray(names),
    unreadQueue: fc.boolean(),
    unreadSites: fc.subarray(['east', 'west']),
    inFlight: fc.subarray(names),
    closed: fc.subarray(['east', 'west']),
    due: fc.boolean(),
  })
  .map((w) => {
    const at = (site: string) => [
      ...w.running.filter((n) => n.startsWith(site)).map((n) => machine({ id: `id-${n}`, name: n })),
      ...w.orphans.filter((n) => n.startsWith(site)).map((n) => machine({ id: `lost-${n}`, name: n })),
    ]
    return observation({
      nodes: w.nodes.filter((n) => n !== null),
      queueNodes: w.queueNodes.filter((n) => n !== null),
      jobs: w.jobs,
      machines: { east: at('east'), west: at('west') },
      unreadQueue: w.unreadQueue,
      unreadSites: w.unreadSites,
      inFlight: new Set(w.inFlight.map((n) => `id-${n}`)),
      orphansSinceMs: new Map(
        w.due
          ? names.flatMap((n) => [
              [`lost-${n}`, 0],
              [`id-${n}`, 0],
            ])
          : [],
      ),
      breakers: new Map(w.closed.map((site) => [site, { site, failures: 1, closedUntilMs: now + 1000 }])),
    })
  })

/** Checks a property of every plan for every observation. */
function always(name: string, check: (obs: ReturnType<typeof observation>) => void): void {
  test(name, () => fc.assert(fc.property(someObservation, check), { numRuns: 2000 }))
}

always('the same observation gives the same plan, and the observation is left as it was', (obs) => {
  const before = structuredClone(obs)
  assert.deepEqual(plan(obs, policy, now), plan(obs, policy, now))
  assert.deepEqual(obs, before)
})

always('every live node has exactly one step or one reason to wait', (obs) => {
  const made = plan(obs, policy, now)
  for (const { id } of obs.nodes) {
    const steps = made.steps.filter((step) => 'id' in step && step.id === id).length
    assert.equal(steps + (made.waiting.has(id) ? 1 : 0), 1, id)
  }
})

always('every step has a reason in words', (obs) => {
  for (const step of plan(obs, policy, now).steps) assert.ok(step.reason.text.length > 0)
})

always('nothing with an act under way is touched', (obs) => {
  for (const step of plan(obs, policy, now).steps) {
    if ('id' in step) assert.ok(!obs.inFlight.has(step.id))
    if ('machine' in step) assert.ok(!obs.inFlight.has(step.machine))
  }
})

always('no node on which a job runs is drained by idleness or moved on from a drain', (obs) => {
  const busy = new Set(
    obs.queue.ok ? obs.queue.value.nodes.filter((n) => n.busy && n.power === 'present').map((n) => n.name) : [],
  )
  const byId = new Map(obs.nodes.map((n) => [n.id, n]))
  for (const step of plan(obs, policy, now).steps) {
    if (step.kind === 'drain' || (step.kind === 'move' && step.to === 'deleting')) {
      assert.ok(!busy.has(byId.get(step.id)?.name ?? ''), JSON.stringify(step))
    }
  }
})

always('at an unread site nothing is deleted as an orphan, nothing is lost, nothing is dismissed', (obs) => {
  for (const step of plan(obs, policy, now).steps) {
    const site = 'site' in step ? step.site : obs.nodes.find((n) => 'id' in step && n.id === step.id)?.site
    if (obs.sites.get(site ?? '')?.ok) continue
    assert.ok(!['collect', 'adopt', 'dismiss'].includes(step.kind))
    if (step.kind === 'fail') assert.notEqual(step.failure.code, 'MachineLost')
  }
})

always('from an unread queue nothing begins, shrinks, closes or opens', (obs) => {
  if (obs.queue.ok) return
  for (const step of plan(obs, policy, now).steps) {
    assert.ok(
      !['begin', 'drain', 'cancel-drain', 'close', 'reopen', 'power-up', 'refuse', 'dismiss'].includes(step.kind),
    )
    if (step.kind === 'move') assert.equal(step.to, 'booting')
  }
})

always('no name gets two lives, and no site more than its maximum', (obs) => {
  const steps = plan(obs, policy, now).steps
  const begun = steps.flatMap((step) => (step.kind === 'begin' || step.kind === 'adopt' ? [step.name] : []))
  const all = [...obs.nodes.map((n) => n.name), ...begun]
  assert.equal(new Set(all).size, all.length)
  for (const name of begun) assert.ok(Number(name.slice(5)) <= (name.startsWith('east') ? 2 : 4))
})

always('no machine is collected on which a job may run', (obs) => {
  const alive = new Set(obs.nodes.map((n) => n.name))
  for (const step of plan(obs, policy, now).steps) {
    if (step.kind !== 'collect') continue
    assert.ok(obs.queue.ok)
    const name = step.machine.replace('lost-', '').replace('id-', '')
    assert.ok(alive.has(name) || !obs.queue.value.nodes.some((n) => n.name === name && n.busy))
  }
})

always("an admin's drain is neither closed, reopened nor cancelled", (obs) => {
  const admins = new Set(
    obs.queue.ok
      ? obs.queue.value.nodes
          .filter((n) => (n.drained || n.down) && !n.reason.startsWith('causeway:'))
          .map((n) => n.name)
      : [],
  )
  for (const step of plan(obs, policy, now).steps) {
    if (step.kind === 'close' || step.kind === 'reopen') for (const name of step.names) assert.ok(!admins.has(name))
  }
})
