import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { plan } from '../../src/elastic/plan/plan.ts'
import type { Step } from '../../src/elastic/plan/steps.ts'
import type { Drain } from '../../src/store/drain-store.ts'
import type { Phase } from '../../src/store/node-record.ts'
import { job, machine, node, now, observation, policy, queueNode, typePolicy } from './world.ts'

type Over = NonNullable<Parameters<typeof observation>[0]>

const id = 'id-east-1'
const decide = (over: Over, rules = policy) => plan(observation(over), rules, now)
const kinds = ({ steps }: { steps: readonly Step[] }) => steps.map((step) => `${step.kind} ${step.reason.code}`)

describe('a pool of which a host is dark', () => {
  const two = {
    nodes: [node({ host: 'h1' }), node({ id: 'id-east-2', name: 'east-2', host: 'h2' })],
    queueNodes: [queueNode({ busy: true }), queueNode({ name: 'east-2', busy: true })],
  }

  test('a node that is not listed is lost only if its own host was read', () => {
    const made = decide({ ...two, unreadHosts: ['h2'] })
    assert.deepEqual(
      made.steps.map((step) => 'id' in step && [step.kind, step.id]),
      [['fail', id]],
    )
    assert.equal(made.waiting.get('id-east-2')?.text, "host h2 of east can't be read: no answer")
    assert.deepEqual(made.notes, [{ id: 'id-east-2', unreachableSinceMs: now }])
  })

  test('one of which nobody knows the host is not lost while any host is dark', () => {
    const made = decide({ nodes: [node()], queueNodes: [queueNode({ busy: true })], unreadHosts: ['h2'] })
    assert.equal(made.waiting.get(id)?.code, 'SiteUnreachable')
  })

  test('nodes of the other hosts go on as usual, and their host is noted', () => {
    const idle = node({ idleSinceMs: now - 20_000, phaseSinceMs: now - 60_000 })
    const machines = { east: [machine({ host: 'h1' })] }
    const made = decide({ nodes: [idle], machines, queueNodes: [queueNode()], unreadHosts: ['h2'] })
    assert.deepEqual(kinds(made), ['drain Idle'])
    assert.deepEqual(made.notes, [{ id, host: 'h1' }])
  })

  test('an unfinished node at it is given up after the grace, a finished one never is', () => {
    const dark = { host: 'h2', unreachableSinceMs: now - policy.grace.unreachableMs }
    const after = (phase: Phase) => kinds(decide({ nodes: [node({ phase, ...dark })], unreadHosts: ['h2'] }))
    assert.deepEqual(after('installing'), ['fail Failed'])
    assert.deepEqual(after('ready'), [])
  })

  test('machines that are not made yet are made at the other hosts', () => {
    const made = decide({ nodes: [node({ phase: 'creating' })], unreadHosts: ['h2'] })
    assert.deepEqual(kinds(made), ['create WantedByQueue'])
    assert.deepEqual(made.notes, [])
  })

  test('a name that the queue has and no machine shows up for is not dismissed: its machine may be there', () => {
    const strange = { queueNodes: [queueNode()] }
    assert.deepEqual(kinds(decide(strange)), ['dismiss NotWanted'])
    assert.deepEqual(kinds(decide({ ...strange, unreadHosts: ['h2'] })), [])
  })
})

describe('a drained site', () => {
  const drains: Drain[] = [{ site: 'east', host: null, reason: 'the power goes', sinceMs: 0 }]
  const text = 'site east is drained: the power goes'

  test('begins nothing: the queue gets its nodes refused and closed, with the reason', () => {
    const queueNodes = [
      queueNode({ power: 'wanted', responding: false }),
      queueNode({ name: 'east-2', power: 'absent' }),
    ]
    const { steps } = decide({ drains, queueNodes })
    assert.deepEqual(
      steps.map((step) => [step.kind, 'names' in step && step.names[0], step.reason.code, step.reason.text]),
      [
        ['refuse', 'east-1', 'SiteDrained', text],
        ['close', 'east-2', 'SiteDrained', text],
      ],
    )
  })

  test('once the drain is taken back, its nodes may be asked for again', () => {
    const queueNodes = [queueNode({ power: 'absent', drained: true, reason: `causeway: ${text}` })]
    assert.deepEqual(kinds(decide({ drains, queueNodes })), [])
    assert.deepEqual(kinds(decide({ queueNodes })), ['reopen SiteReopened'])
  })

  test('keeps no minimum, and jobs go where they may', () => {
    const types = [typePolicy('east', { minimum: 1 }), typePolicy('west')]
    const made = decide({ drains, places: 'causeway', jobs: [job()] }, { ...policy, types })
    assert.deepEqual(
      made.steps.map((step) => 'name' in step && step.name),
      ['west-1'],
    )
  })

  test('drains a node at once while a job runs on it, and never kills the job', () => {
    const world = { drains, machines: { east: [machine()] } }
    const busy = decide({ ...world, nodes: [node()], queueNodes: [queueNode({ busy: true })] })
    assert.deepEqual(kinds(busy), ['drain SiteDrained'])
    const leaves = queueNode({ busy: true, drained: true, reason: `causeway: ${text}` })
    const draining = { ...world, nodes: [node({ phase: 'draining' })] }
    assert.equal(decide({ ...draining, queueNodes: [leaves] }).waiting.get(id)?.code, 'Busy')
    assert.deepEqual(kinds(decide({ ...draining, queueNodes: [{ ...leaves, busy: false }] })), ['move Drained'])
  })

  test('gives no node back to a job that waits, until it is taken back', () => {
    const leaves = queueNode({ drained: true, reason: `causeway: ${text}` })
    const world = {
      nodes: [node({ phase: 'draining' })],
      machines: { east: [machine()] },
      queueNodes: [leaves],
      jobs: [job({ features: 'site-east' })],
    }
    assert.deepEqual(kinds(decide({ ...world, drains })), ['move Drained'])
    assert.deepEqual(kinds(decide(world)), ['cancel-drain DemandReturned'])
  })

  test('drains neither what an admin drained nor what is down', () => {
    for (const over of [{ drained: true }, { down: true }]) {
      const queueNodes = [queueNode({ busy: true, reason: 'disk', ...over })]
      const made = decide({ drains, nodes: [node()], machines: { east: [machine()] }, queueNodes })
      assert.deepEqual(kinds(made), [])
    }
  })

  test('a node that has no machine yet is given up, which says nothing against its type', () => {
    const { steps } = decide({ drains, nodes: [node({ phase: 'creating' })] })
    assert.ok(steps[0]?.kind === 'fail' && steps[0].expected)
    const coming = { drains, nodes: [node({ phase: 'creating' as const })], machines: { east: [machine()] } }
    assert.deepEqual(kinds(decide(coming)), ['move MachineFound'])
  })

  test('a job that can go nowhere else is told so', () => {
    const jobs = [job({ features: 'site-east' })]
    const reasons = (['scheduler', 'causeway'] as const).map((places) => decide({ drains, places, jobs }).jobs[0])
    assert.deepEqual(
      reasons.map((reason) => reason?.code),
      ['SitesDrained', 'SitesDrained'],
    )
    for (const reason of reasons) assert.match(reason?.text ?? '', /the power goes/)
  })
})

