import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lintPlan } from '../../src/elastic/plan/lint.ts'
import type { Finding, Invariant } from '../../src/elastic/plan/lint-findings.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { Reason, Step } from '../../src/elastic/plan/steps.ts'
import type { Phase } from '../../src/store/node-record.ts'
import { job, machine, node, now, observation, policy, queueNode } from './world.ts'

type Over = Parameters<typeof observation>[0]

const reason: Reason = { code: 'Idle', text: 'because' }

/** The findings on hand-made steps; nodes without a step wait. */
function lint(over: Over, steps: readonly Step[], rules: Policy = policy): Finding[] {
  const obs = observation(over)
  const done = new Set(steps.flatMap((step) => ('id' in step ? step.id : [])))
  const waiting = new Map(obs.nodes.filter(({ id }) => !done.has(id)).map(({ id }) => [id, reason]))
  return lintPlan({ atMs: now, steps, notes: [], waiting, jobs: [], nextAtMs: null }, obs, rules, now)
}

/**
 * A pair of worlds in which one step is planned: in the first it breaks this invariant and no other, in the second it
 * breaks none. They differ in as little as possible.
 */
function holdsBack(code: Invariant, what: string, step: Step, bad: Over, good: Over, rules?: Policy): void {
  test(what, () => {
    assert.deepEqual(
      lint(bad, [step], rules).map((finding) => [finding.code, finding.step === step]),
      [[code, true]],
    )
    assert.deepEqual(lint(good, [step], rules), [])
  })
}

/** The same, for two steps in one world. */
function holdsBackStep(code: Invariant, what: string, bad: Step, good: Step, over: Over): void {
  test(what, () => {
    assert.deepEqual(
      lint(over, [bad]).map((finding) => [finding.code, finding.step === bad]),
      [[code, true]],
    )
    assert.deepEqual(lint(over, [good]), [])
  })
}

const id = 'id-east-1'
const long = now - 1_000_000
const inPhase = (phase: Phase, over: Parameters<typeof node>[0] = {}) => node({ phase, phaseSinceMs: long, ...over })
const idle = inPhase('ready', { idleSinceMs: long })
const ours = queueNode({ drained: true, reason: 'causeway: idle' })
const here = { machines: { east: [machine()] } }
const idleWorld = { ...here, nodes: [idle], queueNodes: [queueNode()] }
const failure = { code: 'BootTimeout', text: 'late' } as const
const absent = queueNode({ power: 'absent' })
const wanted = queueNode({ power: 'wanted', responding: false, busy: true })
const shut = new Map([['east/standard', { site: 'east', type: 'standard', failures: 1, closedUntilMs: now + 1 }]])
const overdue = new Map([[id, long]])

const drain: Step = { kind: 'drain', id, reason }
const remove: Step = { kind: 'remove', id, tellQueue: true, reason }
const giveUp: Step = { kind: 'give-up', id, reason }
const create: Step = { kind: 'create', id, reason }
const begin: Step = { kind: 'begin', name: 'east-1', site: 'east', type: 'standard', jobs: [], reason }
const adopt: Step = { kind: 'adopt', site: 'east', type: 'standard', machine: id, name: 'east-1', reason }
const collect: Step = { kind: 'collect', site: 'east', machine: id, reason }
const move = (to: Phase): Step => ({ kind: 'move', id, to, reason })
const fail = (code: 'MachineLost' | 'EnrolTimeout' | 'HostUnreachable' | 'InsufficientCapacity'): Step => ({
  kind: 'fail',
  id,
  failure: { code, text: 'broken' },
  reason,
})
const onNames = (kind: 'power-up' | 'refuse' | 'dismiss' | 'close' | 'reopen', names = ['east-1']): Step => ({
  kind,
  names,
  site: 'east',
  reason,
})

