import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { plan } from '../../src/elastic/plan/plan.ts'
import type { Plan } from '../../src/elastic/plan/steps.ts'
import type { Phase } from '../../src/store/node-record.ts'
import { job, machine, node, now, observation, policy, queueNode } from './world.ts'

function kinds(made: Plan): string[] {
  return made.steps.map((step) => `${step.kind}${step.kind === 'move' ? ` ${step.to}` : ''} ${step.reason.code}`)
}

function decide(over: Parameters<typeof observation>[0]): Plan {
  return plan(observation(over), policy, now)
}

describe('growing', () => {
  const wanted = queueNode({ power: 'wanted', responding: false, busy: true })

  test('a node that the queue wants begins a life, for the jobs that wait for it', () => {
    const made = decide({ queueNodes: [wanted], jobs: [job({ state: 'starting', nodes: ['east-1'] })] })
    assert.deepEqual(kinds(made), ['begin WantedByQueue'])
    assert.deepEqual(made.steps[0]?.kind === 'begin' && made.steps[0].jobs, ['1'])
  })

  test('no second life begins while one lives under the name', () => {
    for (const phase of ['planned', 'creating', 'booting', 'deleting', 'failed'] as Phase[]) {
      const made = decide({ queueNodes: [wanted], nodes: [node({ phase })], machines: { east: [machine()] } })
      assert.equal(made.steps.filter((step) => step.kind === 'begin').length, 0, phase)
    }
  })

  test('a reading older than the end of the last act begins nothing, nor while one is under way', () => {
    assert.deepEqual(kinds(decide({ queueNodes: [wanted], settledAtMs: new Map([['east-1', now]]) })), [])
    assert.deepEqual(kinds(decide({ queueNodes: [wanted], inFlight: new Set(['east-1']) })), [])
  })

  test('beyond the maximum, and at a closed site, the queue is told no', () => {
    assert.deepEqual(kinds(decide({ queueNodes: [{ ...wanted, name: 'east-3' }] })), ['refuse AboveMaximum'])
    const breakers = new Map([
      ['east/standard', { site: 'east', type: 'standard', failures: 1, closedUntilMs: now + 1 }],
    ])
    assert.deepEqual(kinds(decide({ queueNodes: [wanted], breakers })), ['refuse SiteClosed'])
  })

  test('names that are not ours are left alone', () => {
    assert.deepEqual(
      kinds(
        decide({
          queueNodes: [
            { ...wanted, name: 'login' },
            { ...wanted, name: 'north-1' },
          ],
        }),
      ),
      [],
    )
  })

  test('below the minimum the queue is asked for absent nodes, and not for drained ones', () => {
    const [east, west] = policy.types
    assert.ok(east && west)
    const withMinimum = { ...policy, types: [{ ...east, minimum: 1 }, west] }
    const queueNodes = [
      queueNode({ power: 'absent', drained: true, reason: 'disk' }),
      queueNode({ name: 'east-2', power: 'absent' }),
    ]
    const made = plan(observation({ queueNodes }), withMinimum, now)
    assert.deepEqual(
      made.steps.map((step) => 'names' in step && step.names),
      [['east-2']],
    )
  })
})

