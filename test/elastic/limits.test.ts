import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { plan } from '../../src/elastic/plan/plan.ts'
import type { Policy, TypePolicy } from '../../src/elastic/plan/policy.ts'
import type { Plan } from '../../src/elastic/plan/steps.ts'
import { job, machine, node, now, observation, policy, queueNode, typePolicy } from './world.ts'

const hour = 3_600_000
const kinds = (made: Plan) => made.steps.map((step) => `${step.kind} ${step.reason.code}`)
const only = (over: Partial<TypePolicy>, rules: Partial<Policy> = {}): Policy => ({
  ...policy,
  types: [typePolicy('east', over)],
  ...rules,
})
const idle = node({ idleSinceMs: now - 60_000, phaseSinceMs: now - 90_000, beganAtMs: now - 100_000 })
const idleHere = { nodes: [idle], queueNodes: [queueNode()], machines: { east: [machine()] } }
const wanted = (name: string) => queueNode({ name, power: 'wanted', responding: false, busy: true })
const today = { startMs: now - 10 * hour, endMs: now + 14 * hour }

describe('spare nodes', () => {
  test('are asked for when too few are free, and not drained when no more than these are', () => {
    const absent = ['east-1', 'east-2'].map((name) => queueNode({ name, power: 'absent' }))
    const made = plan(observation({ queueNodes: absent }), only({ spare: 1 }), now)
    assert.deepEqual(
      made.steps.flatMap((step) => ('names' in step ? step.names : [])),
      ['east-1'],
    )
    assert.deepEqual(kinds(made), ['power-up BelowSpare'])
    const kept = plan(observation(idleHere), only({ spare: 1 }), now)
    assert.deepEqual(kinds(kept), [])
    assert.equal(kept.waiting.get(idle.id)?.code, 'Spare')
    assert.deepEqual(kinds(plan(observation(idleHere), only({ spare: 0 }), now)), ['drain Idle'])
  })
  test('a node that jobs wait for is no spare one', () => {
    const starting = job({ state: 'starting', nodes: ['east-1'] })
    const queueNodes = [wanted('east-1'), queueNode({ name: 'east-2', power: 'absent' })]
    const made = plan(observation({ queueNodes, jobs: [starting] }), only({ spare: 1 }), now)
    assert.deepEqual(kinds(made), ['begin WantedByQueue', 'power-up BelowSpare'])
  })
})

describe('what is paid for', () => {
  const at = (beganMs: number, over: Partial<TypePolicy> = {}) => {
    const paid = { ...idle, beganAtMs: now - beganMs, billingMs: hour }
    return plan(observation({ ...idleHere, nodes: [paid] }), only({ billingMs: hour, ...over }), now)
  }
  test('is used: a node goes in the last tenth of a charged time', () => {
    assert.deepEqual(kinds(at(0.5 * hour)), [])
    assert.equal(at(0.5 * hour).nextAtMs, now + 0.4 * hour)
    assert.deepEqual(kinds(at(0.95 * hour)), ['drain Idle'])
    assert.deepEqual(kinds(at(1.5 * hour)), [])
  })
  test('a least lifetime keeps a node', () => {
    const made = plan(observation(idleHere), only({ lifetimeMs: 200_000 }), now)
    assert.equal(made.waiting.get(idle.id)?.code, 'LifetimeRunning')
    assert.equal(made.nextAtMs, now + 100_000)
  })
})

describe('a maximum that was lowered', () => {
  test('lets idle nodes go at once, though jobs wait', () => {
    const second = { ...idle, id: 'id-east-2', name: 'east-2', idleSinceMs: now - 1 }
    const obs = observation({
      nodes: [idle, second],
      queueNodes: [queueNode(), queueNode({ name: 'east-2' })],
      machines: { east: [machine(), machine({ id: 'id-east-2', name: 'east-2' })] },
      jobs: [job()],
    })
    assert.deepEqual(kinds(plan(obs, only({ maximum: 1, names: 2 }), now)), ['drain AboveMaximum'])
  })
  test('takes the names beyond it out of the queue, and they come back', () => {
    const absent = ['east-1', 'east-2'].map((name) => queueNode({ name, power: 'absent' }))
    const made = plan(observation({ queueNodes: absent }), only({ maximum: 1, names: 2 }), now)
    assert.deepEqual(kinds(made), ['close AboveMaximum'])
    const closed = absent.map((one) => ({ ...one, drained: true, reason: 'causeway: 1 node now' }))
    assert.deepEqual(kinds(plan(observation({ queueNodes: closed }), only({ maximum: 2 }), now)), [
      'reopen SiteReopened',
    ])
  })
})