describe('NoReason', () => {
  const mute: Step = { ...drain, reason: { ...reason, text: ' ' } }
  holdsBackStep('NoReason', 'a step must say why', mute, drain, idleWorld)
})

describe('UnknownThing', () => {
  const failed = { nodes: [inPhase('failed', { failure })] }
  holdsBack('UnknownThing', 'a node that does not live', giveUp, { nodes: [] }, failed)
  const north = { id, name: 'north-1', site: 'north' }
  const gone = { queueNodes: [queueNode({ name: 'north-1', power: 'absent' })] }
  holdsBack(
    'UnknownThing',
    'a machine at a site that is not configured can not be deleted, so its node is not forgotten',
    remove,
    { ...gone, nodes: [inPhase('deleting', north)] },
    { queueNodes: [absent], nodes: [inPhase('deleting')] },
  )
  holdsBack('UnknownThing', 'a name that the queue does not have', onNames('close'), {}, { queueNodes: [absent] })
  const west = queueNode({ name: 'west-1', power: 'absent' })
  const both = { queueNodes: [absent, west] }
  holdsBackStep('UnknownThing', "another site's name", onNames('close', ['west-1']), onNames('close'), both)
  const due = { orphansSinceMs: overdue }
  holdsBack('UnknownThing', 'a machine that the site does not have', collect, due, { ...due, ...here })
  test('a reason to wait for nobody', () => {
    const waiting = new Map([['nobody', reason]])
    const plan = { atMs: now, steps: [], notes: [], waiting, jobs: [], nextAtMs: null }
    assert.deepEqual(
      lintPlan(plan, observation(), policy, now).map((finding) => [finding.code, finding.step]),
      [['UnknownThing', null]],
    )
  })
})

describe('IllegalPhase', () => {
  const at = (phase: Phase, over = {}) => ({ ...here, queueNodes: [queueNode()], nodes: [inPhase(phase, over)] })
  holdsBack('IllegalPhase', 'only what failed is given up', giveUp, at('ready'), at('failed', { failure }))
  holdsBack('IllegalPhase', 'only what is not made yet is made', create, at('booting'), at('creating'))
  holdsBack('IllegalPhase', 'only what is being deleted is removed', remove, at('ready'), at('deleting'))
  holdsBack('IllegalPhase', 'no way back from draining but through its cancellation', move('ready'), at('draining'), {
    ...at('enrolling'),
  })
  holdsBackStep('IllegalPhase', 'no phase is left out', move('gone'), move('booting'), at('creating'))
})

describe('NotOneAnswer', () => {
  const [made, waits] = [observation(idleWorld), new Map([[id, reason]])]
  const answers = (steps: Step[], waiting: ReadonlyMap<string, Reason>) =>
    lintPlan({ atMs: now, steps, notes: [], waiting, jobs: [], nextAtMs: null }, made, policy, now).map(
      (finding) => [finding.code, finding.step?.kind] as const,
    )
  test('a live node has one step or one reason to wait', () => {
    assert.deepEqual(answers([drain], new Map()), [])
    assert.deepEqual(answers([], waits), [])
    assert.deepEqual(answers([], new Map()), [['NotOneAnswer', undefined]])
    assert.deepEqual(answers([drain], waits), [['NotOneAnswer', 'drain']])
  })
  test('of two steps neither is carried out', () => {
    assert.deepEqual(answers([drain, { ...drain }], new Map()), [
      ['NotOneAnswer', 'drain'],
      ['NotOneAnswer', 'drain'],
    ])
  })
})

describe('ActUnderWay', () => {
  const busy = (...keys: string[]) => ({ inFlight: new Set(keys) })
  holdsBack('ActUnderWay', 'a node', drain, { ...idleWorld, ...busy(id) }, { ...idleWorld, ...busy('other') })
  const free = { queueNodes: [wanted] }
  holdsBack('ActUnderWay', 'a name', begin, { ...free, ...busy('east-1') }, free)
  const due = { ...here, orphansSinceMs: overdue }
  holdsBack('ActUnderWay', 'a machine', collect, { ...due, ...busy(id) }, due)
})

