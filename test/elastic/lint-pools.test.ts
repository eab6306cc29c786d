import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lintPlan } from '../../src/elastic/plan/lint.ts'
import type { Invariant } from '../../src/elastic/plan/lint-findings.ts'
import type { Reason, Step } from '../../src/elastic/plan/steps.ts'
import type { Drain } from '../../src/store/drain-store.ts'
import { machine, node, now, observation, policy, queueNode, typePolicy } from './world.ts'

type Over = NonNullable<Parameters<typeof observation>[0]>

const id = 'id-east-1'
const reason: Reason = { code: 'Idle', text: 'because' }
const drains: Drain[] = [{ site: 'east', host: null, reason: '', sinceMs: 0 }]

function codes(over: Over, step: Step, rules = policy): Invariant[] {
  const obs = observation(over)
  const waiting = new Map(
    obs.nodes.filter((one) => !('id' in step) || one.id !== step.id).map((one) => [one.id, reason]),
  )
  const plan = { atMs: now, steps: [step], notes: [], waiting, jobs: [], nextAtMs: null }
  return lintPlan(plan, obs, rules, now).map(({ code }) => code)
}

const settled = { phaseSinceMs: 0, idleSinceMs: 0, host: 'h1' }
const lost: Step = { kind: 'fail', id, failure: { code: 'MachineLost', text: 'gone' }, reason }

test('nothing is lost, drained, deleted or dismissed at a dark host; at the others it may be', () => {
  const nodes = [node(settled)]
  const drain: Step = { kind: 'drain', id, reason }
  const deletes: Step = { kind: 'move', id, to: 'deleting', reason }
  const worlds: [Step, Over][] = [
    [lost, { nodes }],
    [drain, { nodes, queueNodes: [queueNode()] }],
    [deletes, { nodes, queueNodes: [queueNode({ power: 'leaving' })] }],
  ]
  for (const [step, over] of worlds) {
    assert.deepEqual(codes({ ...over, unreadHosts: ['h1'] }, step), ['ReadingNeeded'])
    assert.deepEqual(codes({ ...over, unreadHosts: ['h2'] }, step), [])
  }
  const dismiss: Step = { kind: 'dismiss', names: ['east-1'], site: 'east', reason }
  assert.deepEqual(codes({ queueNodes: [queueNode()], unreadHosts: ['h2'] }, dismiss), ['NotShown'])
  assert.deepEqual(codes({ queueNodes: [queueNode()] }, dismiss), [])
})

test('a node of a dark host is given up only after the grace', () => {
  const step: Step = { kind: 'fail', id, failure: { code: 'HostUnreachable', text: 'dark' }, reason }
  const at = (unreachableSinceMs: number) => [node({ ...settled, phase: 'booting', unreachableSinceMs })]
  assert.deepEqual(codes({ nodes: at(now - 1000), unreadHosts: ['h1'] }, step), ['TooEarly'])
  assert.deepEqual(codes({ nodes: at(0), unreadHosts: ['h1'] }, step), [])
  assert.deepEqual(codes({ nodes: at(0), unreadHosts: ['h2'] }, step), ['NotShown'])
})

test('a failure is expected only of what has to go', () => {
  const step: Step = { ...lost, expected: true }
  assert.deepEqual(codes({ nodes: [node(settled)] }, step), ['NotShown'])
  assert.deepEqual(codes({ nodes: [node({ ...settled, leavingAtMs: now })] }, step), [])
  assert.deepEqual(codes({ nodes: [node(settled)], drains }, step), [])
  assert.deepEqual(codes({ nodes: [node(settled)], drains: [{ ...drains[0], host: 'h1' } as Drain] }, step), [])
})

test('only what has to go is drained under a job, below the minimum or before its time', () => {
  const step: Step = { kind: 'drain', id, reason: { code: 'SiteDrained', text: 'drained' } }
  const types = [typePolicy('east', { minimum: 1, lifetimeMs: 10_000_000 }), typePolicy('west')]
  const over = { nodes: [node(settled)], machines: { east: [machine()] }, queueNodes: [queueNode({ busy: true })] }
  assert.deepEqual(codes({ ...over, drains }, step, { ...policy, types }), [])
  assert.deepEqual(codes(over, step, { ...policy, types }), ['NotShown', 'TooEarly', 'JobRunning', 'BelowMinimum'])
})

test('nothing begins at a drained site, and its nodes are not given back', () => {
  const begin: Step = { kind: 'begin', name: 'east-1', site: 'east', type: 'standard', jobs: [], reason }
  const queueNodes = [queueNode({ power: 'wanted' })]
  assert.deepEqual(codes({ queueNodes, drains }, begin), ['SiteDrained'])
  assert.deepEqual(codes({ queueNodes }, begin), [])
  const back: Step = { kind: 'cancel-drain', id, reason: { code: 'DemandReturned', text: 'wanted' } }
  const draining = { nodes: [node({ ...settled, phase: 'draining' })], machines: { east: [machine()] } }
  assert.deepEqual(codes({ ...draining, drains }, back), ['SiteDrained'])
  assert.deepEqual(codes(draining, back), [])
})