describe('a drain of ours that is over', () => {
  const world = {
    nodes: [node()],
    machines: { east: [machine()] },
    queueNodes: [queueNode({ drained: true, reason: 'causeway: idle' })],
  }

  test('is lifted where the queue still shows it', () => {
    const types = [typePolicy('east', { minimum: 1 }), typePolicy('west')]
    assert.deepEqual(kinds(decide(world, { ...policy, types })), ['cancel-drain DrainLeft'])
    assert.deepEqual(kinds(decide({ ...world, jobs: [job()] })), ['cancel-drain DrainLeft'])
  })

  test('is left on a node that is one too many', () => {
    const types = [typePolicy('east', { maximum: 0 }), typePolicy('west')]
    assert.deepEqual(kinds(decide(world, { ...policy, types })), ['drain AboveMaximum'])
  })
})

describe('a drained host', () => {
  const drains: Drain[] = [{ site: 'east', host: 'h1', reason: '', sinceMs: 0 }]

  test('its nodes are drained, those of other hosts stay', () => {
    const machines = { east: [machine({ host: 'h1' }), machine({ id: 'id-east-2', name: 'east-2', host: 'h2' })] }
    const nodes = [node({ host: 'h1' }), node({ id: 'id-east-2', name: 'east-2', host: 'h2' })]
    const { steps } = decide({ drains, machines, nodes, queueNodes: [queueNode(), queueNode({ name: 'east-2' })] })
    assert.deepEqual(
      steps.map((step) => 'id' in step && [step.kind, step.id, step.reason.text]),
      [['drain', id, 'host h1 of east is drained']],
    )
  })

  test('its site takes new nodes', () => {
    const queueNodes = [queueNode({ power: 'wanted', responding: false })]
    assert.deepEqual(kinds(decide({ drains, queueNodes })), ['begin WantedByQueue'])
  })

  test('no job is thought onto its nodes where Causeway places the jobs', () => {
    const machines = { east: [machine({ host: 'h1' })] }
    const world = { machines, nodes: [node({ host: 'h1' })], queueNodes: [queueNode()], jobs: [job()] }
    assert.deepEqual(kinds(decide({ ...world, places: 'causeway' })), [])
    assert.deepEqual(kinds(decide({ ...world, places: 'causeway', drains })), [
      'drain HostDrained',
      'begin NeededByJobs',
    ])
  })
})

describe('a machine that its site takes away', () => {
  const leaving = { atMs: now + 120_000, reason: 'spot interruption' }

  test('is drained at once, and that it leaves is noted', () => {
    const machines = { east: [machine({ leaving })] }
    const made = decide({ machines, nodes: [node()], queueNodes: [queueNode({ busy: true })] })
    assert.deepEqual(kinds(made), ['drain MachineLeaving'])
    assert.match(made.steps[0]?.reason.text ?? '', /^east takes its machine away at 1970-.*: spot interruption$/)
    assert.deepEqual(made.notes, [{ id, leavingAtMs: leaving.atMs }])
  })

  test('its vanishing says nothing against its type; without a notice it does', () => {
    const lost = (over: Parameters<typeof node>[0]) =>
      decide({ nodes: [node(over)], queueNodes: [queueNode()] }).steps[0]
    const expected = lost({ leavingAtMs: leaving.atMs })
    assert.ok(expected?.kind === 'fail' && expected.expected && expected.failure.code === 'MachineLost')
    const sudden = lost({})
    assert.ok(sudden?.kind === 'fail' && !sudden.expected)
  })

  test('a notice that is taken back is forgotten', () => {
    const world = { machines: { east: [machine()] }, queueNodes: [queueNode({ busy: true })] }
    const made = decide({ ...world, nodes: [node({ leavingAtMs: leaving.atMs })] })
    assert.deepEqual(kinds(made), [])
    assert.deepEqual(made.notes, [{ id, leavingAtMs: null }])
  })
})