describe('ReadingNeeded', () => {
  holdsBack('ReadingNeeded', 'no drain by an unread queue', drain, { ...idleWorld, unreadQueue: true }, idleWorld)
  const settled = { settledAtMs: new Map([[id, now]]) }
  holdsBack('ReadingNeeded', 'nor by one read before the last act', drain, { ...idleWorld, ...settled }, idleWorld)
  const newer = { ...here, queueNodes: [queueNode()], nodes: [inPhase('enrolling', { phaseSinceMs: now })] }
  holdsBack('ReadingNeeded', 'nor by one read before the phase', move('ready'), newer, {
    ...newer,
    nodes: [inPhase('enrolling')],
  })
  const lost = { nodes: [inPhase('booting')] }
  holdsBack(
    'ReadingNeeded',
    'no machine is lost at an unread site',
    fail('MachineLost'),
    { ...lost, unreadSites: ['east'] },
    lost,
  )
  const enrolling = { ...here, nodes: [inPhase('enrolling')] }
  holdsBack(
    'ReadingNeeded',
    'nobody is missed in an unread queue',
    fail('EnrolTimeout'),
    { ...enrolling, unreadQueue: true },
    enrolling,
  )
  const leaving = { ...here, queueNodes: [absent], nodes: [inPhase('deleting')] }
  const quiet: Step = { kind: 'remove', id, tellQueue: false, reason }
  holdsBack(
    'ReadingNeeded',
    'no unread queue is taken to know that a node goes',
    quiet,
    { ...leaving, unreadQueue: true },
    leaving,
  )
  test('but it can be told, and knows of what has failed', () => {
    assert.deepEqual(lint({ ...leaving, unreadQueue: true }, [remove]), [])
    assert.deepEqual(lint({ ...here, nodes: [inPhase('deleting', { failure })], unreadQueue: true }, [quiet]), [])
  })
  const free = { queueNodes: [wanted] }
  const act = { settledAtMs: new Map([['east-1', now]]) }
  holdsBack('ReadingNeeded', 'no life for a name whose last act is younger', begin, { ...free, ...act }, free)
  const orphan = { ...here, orphansSinceMs: overdue }
  holdsBack('ReadingNeeded', 'no orphan by an unread queue', collect, { ...orphan, unreadQueue: true }, orphan)
  const taken = { ...here, queueNodes: [queueNode()] }
  holdsBack('ReadingNeeded', 'no adoption at an unread site', adopt, { ...taken, unreadSites: ['east'] }, taken)
  const ghost = { queueNodes: [queueNode()] }
  holdsBack(
    'ReadingNeeded',
    'nobody is dismissed from an unread site',
    onNames('dismiss'),
    { ...ghost, unreadSites: ['east'] },
    ghost,
  )
})