describe('a life', () => {
  const booting = node({ phase: 'booting', phaseSinceMs: now - 5000 })

  test('a planned node is created', () => {
    assert.deepEqual(kinds(decide({ nodes: [node({ phase: 'planned' })] })), ['create WantedByQueue'])
  })

  test('a machine found after a crash is not made twice', () => {
    const creating = node({ phase: 'creating' })
    assert.deepEqual(kinds(decide({ nodes: [creating], machines: { east: [machine()] } })), [
      'move booting MachineFound',
    ])
    assert.deepEqual(kinds(decide({ nodes: [creating] })), ['create WantedByQueue'])
    assert.deepEqual(kinds(decide({ nodes: [creating], machines: { east: [machine({ state: 'stopped' })] } })), [
      'create WantedByQueue',
    ])
  })

  test('an act under way is waited for', () => {
    const made = decide({ nodes: [node({ phase: 'creating' })], inFlight: new Set(['id-east-1']) })
    assert.deepEqual(kinds(made), [])
    assert.equal(made.waiting.get('id-east-1')?.code, 'ActUnderWay')
  })

  test('it is ready once the queue has it', () => {
    const over = { nodes: [booting], machines: { east: [machine()] } }
    assert.deepEqual(kinds(decide({ ...over, queueNodes: [queueNode()] })), ['move ready Enrolled'])
    assert.deepEqual(kinds(decide({ ...over, queueNodes: [queueNode({ responding: false })] })), [])
    assert.deepEqual(kinds(decide({ ...over, queueNodes: [queueNode({ power: 'wanted' })] })), [])
  })

  test('each phase has its deadline and its code', () => {
    for (const [phase, ms, code] of [
      ['planned', 10_000, 'CreateTimeout'],
      ['creating', 10_000, 'CreateTimeout'],
      ['booting', 20_000, 'BootTimeout'],
      ['installing', 30_000, 'InstallTimeout'],
      ['enrolling', 15_000, 'EnrolTimeout'],
    ] as const) {
      const late = node({ phase, phaseSinceMs: now - ms })
      const machines = { east: code === 'CreateTimeout' ? [] : [machine()] }
      const made = decide({ nodes: [late], machines })
      const step = made.steps[0]
      assert.equal(step?.kind === 'fail' && step.failure.code, code, phase)
      if (phase === 'planned') continue
      const unread = decide({ nodes: [late], machines, unreadQueue: true })
      assert.deepEqual(kinds(unread), [], `${phase}: a job may run on it while the queue can't be read`)
      const inTime = decide({ nodes: [node({ phase, phaseSinceMs: now - ms + 1 })], machines: { east: [machine()] } })
      assert.ok(!inTime.steps.some((s) => s.kind === 'fail'), phase)
    }
  })

  test('a machine that is gone or has stopped fails the node, but only by a reading younger than the last act', () => {
    assert.deepEqual(kinds(decide({ nodes: [booting] })), ['fail Failed'])
    assert.deepEqual(kinds(decide({ nodes: [booting], machines: { east: [machine({ state: 'stopped' })] } })), [
      'fail Failed',
    ])
    assert.deepEqual(kinds(decide({ nodes: [{ ...booting, phaseSinceMs: now }] })), [])
    assert.deepEqual(kinds(decide({ nodes: [booting], settledAtMs: new Map([['id-east-1', now]]) })), [])
  })

  test('a try whose answer was lost is looked for before it counts as a failure', () => {
    const late = node({ phase: 'creating', phaseSinceMs: now - 10_000 })
    assert.deepEqual(kinds(decide({ nodes: [late], machines: { east: [machine()] } })), ['move booting MachineFound'])
    assert.deepEqual(kinds(decide({ nodes: [late], queueNodes: [queueNode()], unreadSites: ['east'] })), [])
  })

  test('a node that came after its failure and works is given up only when its job has ended', () => {
    const late = node({ phase: 'failed', failure: { code: 'BootTimeout', text: 'late' } })
    assert.deepEqual(kinds(decide({ nodes: [late], queueNodes: [queueNode({ busy: true })] })), [])
    assert.deepEqual(kinds(decide({ nodes: [late], unreadQueue: true })), [])
    assert.deepEqual(kinds(decide({ nodes: [late], queueNodes: [queueNode()] })), ['give-up Failed'])
    const lost = { ...late, failure: { code: 'MachineLost', text: 'gone' } } as const
    assert.deepEqual(kinds(decide({ nodes: [lost], queueNodes: [queueNode({ busy: true })] })), ['give-up Failed'])
  })

  test('a failed node is given up to the queue, then removed without telling it again', () => {
    const failure = { code: 'BootTimeout', text: 'late' } as const
    assert.deepEqual(kinds(decide({ nodes: [node({ phase: 'failed', failure })] })), ['give-up Failed'])
    const queueNodes = [queueNode({ power: 'leaving', responding: false })]
    const made = decide({ nodes: [node({ phase: 'deleting', failure })], queueNodes })
    assert.ok(made.steps[0]?.kind === 'remove' && !made.steps[0].tellQueue)
  })

  test('a node that was given up and comes after all leaves the queue before its machine goes', () => {
    const failure = { code: 'HostUnreachable', text: 'dark' } as const
    const made = decide({ nodes: [node({ phase: 'deleting', failure })], queueNodes: [queueNode({ busy: true })] })
    assert.deepEqual(kinds(made), ['dismiss NotWanted'])
  })

  test('what backs off waits until its time', () => {
    const resting = node({ phase: 'deleting', attempts: 3, nextAttemptAtMs: now + 100 })
    const made = decide({ nodes: [resting] })
    assert.deepEqual(kinds(made), [])
    assert.equal(made.nextAtMs, now + 100)
  })
})

