import assert from 'node:assert/strict'
import { test } from 'node:test'
import { couldUse } from '../../../../src/elastic/plan/features.ts'
import { durationMsOf, memoryMiBOf, parseComplexes } from '../../../../src/hooks/schedulers/sge/complexes.ts'
import type { QueueEntry } from '../../../../src/hooks/schedulers/sge/qstat.ts'
import { matches, wishOf } from '../../../../src/hooks/schedulers/sge/request.ts'
import { sample } from './sample.ts'

const complexes = parseComplexes(
  sample('qconf-sc.txt')
    .replace(/^(h_vmem.*)NO( +0 +0)$/m, '$1YES$2')
    .concat(
      'site site RESTRING == YES NO NONE 0\ntype type RESTRING == YES NO NONE 0\nfast fast BOOL == YES NO 0 0\n',
      'gpu gpu INT <= YES YES 0 0\nexclusive excl BOOL EXCL YES YES 0 1000\nmatlab ml INT <= YES YES 0 0\n',
      'pool pool MEMORY <= YES JOB 0 0\n',
    ),
)
const rules: Readonly<Record<string, string>> = { mpi: '$round_robin', fill: '$fill_up', smp: '$pe_slots', four: '4' }

function wish(request: Partial<QueueEntry>) {
  const entry: QueueEntry = {
    number: 1,
    tasks: '',
    name: 'x',
    user: 'alice',
    state: 'qw',
    ranked: true,
    submittedAtMs: 0,
    startedAtMs: null,
    slots: 1,
    pe: '',
    range: '',
    hard: [],
    queues: [],
    predecessors: [],
    host: null,
    ...request,
  }
  return wishOf(entry, complexes, (pe) => rules[pe] ?? null, 'all.q')
}

test('a job that asks for nothing needs a slot', () => {
  assert.deepEqual(wish({}), {
    slots: null,
    nodeCount: 1,
    perNode: { cpus: 1, memoryMiB: 0, gpus: 0 },
    exclusive: false,
    wallMs: null,
    features: '',
    licences: '',
    elsewhere: '',
  })
})

test('slots lie on hosts as the environment says', () => {
  const spread = (pe: string, range: string) => {
    const { slots, nodeCount, perNode } = wish({ pe, range, slots: 2 })
    return [slots, nodeCount, perNode.cpus]
  }
  assert.deepEqual(spread('smp', '8'), [null, 1, 8])
  assert.deepEqual(spread('four', '8'), [null, 2, 4])
  assert.deepEqual(spread('mpi', '8'), [8, 1, 1])
  assert.deepEqual(spread('fill', '64-'), [64, 1, 1])
  assert.deepEqual(spread('unheard', '8'), [8, 1, 1])
})

test('of a range, the fewest slots with which it starts', () => {
  const slots = (range: string) => wish({ pe: 'mpi', range, slots: 7 }).slots
  assert.deepEqual(['4', '4-8', '4-', '-8', '8,2-4', ''].map(slots), [4, 4, 4, 1, 2, 7])
})

test('memory counts for each slot where slots use it up, and for the host where they do not', () => {
  const memory = (name: string, value: string, pe = 'smp') =>
    wish({ pe, range: '4', hard: [[name, value]] }).perNode.memoryMiB
  assert.equal(memory('h_vmem', '1G'), 4096)
  assert.equal(memory('mem_free', '1.5G'), 1536)
  assert.equal(memory('h_vmem', '1G', 'mpi'), 1024)
  assert.deepEqual(['2G', '500M', '1048576', '1g', '3K', 'x'].map(memoryMiBOf), [
    2048,
    500,
    1,
    1e9 / 2 ** 20,
    3 / 1024,
    null,
  ])
})

test('GPUs, time and the host for itself', () => {
  const { perNode, exclusive, wallMs } = wish({
    pe: 'smp',
    range: '2',
    hard: [
      ['gpu', '1'],
      ['exclusive', 'TRUE'],
      ['h_rt', '3600'],
      ['s_rt', '0:30:0'],
    ],
  })
  assert.deepEqual([perNode.gpus, exclusive, wallMs], [2, true, 1_800_000])
  assert.deepEqual(['3600', '1:0:0', '2:30', ':5', 'INFINITY'].map(durationMsOf), [
    3_600_000,
    3_600_000,
    150_000,
    5000,
    null,
  ])
})

test('sites, types and features are an expression that the planner reads', () => {
  const features = (...hard: [string, string][]) => wish({ hard }).features
  assert.equal(
    features(['site', 'east'], ['type', 'small|large'], ['fast', 'TRUE']),
    'site-east&(type-small|type-large)&fast',
  )
  assert.equal(features(['site', '!east'], ['fast', '0']), '!site-east&!fast')
  assert.equal(features(['site', 'e*']), '')
  const known = new Set(['site-east', 'site-west', 'type-small', 'type-large', 'fast'])
  const could = (expression: string, ...has: string[]) => couldUse(expression, new Set(has), known)
  const both = features(['site', 'east|west'], ['type', 'small'])
  assert.equal(could(both, 'site-west', 'type-small'), true)
  assert.equal(could(both, 'site-west', 'type-large'), false)
  assert.equal(could(features(['site', '!east']), 'site-east'), false)
})

test('what no node has a part in is a licence', () => {
  assert.equal(
    wish({
      hard: [
        ['matlab', '2'],
        ['arch', 'lx-amd64'],
        ['pool', '1G'],
      ],
    }).licences,
    'matlab:2,pool:1G',
  )
})

test('a host by name or another queue is nothing that new nodes could be', () => {
  const elsewhere = (queues: string[], hard: [string, string][] = []) => wish({ queues, hard }).elsewhere
  assert.equal(elsewhere([], [['hostname', 'east-1']]), 'hostname=east-1')
  assert.equal(elsewhere([], [['hostname', 'east-*']]), '')
  assert.equal(elsewhere(['other.q']), 'queue=other.q')
  for (const queue of ['all.q', '*', 'a*', '*@@site-east', 'all.q@east-*']) assert.equal(elsewhere([queue]), '', queue)
  assert.equal(elsewhere(['all.q@east-1']), 'queue=all.q@east-1')
  assert.equal(elsewhere(['other.q', 'all.q']), '')
})

test('a queue of a site is a wish for the site', () => {
  const features = (...queues: string[]) => wish({ queues }).features
  assert.equal(features('all.q@@site-east'), 'site-east')
  assert.equal(features('all.q@@site-east', '@@site-west'), '(site-east|site-west)')
  assert.equal(features('all.q@@site-east', 'all.q'), '')
  assert.equal(features('all.q@@site-*'), '')
})

test('patterns are those of a shell', () => {
  assert.ok(matches('mpi.*', 'mpi.east'))
  assert.ok(!matches('mpi.*', 'mpi'))
  assert.ok(!matches('mpi.*', 'mpiXeast'))
  assert.ok(matches('mp?', 'mpi'))
})