describe('NotShown', () => {
  const one = (phase: Phase, inQueue = queueNode(), state: 'running' | 'stopped' = 'running') => ({
    machines: { east: [machine({ state })] },
    nodes: [inPhase(phase)],
    queueNodes: [inQueue],
  })
  holdsBack(
    'NotShown',
    'a machine that runs',
    move('booting'),
    one('creating', absent, 'stopped'),
    one('creating', absent),
  )
  const silent = queueNode({ responding: false })
  holdsBack('NotShown', 'a daemon that answers', move('ready'), one('enrolling', silent), one('enrolling'))
  holdsBack('NotShown', 'a drain', move('deleting'), one('draining'), one('draining', ours))
  holdsBack('NotShown', 'that the queue let it go', move('deleting'), one('ready'), one('ready', absent))
  holdsBack('NotShown', 'a loss', fail('MachineLost'), one('ready'), one('ready', queueNode(), 'stopped'))
  const dark = { nodes: [inPhase('booting', { unreachableSinceMs: long })] }
  holdsBack('NotShown', 'silence', fail('HostUnreachable'), dark, { ...dark, unreadSites: ['east'] })
  const planned = { nodes: [inPhase('planned')] }
  holdsBack('NotShown', 'a closed site', fail('InsufficientCapacity'), planned, { ...planned, breakers: shut })
  const quiet: Step = { kind: 'remove', id, tellQueue: false, reason }
  holdsBack('NotShown', 'a queue that knows', quiet, one('deleting'), one('deleting', absent))
  holdsBack('NotShown', 'a wish for the node', begin, { queueNodes: [absent] }, { queueNodes: [wanted] })
  const stopped = { machines: { east: [machine({ state: 'stopped' })] }, queueNodes: [queueNode()] }
  holdsBack('NotShown', 'a machine to take over', adopt, stopped, { ...stopped, ...here })
  holdsBack(
    'NotShown',
    'that there is no machine',
    onNames('dismiss'),
    { ...here, queueNodes: [queueNode()] },
    { queueNodes: [queueNode()] },
  )
})

describe('TooEarly', () => {
  const recently = (ms: number) => [inPhase('ready', { idleSinceMs: now - ms })]
  holdsBack(
    'TooEarly',
    'within the idle time',
    drain,
    { ...idleWorld, nodes: recently(19_999) },
    { ...idleWorld, nodes: recently(20_000) },
  )
  const since = (ms: number) => ({ ...here, nodes: [inPhase('enrolling', { phaseSinceMs: now - ms })] })
  holdsBack('TooEarly', 'within the deadline', fail('EnrolTimeout'), since(14_999), since(15_000))
  const dark = (ms: number) => ({
    unreadSites: ['east'],
    nodes: [inPhase('booting', { unreachableSinceMs: now - ms })],
  })
  holdsBack('TooEarly', "within an unreachable site's grace", fail('HostUnreachable'), dark(59_999), dark(60_000))
  const orphan = (ms: number) => ({ ...here, orphansSinceMs: new Map([[id, now - ms]]) })
  holdsBack('TooEarly', "within a strange machine's grace", collect, orphan(59_999), orphan(60_000))
  const rested = (ms: number) => ({
    queueNodes: [queueNode({ power: 'absent', drained: true, reason: 'causeway: failed' })],
    lastFailureMs: new Map([['east-1', now - ms]]),
  })
  holdsBack('TooEarly', 'while a failed name rests', onNames('reopen'), rested(299_999), rested(300_000))
  const reused = (ms: number) => ({ places: 'causeway', lastGoneMs: new Map([['east-1', now - ms]]) }) as const
  const slow = { ...policy, grace: { ...policy.grace, reuseMs: 10_000 } }
  holdsBack('TooEarly', 'while the name of a node that is gone rests', begin, reused(9999), reused(10_000), slow)
  const pausing = (untilMs: number) => ({
    queueNodes: [queueNode()],
    nodes: [inPhase('deleting', { nextAttemptAtMs: untilMs })],
  })
  holdsBack('TooEarly', 'between two tries', remove, pausing(now + 1), pausing(now))
})

