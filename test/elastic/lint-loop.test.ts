import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { type Logger, silentLog } from '../../src/base/log.ts'
import { Acts } from '../../src/elastic/acts.ts'
import { Backoff } from '../../src/elastic/backoff.ts'
import { countBadSteps } from '../../src/elastic/hold-back.ts'
import { Loop } from '../../src/elastic/loop.ts'
import { NetworkKeeper } from '../../src/elastic/network-keeper.ts'
import { Observer } from '../../src/elastic/observe.ts'
import type { Plan, Reason } from '../../src/elastic/plan/steps.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import type { NodeRecord } from '../../src/store/node-record.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'
import { FakeDriver } from '../fakes/driver.ts'
import { FakeScheduler } from '../fakes/scheduler.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { policy } from './world.ts'

const reason: Reason = { code: 'Idle', text: 'because' }

/** A planner gone wrong: it takes a node for ready that the queue has not seen, and is right about another. */
const wrongPlan: Pick<Plan, 'steps'> = {
  steps: [
    { kind: 'move', id: 'early', to: 'ready', reason },
    { kind: 'create', id: 'sound', reason },
  ],
}

let db: Db
let nodes: NodeStore
let acts: Acts
let loop: Loop
let now: number
let made: Pick<Plan, 'steps'>
let errors: unknown[][]

beforeEach(async () => {
  db = await openStore(':memory:')
  now = 1_000_000
  made = wrongPlan
  errors = []
  const clock = { now: () => now, sleep: () => new Promise<void>(() => undefined) }
  const log: Logger = { ...silentLog, error: (...line: unknown[]) => void errors.push(line) }
  nodes = new NodeStore(db)
  acts = new Acts(clock, log, () => undefined)
  const scheduler = new FakeScheduler([{ name: 'east-1' }, { name: 'east-2' }], { nowMs: now })
  const drivers = new Map(['east', 'west'].map((site) => [site, new FakeDriver({ site, cluster: 'lab', clock })]))
  const tools = {
    clock,
    log,
    nodes,
    events: new EventStore(db),
    scheduler,
    drivers,
    acts,
    backoff: new Backoff(clock),
    policyAt: () => policy,
    network: new NetworkKeeper(async () => ({ pending: [] }), clock),
    unasked: new Set<string>(),
    newId: () => 'new',
    tokenFor: (id: string) => `token-${id}`,
    wantOverlay: async () => undefined,
    drains: async () => [],
    registration: () => null,
    machineSpec: (node: NodeRecord) => machineSpec(node.id, { name: node.name, image: '/images/base' }),
  }
  const pace = { batchMs: 0, pollMs: 1, busyPollMs: 1 }
  loop = new Loop(
    new Observer(clock, scheduler, drivers, nodes),
    tools,
    new JobStore(db),
    pace,
    (_obs, _policy, atMs) => ({
      atMs,
      notes: [],
      waiting: new Map(),
      jobs: [],
      nextAtMs: null,
      ...made,
    }),
  )
  const life = (id: string, name: string, phase: 'planned' | 'booting') =>
    nodes.begin(
      { id, name, site: 'east', type: 'standard', costPerHour: 0, billingMs: 0, jobs: ['7'], phase },
      reason,
      now - 1000,
    )
  await life('early', 'east-1', 'booting')
  await life('sound', 'east-2', 'planned')
})

afterEach(async () => {
  await acts.idle()
  await db.destroy()
})

const lintEvents = () => db.selectFrom('events').selectAll().where('kind', '=', 'lint').orderBy('seq').execute()

test('a step that breaks an invariant is not carried out, and the others are', async () => {
  const view = await loop.round()
  await acts.idle()
  assert.equal((await nodes.get('early'))?.phase, 'booting')
  assert.equal((await nodes.get('sound'))?.phase, 'booting')
  assert.deepEqual(
    view.findings.map((finding) => [finding.code, finding.step]),
    [['NotShown', wrongPlan.steps[0]]],
  )
  assert.equal(view.plan.steps.length, 2)
  assert.equal(countBadSteps(view.findings), 1)
})

test('it is an error in the log and an event of its node and jobs, once and then with growing pauses', async () => {
  made = { steps: wrongPlan.steps.slice(0, 1) }
  const seen: number[] = []
  for (let round = 0; round < 8; round++) {
    await loop.round()
    seen.push((await lintEvents()).filter((event) => event.code === 'NotShown').length)
    now += 250
  }
  assert.deepEqual(seen, [1, 1, 2, 2, 2, 2, 3, 3])
  const [event] = await lintEvents()
  assert.deepEqual(
    [event?.code, event?.site, event?.node_id, event?.node_name, event?.jobs],
    ['NotShown', 'east', 'early', 'east-1', '["7"]'],
  )
  assert.match(event?.text ?? '', /^move east-1 was held back: the queue does not have it/)
  assert.equal(errors.length, (await lintEvents()).length)
})

test('a live node that a plan forgets is said, though there is no step to hold back', async () => {
  made = { steps: [] }
  const view = await loop.round()
  assert.equal(countBadSteps(view.findings), 0)
  assert.deepEqual(
    (await lintEvents()).map((event) => [event.code, event.text]),
    [
      ['NotOneAnswer', 'a plan is not complete: east-1 has 0 steps and no reason to wait'],
      ['NotOneAnswer', 'a plan is not complete: east-2 has 0 steps and no reason to wait'],
    ],
  )
})