describe('unknown is not absent', () => {
  test('an unreadable site fails, deletes and creates nothing within the grace', () => {
    for (const phase of ['booting', 'installing', 'enrolling', 'ready', 'draining'] as Phase[]) {
      const made = decide({
        nodes: [node({ phase })],
        unreadSites: ['east'],
        queueNodes: [queueNode({ responding: false })],
      })
      assert.deepEqual(kinds(made), [], phase)
      assert.deepEqual(made.notes, [{ id: 'id-east-1', unreachableSinceMs: now }], phase)
    }
  })

  test('after the grace an unfinished node is given up, a finished one never is', () => {
    const since = { unreachableSinceMs: now - policy.grace.unreachableMs }
    assert.deepEqual(kinds(decide({ nodes: [node({ phase: 'booting', ...since })], unreadSites: ['east'] })), [
      'fail Failed',
    ])
    assert.deepEqual(kinds(decide({ nodes: [node({ phase: 'ready', ...since })], unreadSites: ['east'] })), [])
  })

  test('when the site answers again the mark goes', () => {
    const made = decide({
      nodes: [node({ unreachableSinceMs: now - 10 })],
      machines: { east: [machine()] },
      queueNodes: [queueNode({ busy: true })],
    })
    assert.deepEqual(made.notes, [{ id: 'id-east-1', unreachableSinceMs: null }])
  })

  test('an unreadable queue shrinks nothing', () => {
    const idle = node({ idleSinceMs: now - 1_000_000 })
    const made = decide({ nodes: [idle], machines: { east: [machine()] }, unreadQueue: true })
    assert.deepEqual(kinds(made), [])
    assert.equal(made.waiting.get(idle.id)?.code, 'QueueUnreachable')
  })
})