describe('JobRunning', () => {
  const running = job({ state: 'running', nodes: ['east-1'] })
  const at = (phase: Phase, inQueue = queueNode()) => ({ ...here, nodes: [inPhase(phase)], queueNodes: [inQueue] })
  const busy = { ...idleWorld, queueNodes: [queueNode({ busy: true })] }
  holdsBack('JobRunning', 'a busy node is not drained for idleness', drain, busy, idleWorld)
  holdsBack(
    'JobRunning',
    'nor one that only the list of jobs shows in use, as by a suspended job',
    drain,
    { ...idleWorld, jobs: [{ ...running, state: 'other' }] },
    { ...idleWorld, jobs: [{ ...running, state: 'ended' }] },
  )
  holdsBack(
    'JobRunning',
    'a drained node is not deleted while its job runs',
    move('deleting'),
    at('draining', { ...ours, busy: true }),
    at('draining', ours),
  )
  const leaving = queueNode({ power: 'leaving' })
  holdsBack(
    'JobRunning',
    'nor one that the queue powers down after its job',
    move('deleting'),
    at('ready', { ...leaving, busy: true }),
    at('ready', leaving),
  )
  holdsBack(
    'JobRunning',
    'no machine is removed from under a job',
    remove,
    at('deleting', queueNode({ busy: true })),
    at('deleting'),
  )
  test('but what has failed is, and what the queue asks for anew', () => {
    const broken = { ...busy, nodes: [inPhase('deleting', { failure })] }
    assert.deepEqual(lint(broken, [remove]), [])
    assert.deepEqual(lint(at('ready', wanted), [move('deleting')]), [])
  })
  const orphan = { ...here, orphansSinceMs: overdue }
  holdsBack(
    'JobRunning',
    'a strange machine that works is left alone',
    collect,
    { ...orphan, queueNodes: [queueNode({ busy: true })] },
    { ...orphan, queueNodes: [queueNode()] },
  )
})

describe('SecondLife', () => {
  const [west, live] = [queueNode({ ...wanted, name: 'west-1' }), node({ name: 'west-1', site: 'west' })]
  const again: Step = { kind: 'begin', name: 'west-1', site: 'west', type: 'standard', jobs: [], reason }
  holdsBack('SecondLife', 'a name lives once', again, { queueNodes: [west], nodes: [live] }, { queueNodes: [west] })
  test('also within one plan', () => {
    const twice = { ...again }
    assert.deepEqual(
      lint({ queueNodes: [west] }, [again, twice]).map((finding) => [finding.code, finding.step === twice]),
      [['SecondLife', true]],
    )
  })
})

describe('AboveMaximum', () => {
  const third = queueNode({ ...wanted, name: 'east-3' })
  const beyond: Step = { ...begin, name: 'east-3' }
  const both = { queueNodes: [wanted, third] }
  holdsBackStep('AboveMaximum', 'no number beyond the maximum', beyond, begin, both)
  const live = [2, 3].map((k) => node({ id: `id-${k}`, name: `east-${k}` }))
  holdsBack(
    'AboveMaximum',
    'no more lives than the maximum, whatever their numbers',
    begin,
    { queueNodes: [wanted], nodes: live },
    { queueNodes: [wanted], nodes: live.slice(1) },
  )
  const strange = machine({ name: 'east-3' })
  const adopted = { machines: { east: [strange] }, queueNodes: [queueNode({ name: 'east-3' })] }
  const roomy = { ...policy, types: policy.types.map((type) => ({ ...type, maximum: 3 })) }
  const takeOver: Step = { ...adopt, name: 'east-3' }
  test('nothing is taken over or powered up beyond it', () => {
    assert.deepEqual(
      lint(adopted, [takeOver]).map((finding) => finding.code),
      ['AboveMaximum'],
    )
    assert.deepEqual(lint(adopted, [takeOver], roomy), [])
    const free = { queueNodes: [{ ...absent, name: 'east-3' }] }
    const ask = onNames('power-up', ['east-3'])
    assert.deepEqual(
      lint(free, [ask]).map((finding) => finding.code),
      ['AboveMaximum'],
    )
    assert.deepEqual(lint(free, [ask], roomy), [])
  })
})

describe('BelowMinimum', () => {
  test('of two drains only the one is held back that is too many', () => {
    const second = { ...idle, id: 'id-east-2', name: 'east-2' }
    const over = {
      nodes: [idle, second],
      queueNodes: [queueNode(), queueNode({ name: 'east-2' })],
    }
    const other: Step = { kind: 'drain', id: second.id, reason }
    const keeping = (minimum: number) => ({ ...policy, types: policy.types.map((type) => ({ ...type, minimum })) })
    assert.deepEqual(lint(over, [drain, other], keeping(0)), [])
    assert.deepEqual(lint(over, [drain], keeping(1)), [])
    assert.deepEqual(
      lint(over, [drain, other], keeping(1)).map((finding) => [finding.code, finding.step === other]),
      [['BelowMinimum', true]],
    )
  })
})