describe('budgets', () => {
  const dear = (amount: number) =>
    only({ costPerHour: 10 }, { budgets: [{ period: 'day', site: null, amount, ...today }] })
  const starting = job({ state: 'starting', nodes: ['east-1'], wallMs: 2 * hour })
  const wish = { queueNodes: [wanted('east-1')], jobs: [starting] }
  test('a node begins if its least cost fits in what is left', () => {
    assert.deepEqual(kinds(plan(observation(wish), dear(20), now)), ['begin WantedByQueue'])
    assert.deepEqual(kinds(plan(observation(wish), dear(19), now)), ['refuse OverBudget'])
    const spent = new Map([['day/*', 5]])
    assert.deepEqual(kinds(plan(observation({ ...wish, spent }), dear(24), now)), ['refuse OverBudget'])
    assert.deepEqual(kinds(plan(observation({ ...wish, spent }), dear(25), now)), ['begin WantedByQueue'])
  })
  test('what lives is counted to the end of its jobs', () => {
    const busy = node({ id: 'id-east-2', name: 'east-2', costPerHour: 10, beganAtMs: now - hour })
    const running = job({ id: '2', state: 'running', nodes: ['east-2'], startedAtMs: now - hour, wallMs: 2 * hour })
    const world = {
      nodes: [busy],
      jobs: [starting, running],
      queueNodes: [wanted('east-1'), queueNode({ name: 'east-2', busy: true })],
      machines: { east: [machine({ id: busy.id, name: busy.name })] },
    }
    assert.deepEqual(kinds(plan(observation(world), dear(40), now)), ['begin WantedByQueue'])
    assert.deepEqual(kinds(plan(observation(world), dear(39), now)), ['refuse OverBudget'])
  })
  test('no node of several begins beside one that an exceeded budget drains', () => {
    const draining = node({ phase: 'draining', phaseSinceMs: now - 1000 })
    const world = {
      places: 'causeway' as const,
      nodes: [draining],
      jobs: [job({ nodeCount: 2, features: 'site-east' })],
      queueNodes: [queueNode({ drained: true, reason: 'causeway: budget' })],
      machines: { east: [machine()] },
    }
    const rules = only({}, { budgets: [{ period: 'day', site: null, amount: 10, ...today }] })
    const steps = (spent: number) =>
      kinds(plan(observation({ ...world, spent: new Map([['day/*', spent]]) }), rules, now))
    assert.deepEqual(steps(0), ['cancel-drain DemandReturned', 'begin NeededByJobs'])
    assert.deepEqual(steps(11), ['move Drained'])
  })
  test('a node on its way is counted to the end of the job that it was begun for', () => {
    const coming = node({
      id: 'id-east-2',
      name: 'east-2',
      phase: 'booting',
      costPerHour: 10,
      beganAtMs: now,
      jobs: ['7'],
    })
    const world = {
      places: 'causeway' as const,
      nodes: [coming],
      jobs: [job({ id: '7', wallMs: 3 * hour, exclusive: true }), job({ id: '8', wallMs: hour, exclusive: true })],
      machines: { east: [machine({ id: coming.id, name: coming.name })] },
    }
    assert.deepEqual(kinds(plan(observation(world), dear(40), now)), ['begin NeededByJobs'])
    assert.deepEqual(kinds(plan(observation(world), dear(39), now)), [])
  })
  test('a job that nothing can pay for is held where the scheduler places, and released when it can be paid for', () => {
    const absent = ['east-1', 'east-2'].map((name) => queueNode({ name, power: 'absent' }))
    const long = job({ id: '1', wallMs: null })
    const short = job({ id: '2', wallMs: hour })
    const stepsOf = (amount: number, jobs: readonly (typeof long)[], more = {}) =>
      plan(observation({ queueNodes: absent, jobs, ...more }), dear(amount), now).steps.map((step) =>
        'jobs' in step ? `${step.kind} ${step.jobs.join(' ')} ${step.reason.code}` : step.kind,
      )
    assert.deepEqual(stepsOf(20, [long, short]), ['hold 1 OverBudget'])
    assert.deepEqual(stepsOf(20, [{ ...long, blocked: 'HeldByCauseway' }, short]), [])
    assert.deepEqual(stepsOf(200, [{ ...long, blocked: 'HeldByCauseway' }, short]), ['release 1 WithinCap'])
    // A node that is there costs nothing more to begin with.
    const there = { ...idleHere, queueNodes: [queueNode(), ...absent.slice(1)] }
    assert.deepEqual(stepsOf(20, [long], there), [])
    const wide = { ...short, nodeCount: 2 }
    assert.deepEqual(stepsOf(15, [wide]), ['hold 2 OverBudget'])
    assert.deepEqual(stepsOf(20, [wide]), [])
  })
  test('a longer job does not share a new node that was paid for a shorter one', () => {
    const share = { perNode: { cpus: 2, memoryMiB: 0, gpus: 0 } }
    const jobs = [job({ id: '1', wallMs: hour, ...share }), job({ id: '2', wallMs: 2 * hour, ...share })]
    const made = (amount: number) => plan(observation({ places: 'causeway', jobs }), dear(amount), now)
    assert.deepEqual(kinds(made(30)), ['begin NeededByJobs', 'begin NeededByJobs'])
    assert.deepEqual(kinds(made(29)), ['begin NeededByJobs'])
    assert.equal(made(29).jobs[1]?.code, 'OverBudget')
  })
  test('only one of two nodes that fit each by itself', () => {
    const two = [wanted('east-1'), wanted('east-2')]
    const jobs = [starting, { ...starting, id: '2', nodes: ['east-2'] }]
    assert.deepEqual(kinds(plan(observation({ queueNodes: two, jobs }), dear(30), now)), [
      'begin WantedByQueue',
      'refuse OverBudget',
    ])
  })
  test('one that is exceeded closes free names and lets idle nodes go, but not below the minimum', () => {
    const spent = new Map([['day/*', 100]])
    const world = { ...idleHere, nodes: [{ ...idle, idleSinceMs: now - 1, costPerHour: 10 }], spent }
    assert.deepEqual(kinds(plan(observation(world), dear(50), now)), ['drain OverBudget'])
    const keeping = { ...dear(50), types: [typePolicy('east', { costPerHour: 10, minimum: 1 })] }
    assert.deepEqual(kinds(plan(observation(world), keeping, now)), [])
    const absent = [queueNode({ power: 'absent' })]
    assert.deepEqual(kinds(plan(observation({ queueNodes: absent, spent }), dear(50), now)), ['close OverBudget'])
  })
  test('of a site binds that site only', () => {
    const budgets = [{ period: 'day' as const, site: 'east', amount: 1, ...today }]
    const both: Policy = {
      ...policy,
      types: [typePolicy('east', { costPerHour: 10 }), typePolicy('west', { costPerHour: 10 })],
      budgets,
    }
    const jobs = [starting, { ...starting, id: '2', nodes: ['west-1'] }]
    const made = plan(observation({ queueNodes: [wanted('east-1'), wanted('west-1')], jobs }), both, now)
    assert.deepEqual(kinds(made), ['refuse OverBudget', 'begin WantedByQueue'])
  })
})