describe('shrinking', () => {
  const idle = node({ idleSinceMs: now - 20_000, phaseSinceMs: now - 60_000 })
  const here = { machines: { east: [machine()] } }

  test('a node idle for its time is drained; before, it is told when to look again', () => {
    assert.deepEqual(kinds(decide({ ...here, nodes: [idle], queueNodes: [queueNode()] })), ['drain Idle'])
    const made = decide({ ...here, nodes: [{ ...idle, idleSinceMs: now - 19_000 }], queueNodes: [queueNode()] })
    assert.deepEqual(kinds(made), [])
    assert.equal(made.nextAtMs, now + 1000)
  })

  test('a busy node stays, and its idle time starts anew', () => {
    const made = decide({ ...here, nodes: [idle], queueNodes: [queueNode({ busy: true })] })
    assert.deepEqual(kinds(made), [])
    assert.deepEqual(made.notes, [{ id: idle.id, idleSinceMs: null }])
  })

  test('a node that a waiting job could use stays; one that it excludes goes', () => {
    const kept = decide({ ...here, nodes: [idle], queueNodes: [queueNode()], jobs: [job()] })
    assert.deepEqual(kinds(kept), [])
    const elsewhere = decide({
      ...here,
      nodes: [idle],
      queueNodes: [queueNode()],
      jobs: [job({ features: 'site-west' })],
    })
    assert.deepEqual(kinds(elsewhere), ['drain Idle'])
    const held = decide({ ...here, nodes: [idle], queueNodes: [queueNode()], jobs: [job({ blocked: 'Held' })] })
    assert.deepEqual(kinds(held), ['drain Idle'])
    const impossible = decide({ ...here, nodes: [idle], queueNodes: [queueNode()], jobs: [job({ nodeCount: 7 })] })
    assert.deepEqual(kinds(impossible), ['drain Idle'])
  })

  test('the minimum is kept, even when several could go at once; the longest idle goes', () => {
    const [east, west] = policy.types
    assert.ok(east && west)
    const withMinimum = { ...policy, types: [{ ...east, minimum: 1 }, west] }
    const second = node({ id: 'id-east-2', name: 'east-2', idleSinceMs: now - 30_000, phaseSinceMs: now - 60_000 })
    const made = plan(
      observation({
        nodes: [idle, second],
        machines: { east: [machine(), machine({ id: 'id-east-2', name: 'east-2' })] },
        queueNodes: [queueNode(), queueNode({ name: 'east-2' })],
      }),
      withMinimum,
      now,
    )
    assert.deepEqual(
      made.steps.map((step) => 'id' in step && step.id),
      ['id-east-2'],
    )
    assert.equal(made.waiting.get(idle.id)?.code, 'AtMinimum')
  })

  const draining = node({ phase: 'draining' })
  const ours = queueNode({ drained: true, reason: 'causeway: idle' })

  test('a draining node is deleted only when the queue shows the drain and no job', () => {
    assert.deepEqual(kinds(decide({ ...here, nodes: [draining], queueNodes: [ours] })), ['move deleting Drained'])
    const busy = decide({ ...here, nodes: [draining], queueNodes: [{ ...ours, busy: true }] })
    assert.deepEqual(kinds(busy), [])
    assert.equal(busy.waiting.get(draining.id)?.code, 'Busy')
  })

  test('a drain is taken back when demand returns, or when the queue has lost it', () => {
    const returned = decide({ ...here, nodes: [draining], queueNodes: [ours], jobs: [job()] })
    assert.deepEqual(kinds(returned), ['cancel-drain DemandReturned'])
    assert.deepEqual(kinds(decide({ ...here, nodes: [draining], queueNodes: [queueNode()] })), [
      'cancel-drain DrainNotSeen',
    ])
  })

  test("an admin's drain is left alone", () => {
    const made = decide({ ...here, nodes: [idle], queueNodes: [queueNode({ drained: true, reason: 'bad disk' })] })
    assert.deepEqual(kinds(made), [])
    assert.equal(made.waiting.get(idle.id)?.code, 'DrainedByAdmin')
  })

  test('a node that the queue has powered down, or asks for anew, is deleted', () => {
    for (const power of ['absent', 'leaving', 'wanted'] as const) {
      const made = decide({ ...here, nodes: [node()], queueNodes: [queueNode({ power })] })
      assert.match(kinds(made)[0] ?? '', /^move deleting/, power)
    }
  })

  test('a node that leaves while a job runs on it is kept until the job has ended, whoever sent it away', () => {
    for (const phase of ['ready', 'draining'] as Phase[]) {
      const leaving = decide({
        ...here,
        nodes: [node({ phase })],
        queueNodes: [queueNode({ power: 'leaving', busy: true })],
      })
      assert.deepEqual(kinds(leaving), [], phase)
    }
    const deleting = { ...here, nodes: [node({ phase: 'deleting' })] }
    for (const power of ['present', 'leaving'] as const) {
      assert.deepEqual(kinds(decide({ ...deleting, queueNodes: [queueNode({ power, busy: true })] })), [], power)
    }
    const failed = node({ phase: 'deleting', failure: { code: 'MachineLost', text: 'gone' } })
    const made = decide({ ...here, nodes: [failed], queueNodes: [queueNode({ busy: true })] })
    assert.equal(made.steps[0]?.kind, 'remove')
  })

  test('while the queue is unread a leaving node is removed with word to the queue', () => {
    const step = decide({ nodes: [node({ phase: 'deleting' })], unreadQueue: true }).steps[0]
    assert.ok(step?.kind === 'remove' && step.tellQueue)
  })

  test('a maximum that was lowered counts the lives beyond it too', () => {
    const [east, west] = policy.types
    assert.ok(east && west)
    const lowered = { ...policy, types: [{ ...east, maximum: 1 }, west] }
    const second = node({ id: 'id-east-2', name: 'east-2' })
    const queueNodes = [queueNode({ power: 'wanted' }), queueNode({ name: 'east-2', busy: true })]
    const obs = observation({
      nodes: [second],
      queueNodes,
      machines: { east: [machine({ id: 'id-east-2', name: 'east-2' })] },
    })
    assert.deepEqual(kinds(plan(obs, lowered, now)), ['refuse AboveMaximum'])
  })

  test('on its way out the queue is told if it still counts on the node', () => {
    const told = decide({ nodes: [node({ phase: 'deleting' })], queueNodes: [queueNode()] }).steps[0]
    assert.ok(told?.kind === 'remove' && told.tellQueue)
    const knows = decide({ nodes: [node({ phase: 'deleting' })], queueNodes: [queueNode({ power: 'leaving' })] })
      .steps[0]
    assert.ok(knows?.kind === 'remove' && !knows.tellQueue)
  })
})