describe('SiteClosed', () => {
  for (const [what, step, over] of [
    ['a new life', begin, { queueNodes: [wanted] }],
    ['asking for nodes', onNames('power-up'), { queueNodes: [absent] }],
    ['making what is only planned', create, { nodes: [inPhase('planned')] }],
    ['putting names back', onNames('reopen'), { queueNodes: [{ ...ours, power: 'absent' }] }],
  ] as const satisfies [string, Step, Over][]) {
    holdsBack('SiteClosed', what, step, { ...over, breakers: shut }, over)
  }
  test('what is being made already goes on', () => {
    assert.deepEqual(lint({ nodes: [inPhase('creating')], breakers: shut }, [create]), [])
  })
})

describe('a half-open type', () => {
  const tried = new Map([['east/standard', { site: 'east', type: 'standard', failures: 2, closedUntilMs: now - 1 }]])
  const second: Step = { ...begin, name: 'east-2' }
  const queueNodes = [wanted, { ...wanted, name: 'east-2' }]
  test('is tried with one node', () => {
    assert.deepEqual(lint({ queueNodes, breakers: tried }, [begin]), [])
    assert.deepEqual(
      lint({ queueNodes, breakers: tried }, [begin, second]).map((finding) => [finding.code, finding.step === second]),
      [['SiteClosed', true]],
    )
  })
})

describe('OverBudget', () => {
  const day = { period: 'day' as const, site: null, startMs: now - 36_000_000, endMs: now + 36_000_000 }
  const dear = { ...policy, types: policy.types.map((type) => ({ ...type, costPerHour: 10, lifetimeMs: 3_600_000 })) }
  const withBudget = (amount: number) => ({ ...dear, budgets: [{ ...day, amount }] })
  const second: Step = { ...begin, name: 'east-2' }
  const queueNodes = [wanted, { ...wanted, name: 'east-2' }]
  test('the begin that is one too many is held back', () => {
    assert.deepEqual(lint({ queueNodes }, [begin, second], withBudget(20)), [])
    assert.deepEqual(
      lint({ queueNodes }, [begin, second], withBudget(19)).map((finding) => [finding.code, finding.step === second]),
      [['OverBudget', true]],
    )
    const spent = new Map([['day/*', 5]])
    assert.deepEqual(
      lint({ queueNodes, spent }, [begin], withBudget(14)).map((finding) => finding.code),
      ['OverBudget'],
    )
  })
  test('a budget that is not exceeded drains nothing', () => {
    const forMoney: Step = {
      kind: 'drain',
      id,
      reason: { code: 'OverBudget', text: 'dear', facts: { period: 'day', site: null } },
    }
    const world = { ...idleWorld, spent: new Map([['day/*', 30]]) }
    assert.deepEqual(lint(world, [forMoney], withBudget(25)), [])
    assert.deepEqual(
      lint(world, [forMoney], withBudget(35)).map((finding) => finding.code),
      ['NotShown'],
    )
  })
})