describe('a job that waits while a budget keeps absent nodes out of the queue', () => {
  test('is told so, for the time that it may run; one that can be paid for is not', () => {
    const budget = { period: 'day' as const, site: null, amount: 3, ...today }
    const queueNodes = ['east-1', 'east-2'].map((name) => queueNode({ name, power: 'absent' }))
    const jobs = [job({ id: '1', wallMs: 5 * hour }), job({ id: '2', wallMs: hour }), job({ id: '3', wallMs: null })]
    const made = plan(observation({ jobs, queueNodes }), only({ costPerHour: 1 }, { budgets: [budget] }), now)
    assert.deepEqual(
      made.jobs.map(({ code }) => code),
      ['OverBudget', 'WaitsForScheduler', 'OverBudget'],
    )
    assert.match(made.jobs[0]?.text ?? '', /day's budget of 3/)
  })
})

describe('caps', () => {
  const capped = only({ maximum: 8 }, { caps: [{ of: 'user', name: 'alice', nodes: 2 }] })
  const pending = (id: string, over: Parameters<typeof job>[0] = {}) => job({ id, ...over })
  const stepsOf = (over: Parameters<typeof observation>[0]) => plan(observation(over), capped, now).steps

  test('jobs beyond are held in the order of the queue, others are not', () => {
    const jobs = ['1', '2', '3'].map((id) => pending(id)).concat(pending('4', { user: 'bob' }))
    const [step, ...rest] = stepsOf({ jobs })
    assert.deepEqual([step?.kind === 'hold' && step.jobs, rest.length], [['3'], 0])
    assert.match(step?.reason.text ?? '', /user alice may have 2 nodes/)
  })
  test('what runs counts, and what fits again is released', () => {
    const running = job({ id: '9', state: 'running', nodes: ['east-1'], startedAtMs: now })
    const world = {
      queueNodes: [queueNode({ busy: true })],
      nodes: [node()],
      machines: { east: [machine()] },
      jobs: [running, pending('1', { blocked: 'HeldByCauseway' }), pending('2', { blocked: 'HeldByCauseway' })],
    }
    const [step, ...rest] = stepsOf(world)
    assert.deepEqual([step?.kind === 'release' && step.jobs, rest.length], [['1'], 0])
  })
  test('of an array only the elements beyond are held', () => {
    const [step] = stepsOf({ jobs: [pending('7_[3-5,9]', { count: 4 })] })
    assert.deepEqual(step?.kind === 'hold' && step.jobs, ['7_5', '7_9'])
  })
  test('without a cap what Causeway holds is let go, and what others hold is not', () => {
    const jobs = [pending('1', { blocked: 'HeldByCauseway' }), pending('2', { blocked: 'Held' })]
    const [step, ...rest] = plan(observation({ jobs }), policy, now).steps
    assert.deepEqual([step?.kind === 'release' && step.jobs, rest.length], [['1'], 0])
  })
  test('a node that the queue asks for on behalf of a job beyond is refused', () => {
    const jobs = [job({ state: 'starting', nodes: ['east-1', 'east-2', 'east-3'], nodeCount: 3 })]
    const queueNodes = ['east-1', 'east-2', 'east-3'].map(wanted)
    assert.deepEqual([...new Set(kinds(plan(observation({ jobs, queueNodes }), capped, now)))], ['refuse OverCap'])
  })
  test('of jobs that the queue starts together, those that came first keep their nodes', () => {
    const names = ['east-1', 'east-2', 'east-3']
    const jobs = names.map((name, k) => job({ id: String(k + 1), state: 'starting', nodes: [name] }))
    const steps = stepsOf({ jobs, queueNodes: names.map(wanted) })
    const begun = steps.flatMap((step) => (step.kind === 'begin' ? [step.name] : []))
    const refused = steps.flatMap((step) => (step.kind === 'refuse' ? step.names : []))
    assert.deepEqual([begun, refused], [['east-1', 'east-2'], ['east-3']])
  })
  test('a cap of its own goes before the cap of everybody', () => {
    const caps = [
      { of: 'user' as const, name: '*', nodes: 1 },
      { of: 'user' as const, name: 'alice', nodes: 3 },
    ]
    const jobs = [pending('1'), pending('2'), pending('3', { user: 'bob' }), pending('4', { user: 'bob' })]
    const [step] = plan(observation({ jobs }), { ...policy, caps }, now).steps
    assert.deepEqual(step?.kind === 'hold' && step.jobs, ['4'])
  })
})

describe('the nodes of one job', () => {
  test('that the queue asks for are had all or not at all', () => {
    const jobs = [job({ state: 'starting', nodes: ['east-1', 'east-2', 'east-3'], nodeCount: 3 })]
    const queueNodes = ['east-1', 'east-2', 'east-3'].map(wanted)
    assert.deepEqual(
      kinds(plan(observation({ jobs, queueNodes }), only({ maximum: 2 }), now)),
      Array(3).fill('refuse AboveMaximum'),
    )
    assert.deepEqual(
      kinds(plan(observation({ jobs, queueNodes }), only({ maximum: 3 }), now)),
      Array(3).fill('begin WantedByQueue'),
    )
  })
})

describe('a half-open type', () => {
  const breakers = new Map([['east/standard', { site: 'east', type: 'standard', failures: 2, closedUntilMs: now - 1 }]])
  const queueNodes = ['east-1', 'east-2'].map(wanted)
  test('is tried with one node while the others wait', () => {
    assert.deepEqual(kinds(plan(observation({ queueNodes, breakers }), only({}), now)), ['begin WantedByQueue'])
    const probe = node({ phase: 'booting' })
    const underWay = { queueNodes, breakers, nodes: [probe], machines: { east: [machine()] } }
    assert.deepEqual(kinds(plan(observation(underWay), only({}), now)), [])
  })
})
