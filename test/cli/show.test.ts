import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { showStatus } from '../../src/cli/status.ts'
import { ago, table } from '../../src/cli/table.ts'
import { showWhy } from '../../src/cli/why.ts'
import type { NodeReport, StatusReport } from '../../src/hooks/reports.ts'

const node: NodeReport = {
  name: 'east-1',
  id: 'id',
  site: 'east',
  type: 'standard',
  host: null,
  phase: 'installing',
  sinceMs: 0,
  ageMs: 3100,
  address: '10.77.1.1',
  reason: 'installing, within its deadline',
  failure: null,
  jobs: ['7'],
  phasesMs: {},
}

const aType: StatusReport['types'][number] = {
  site: 'east',
  type: 'standard',
  minimum: 0,
  maximum: 4,
  spare: 0,
  costPerHour: 0,
  reachable: true,
  closedUntilMs: null,
  halfOpen: false,
  trouble: '',
  phases: {},
}

const status: StatusReport = {
  cluster: 'lab',
  atMs: 10_000,
  observedAtMs: 9500,
  refusedSteps: 0,
  queue: { reachable: true, text: '', jobs: { pending: 2, running: 1, ended: 9 } },
  drains: [],
  windows: ['nights'],
  budgets: [{ period: 'day', site: 'west', amount: 50, spent: 12.5, projected: 20 }],
  types: [
    { ...aType, site: 'east', maximum: 2, spare: 1, phases: { ready: 1 } },
    { ...aType, site: 'west', closedUntilMs: 70_000 },
    { ...aType, site: 'south', type: 'big', reachable: false, trouble: 'no route' },
    { ...aType, site: 'north', halfOpen: true },
  ],
  nodes: [node],
}

describe('what the command line prints', () => {
  test('the status: the queue without ended jobs, each site with its state, the nodes', () => {
    assert.equal(
      showStatus(status),
      [
        'cluster lab: looked 0.5s ago',
        'queue: 2 pending, 1 running',
        'windows in force: nights',
        'budget of the day of west: 12.50 spent, 20.00 with what is bound to come, of 50',
        '',
        'SITE   TYPE      STATE                           LIMITS         NODES',
        'east   standard  open                            0..2, 1 spare  1 ready',
        'west   standard  closed for 1m00s                0..4           -',
        'south  big       unreachable: no route           0..4           -',
        'north  standard  half-open, tried with one node  0..4           -',
        '',
        'NODE    SITE  PHASE       AGE   ADDRESS    MADE FOR  REASON',
        'east-1  east  installing  3.1s  10.77.1.1  7         installing, within its deadline',
      ].join('\n'),
    )
    const pooled = { ...status, nodes: [{ ...node, host: 'h1' }, node] }
    assert.match(
      showStatus(pooled),
      /NODE    SITE  HOST  PHASE .*\neast-1  east  h1    installing .*\neast-1  east  -     inst/,
    )
    const drains = [
      { site: 'east', host: null, reason: 'power', sinceMs: 4000 },
      { site: 'west', host: 'h1', reason: '', sinceMs: 9000 },
    ]
    assert.match(
      showStatus({ ...status, drains }),
      /\nsite east is drained for 6.0s: power\nhost h1 of west is drained for 1.0s\n/,
    )
    assert.match(showStatus({ ...status, drains }), /\neast +standard +drained +0\.\.2/)
    assert.match(showStatus({ ...status, refusedSteps: 2 }), /\nheld back: 2 steps of the plan/)
    const dark = { ...status, observedAtMs: null, queue: { reachable: false, text: '', jobs: {} }, nodes: [] }
    assert.match(showStatus(dark), /not looked yet\nqueue: can't be read: not looked at yet[\s\S]*no nodes$/)
  })

  test('why: what holds now, what is remembered, what happened', () => {
    const event = {
      seq: 1,
      atMs: 0,
      kind: 'phase' as const,
      site: 'east',
      nodeId: 'id',
      nodeName: 'east-1',
      code: 'BootTimeout',
      text: 'east-1 did not report',
      facts: { phase: 'failed' },
      jobs: ['7'],
    }
    const job = {
      id: '8',
      name: 'j',
      user: 'a',
      state: 'ended',
      submittedAtMs: 0,
      startedAtMs: 4000,
      endedAtMs: 5000,
      nodes: ['west-1'],
    }
    const text = showWhy({
      job: '7',
      now: [{ job: '7', code: 'NodesComing', text: 'its nodes are being made' }],
      jobs: [{ ...job, id: '7' }, job],
      history: [event],
    })
    assert.deepEqual(text.split('\n').slice(0, 3), [
      'job 7: its nodes are being made (NodesComing)',
      'job 8: last seen ended on west-1, waited 4.0s',
      '',
    ])
    assert.match(
      text,
      /1970-01-01T00:00:00\.000Z {2}\+0\.0s {2}failed {2}east-1 {2}BootTimeout {2}east-1 did not report$/,
    )
  })

  test('durations', () => {
    for (const [ms, text] of [
      [-5, '0.0s'],
      [9940, '9.9s'],
      [59_400, '59s'],
      [61_000, '1m01s'],
      [3_725_000, '1h02m'],
      [90_000_000, '1d1h'],
    ] as const) {
      assert.equal(ago(ms), text)
    }
  })

  test('a table has no trailing blanks', () => {
    assert.equal(
      table(
        ['A', 'B'],
        [
          ['long', ''],
          ['x', 'y'],
        ],
      ),
      'A     B\nlong\nx     y',
    )
  })
})