describe('OverCap', () => {
  const capped = { ...policy, caps: [{ of: 'user' as const, name: 'alice', nodes: 1 }] }
  const running = job({ id: '9', state: 'running', nodes: ['west-1'], startedAtMs: now })
  const mine = job({ id: '1', state: 'starting', nodes: ['east-1'] })
  const forMine: Step = { ...begin, jobs: ['1'] }
  test('no node begins for a job beyond its cap', () => {
    assert.deepEqual(lint({ queueNodes: [wanted], jobs: [mine] }, [forMine], capped), [])
    assert.deepEqual(
      lint({ queueNodes: [wanted], jobs: [mine, running] }, [forMine], capped).map((finding) => finding.code),
      ['OverCap'],
    )
  })
  const held = job({ id: '1', blocked: 'HeldByCauseway' })
  const release: Step = { kind: 'release', jobs: ['1'], reason }
  test('no job beyond its cap is released', () => {
    assert.deepEqual(lint({ jobs: [held] }, [release], capped), [])
    assert.deepEqual(
      lint({ jobs: [held, running] }, [release], capped).map((finding) => finding.code),
      ['OverCap'],
    )
  })
  test('only jobs that Causeway holds are released, and only free ones held', () => {
    const hold: Step = { kind: 'hold', jobs: ['1'], reason }
    for (const blocked of ['Held', 'Dependency'] as const) {
      const jobs = [job({ id: '1', blocked })]
      const codes: (string | undefined)[] = [hold, release].map((one) => lint({ jobs }, [one])[0]?.code)
      assert.deepEqual(codes, ['UnknownThing', 'UnknownThing'])
    }
  })
})

describe('GangSplit', () => {
  const wide = job({ id: '1', state: 'starting', nodes: ['east-1', 'east-2'], nodeCount: 2 })
  const both: Step[] = [
    { ...begin, jobs: ['1'] },
    { ...begin, name: 'east-2', jobs: ['1'] },
  ]
  const world = { queueNodes: [wanted, { ...wanted, name: 'east-2' }], jobs: [wide] }
  test('all nodes that the queue asks for on behalf of a job begin, or none', () => {
    assert.deepEqual(lint(world, both), [])
    assert.deepEqual(
      lint(world, both.slice(0, 1)).map((finding) => finding.code),
      ['GangSplit'],
    )
  })
  test('nothing begins for a pending job that too few nodes will be there for', () => {
    const pending = { places: 'causeway' as const, jobs: [job({ id: '1', nodeCount: 2 })] }
    assert.deepEqual(lint(pending, both), [])
    assert.deepEqual(
      lint(pending, both.slice(0, 1)).map((finding) => finding.code),
      ['GangSplit'],
    )
  })
})

describe('a node that is paid for', () => {
  const paid = (ms: number) => ({ ...idleWorld, nodes: [{ ...idle, beganAtMs: now - ms, billingMs: 1_000_000 }] })
  const rules = { ...policy, types: policy.types.map((type) => ({ ...type, lifetimeMs: 1_900_000 })) }
  test('is not drained before the last tenth of that time, nor before its least lifetime', () => {
    assert.deepEqual(lint(paid(1_950_000), [drain], rules), [])
    for (const ms of [1_500_000, 950_000]) {
      assert.deepEqual(
        lint(paid(ms), [drain], rules).map((finding) => finding.code),
        ['TooEarly'],
      )
    }
  })
})

describe('AdminDrain', () => {
  const admins = { drained: true, reason: 'bad disk' }
  const off = { queueNodes: [{ ...absent, ...admins }] }
  const byUs = { queueNodes: [{ ...absent, drained: true, reason: 'causeway: closed' }] }
  holdsBack(
    'AdminDrain',
    'is not made ours',
    drain,
    { ...idleWorld, queueNodes: [queueNode(admins)] },
    { ...idleWorld, queueNodes: [ours] },
  )
  holdsBack('AdminDrain', 'is not ended', onNames('reopen'), off, byUs)
  holdsBack('AdminDrain', 'is not replaced', onNames('close'), off, { queueNodes: [absent] })
  holdsBack('AdminDrain', 'is not ignored', onNames('power-up'), off, { queueNodes: [absent] })
  const down = { queueNodes: [{ ...absent, down: true, reason: 'bad disk' }] }
  holdsBack('AdminDrain', 'down counts as well', onNames('reopen'), down, byUs)
})