describe('closed sites and orphans', () => {
  test('the free names of a closed site are taken out, and put back after the cooldown', () => {
    const queueNodes = [
      queueNode({ power: 'absent' }),
      queueNode({ name: 'east-2', power: 'absent', drained: true, reason: 'disk' }),
    ]
    const closed = new Map([
      ['east/standard', { site: 'east', type: 'standard', failures: 1, closedUntilMs: now + 50 }],
    ])
    const made = decide({ queueNodes, breakers: closed })
    assert.deepEqual(
      made.steps.map((step) => step.kind === 'close' && step.names),
      [['east-1']],
    )
    assert.equal(made.nextAtMs, now + 50)

    const after = new Map([['east/standard', { site: 'east', type: 'standard', failures: 1, closedUntilMs: now }]])
    const ours = [queueNode({ power: 'absent', drained: true, reason: 'causeway: closed' }), ...queueNodes.slice(1)]
    const reopened = decide({ queueNodes: ours, breakers: after })
    assert.deepEqual(
      reopened.steps.map((step) => step.kind === 'reopen' && step.names),
      [['east-1']],
    )
  })

  test('the name of a failed node rests for the cooldown, also at an open site', () => {
    const queueNodes = [queueNode({ power: 'absent', down: true, reason: 'causeway: BootTimeout' })]
    const lastFailureMs = new Map([['east-1', now - 1000]])
    assert.deepEqual(kinds(decide({ queueNodes, lastFailureMs })), [])
    const rested = new Map([['east-1', now - policy.breaker.cooldownMs]])
    assert.deepEqual(kinds(decide({ queueNodes, lastFailureMs: rested })), ['reopen SiteReopened'])
  })

  test('a machine nobody knows is taken over if the queue counts on it, else deleted after the grace', () => {
    const machines = { east: [machine()] }
    assert.deepEqual(kinds(decide({ machines, queueNodes: [queueNode({ busy: true })] })), ['adopt MachineFound'])
    assert.deepEqual(kinds(decide({ machines, queueNodes: [queueNode({ power: 'absent' })] })), [])
    const orphansSinceMs = new Map([['id-east-1', now - policy.grace.orphanMs]])
    const due = decide({ machines, queueNodes: [queueNode({ power: 'absent' })], orphansSinceMs })
    assert.deepEqual(kinds(due), ['collect Orphan'])
  })

  test('a node that the queue believes present without a machine is dismissed, unless the site is unread', () => {
    assert.deepEqual(kinds(decide({ queueNodes: [queueNode()] })), ['dismiss NotWanted'])
    assert.deepEqual(kinds(decide({ queueNodes: [queueNode()], unreadSites: ['east'] })), [])
  })
})

describe('why jobs wait', () => {
  const why = (over: Parameters<typeof observation>[0]) => decide(over).jobs[0]
  test('each state has its own answer', () => {
    assert.equal(why({ jobs: [job({ blocked: 'Held', reason: 'JobHeldUser' })] })?.code, 'NotEligible')
    assert.equal(why({ jobs: [job({ state: 'running', nodes: ['east-1'] })] })?.code, 'Running')
    const coming = why({
      jobs: [job({ state: 'starting', nodes: ['east-1'] })],
      nodes: [node({ phase: 'installing', phaseSinceMs: now - 3000 })],
      machines: { east: [machine()] },
    })
    assert.equal(coming?.code, 'NodesComing')
    assert.match(coming?.text ?? '', /east-1 is installing for 3 s/)
    const closed = new Map([
      ['east/standard', { site: 'east', type: 'standard', failures: 1, closedUntilMs: now + 50 }],
    ])
    assert.equal(why({ jobs: [job({ features: 'site-east' })], breakers: closed })?.code, 'SitesClosed')
    assert.equal(why({ jobs: [job()] })?.code, 'WaitsForScheduler')
    assert.equal(why({ jobs: [job()], unreadSites: ['east'] })?.code, 'WaitsForScheduler')
    const dark = why({ jobs: [job({ features: 'site-east' })], unreadSites: ['east'] })
    assert.equal(dark?.code, 'SitesUnreachable')
    assert.match(dark?.text ?? '', /no answer/)
  })
})
