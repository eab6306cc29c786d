import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '../../../../src/elastic/plan/demand.ts'
import { EndedJobs } from '../../../../src/hooks/schedulers/sge/ended.ts'

function job(id: string, state: Job['state'], nodes: readonly string[] = []): Job {
  return {
    id,
    name: 'x',
    user: 'alice',
    account: '',
    partition: 'all.q',
    state,
    reason: 'qw',
    blocked: null,
    nodeCount: 1,
    perNode: { cpus: 1, memoryMiB: 0, gpus: 0 },
    tasksPerNode: null,
    exclusive: false,
    wallMs: null,
    features: '',
    dependency: '',
    beginAtMs: null,
    licences: '',
    nodes,
    count: 1,
    submittedAtMs: 1000,
    startedAtMs: nodes.length > 0 ? 2000 : null,
    endedAtMs: null,
  }
}

/** What has ended after these readings, a second apart. */
function endedAfter(...readings: Job[][]): Job[] {
  const ended = new EndedJobs()
  return readings.map((jobs, k) => ended.after(jobs, 10_000 + k * 1000)).at(-1) ?? []
}
const idsAfter = (...readings: Job[][]) => endedAfter(...readings).map((one) => one.id)

test('a job that is gone has ended where it was last seen', () => {
  const [gone] = endedAfter(
    [job('1', 'running', ['east-1']), job('2', 'running', ['east-2'])],
    [job('2', 'running', ['east-2'])],
  )
  const { id, state, nodes, reason, startedAtMs, endedAtMs } = gone ?? assert.fail('none has ended')
  assert.deepEqual([id, state, nodes, reason, startedAtMs, endedAtMs], ['1', 'ended', ['east-1'], '', 2000, 11_000])
})

test('a job that waits and is gone was deleted', () => {
  assert.deepEqual(idsAfter([job('1', 'pending')], []), ['1'])
})

test('a job that goes back to the queue has not ended, nor does it stay ended', () => {
  assert.deepEqual(idsAfter([job('1', 'running', ['a'])], [job('1', 'pending')]), [])
  assert.deepEqual(idsAfter([job('1', 'running', ['a'])], [], [job('1', 'running', ['a'])]), [])
})

test('elements end by themselves, the list of those that wait does not', () => {
  assert.deepEqual(idsAfter([job('1.1-9:1', 'pending')], [job('1.1', 'running', ['a']), job('1.2-9:1', 'pending')]), [])
  assert.deepEqual(
    idsAfter(
      [job('1.1', 'running', ['a']), job('1.2-9:1', 'pending')],
      [job('1.2', 'running', ['a']), job('1.3-9:1', 'pending')],
    ),
    ['1.1'],
  )
  assert.deepEqual(idsAfter([job('1.1', 'running', ['a'])], [job('1.1-9:2', 'pending')]), [])
  assert.deepEqual(idsAfter([job('1.2', 'running', ['a'])], [job('1.1-9:2', 'pending')]), ['1.2'])
  assert.deepEqual(idsAfter([job('1.7', 'running', ['a'])], [job('1.1-3:1,7', 'pending')]), [])
})

test('it is told of for five minutes', () => {
  const ended = new EndedJobs()
  ended.after([job('1', 'running', ['a'])], 0)
  assert.equal(ended.after([], 1000).length, 1)
  assert.equal(ended.after([], 301_000).length, 1)
  assert.equal(ended.after([], 301_001).length, 0)
})
