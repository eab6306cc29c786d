import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Job } from '../../../../src/elastic/plan/demand.ts'
import { readTrace } from '../../../../src/elastic/simulate/traces/read-trace.ts'

let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'causeway-recorded-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

function job(id: string, state: Job['state'], changes: Partial<Job> = {}): Job {
  return {
    id,
    name: 'work',
    user: 'ann',
    account: 'physics',
    partition: 'main',
    state,
    reason: '',
    blocked: null,
    nodeCount: 2,
    perNode: { cpus: 4, memoryMiB: 8000, gpus: 1 },
    tasksPerNode: null,
    exclusive: false,
    wallMs: 60_000,
    features: 'site-east',
    dependency: '',
    beginAtMs: null,
    licences: '',
    nodes: [],
    count: 1,
    submittedAtMs: 1_000_000,
    startedAtMs: null,
    endedAtMs: null,
    ...changes,
  }
}

/** A recorded round in which the queue was read. */
function round(atMs: number, jobs: readonly Job[]): string {
  const queue = { ok: true, startedAtMs: atMs, value: { jobs, nodes: [] } }
  return JSON.stringify({ v: 1, atMs: atMs + 50, observation: { queue } })
}

function read(lines: readonly string[], options?: { onBad: 'skip' | 'fail' }) {
  const path = join(folder, 'rounds.jsonl')
  writeFileSync(path, `${lines.join('\n')}\n`)
  return readTrace(path, options)
}

const running = { startedAtMs: 1_010_000 }

describe('readRecorded', () => {
  it('takes over a job from its submission to its end', async () => {
    const trace = await read([
      round(990_000, []),
      round(1_005_000, [job('7', 'pending')]),
      round(1_015_000, [job('7', 'running', running)]),
      round(1_025_000, [job('7', 'ended', { ...running, endedAtMs: 1_021_500 })]),
      round(1_035_000, []),
    ])
    assert.equal(trace.name, 'rounds.jsonl')
    assert.equal(trace.startedAtMs, 990_000)
    assert.deepEqual(trace.jobs, [
      {
        id: '7',
        submitMs: 10_000,
        runMs: 11_500,
        wallMs: 60_000,
        nodeCount: 2,
        perNode: { cpus: 4, memoryMiB: 8000, gpus: 1 },
        exclusive: false,
        user: 'ann',
        account: 'physics',
        queue: 'main',
        features: 'site-east',
      },
    ])
    assert.deepEqual(trace.leftOut, [])
  })

  it('lets a job that vanished end with the first snapshot without it; a round that was not read says nothing', async () => {
    const unread = JSON.stringify({
      v: 1,
      atMs: 1_020_000,
      observation: { queue: { ok: false, startedAtMs: 1_020_000, code: 'SchedulerUnreachable', text: 'away' } },
    })
    const trace = await read([
      round(1_000_000, []),
      round(1_015_000, [job('7', 'running', running)]),
      unread,
      round(1_030_000, [job('7', 'running', running)]),
      round(1_040_000, []),
      round(1_050_000, []),
    ])
    assert.deepEqual(
      trace.jobs.map(({ runMs }) => runMs),
      [30_000],
    )
    assert.deepEqual(trace.bad, [])
  })

  it('cuts what runs beyond the recording at its ends', async () => {
    const trace = await read([
      round(1_020_000, [job('1', 'running', running), job('2', 'ended', { ...running, endedAtMs: 1_015_000 })]),
      round(1_050_000, [job('1', 'running', running)]),
    ])
    assert.deepEqual(
      trace.jobs.map(({ id, submitMs, runMs }) => ({ id, submitMs, runMs })),
      [{ id: '1', submitMs: 0, runMs: 30_000 }],
    )
    assert.deepEqual(trace.leftOut, [{ why: 'ended before the recording began', jobs: 1 }])
  })

  it('lets a job that was sent back to the queue run from its last start', async () => {
    const trace = await read([
      round(1_000_000, []),
      round(1_015_000, [job('7', 'running', running)]),
      round(1_020_000, [job('7', 'pending')]),
      round(1_035_000, [job('7', 'running', { startedAtMs: 1_030_000 })]),
      round(1_040_000, [job('7', 'completing', { startedAtMs: 1_030_000 })]),
      round(1_044_000, []),
    ])
    assert.deepEqual(
      trace.jobs.map(({ runMs }) => runMs),
      [14_000],
    )
  })

  it('takes no start for real that a waiting job is only expected to have, or had before it was sent back', async () => {
    const trace = await read([
      round(1_000_000, [job('1', 'pending', { startedAtMs: 1_004_000 }), job('2', 'running', running)]),
      round(1_020_000, [job('2', 'pending', running)]),
      round(1_030_000, []),
    ])
    assert.deepEqual(trace.jobs, [])
    assert.deepEqual(trace.leftOut, [{ why: 'never seen running', jobs: 2 }])
  })

  it('counts jobs that were never seen running', async () => {
    const trace = await read([
      round(1_000_000, [job('1', 'pending'), job('2', 'pending'), job('3', 'pending')]),
      round(1_010_000, [job('2', 'ended', { endedAtMs: 1_005_000 }), job('3', 'pending')]),
    ])
    assert.deepEqual(trace.jobs, [])
    assert.deepEqual(trace.leftOut, [
      { why: 'never seen running', jobs: 2 },
      { why: 'still waiting at the end', jobs: 1 },
    ])
  })

  it('counts the elements of an array by those that were split off', async () => {
    const element = (n: number) => job(`9_${n}`, 'running', running)
    const trace = await read([
      round(1_000_000, [job('9_[1-5]', 'pending', { count: 5 })]),
      round(1_010_000, [element(1), job('9_[2-5]', 'pending', { count: 4 })]),
      round(1_020_000, [element(2), element(3), job('9_[4-5]', 'pending', { count: 2 })]),
      round(1_030_000, [element(4)]),
      round(1_040_000, []),
    ])
    assert.deepEqual(
      trace.jobs.map(({ id }) => id),
      ['9_1', '9_2', '9_3', '9_4'],
    )
    assert.deepEqual(trace.leftOut, [{ why: 'array elements that were never split off', jobs: 1 }])
  })

  it('counts a single element that is not split off', async () => {
    const trace = await read([round(1_000_000, [job('9_[5]', 'pending')])])
    assert.deepEqual(trace.leftOut, [{ why: 'array elements that were never split off', jobs: 1 }])
  })

  it('names broken lines, such as one that was being written at a crash', async () => {
    const whole = round(1_000_000, [job('7', 'running', running)])
    const broken = [
      whole.slice(0, -20),
      '{"v":2}',
      '{"v":1,"observation":{}}',
      round(1_010_000, [{ ...job('8', 'running'), perNode: null as unknown as Job['perNode'] }]),
      round(900_000, []),
    ]
    const trace = await read([whole, '', ...broken, round(1_040_000, [])])
    assert.deepEqual(
      trace.bad.map(({ line, why }) => `${line}: ${why}`),
      [
        '3: is not JSON',
        '4: is not of version 1 (member "v")',
        '5: has no queue with startedAtMs and jobs',
        '6: has a job with a wrong or missing "perNode"',
        '7: is older than the line before',
      ],
    )
    assert.deepEqual(
      trace.jobs.map(({ runMs }) => runMs),
      [30_000],
    )
    await assert.rejects(read([whole, '', ...broken], { onBad: 'fail' }), {
      code: 'InvalidRequest',
      message: /rounds\.jsonl:3: is not JSON$/,
    })
  })

  it('names the first wrong member of a job', async () => {
    const wrongs: [string, unknown][] = [
      ['id', 7],
      ['user', null],
      ['nodeCount', 0],
      ['count', '1'],
      ['submittedAtMs', null],
      ['startedAtMs', 'x'],
      ['wallMs', undefined],
      ['state', 'dreaming'],
      ['exclusive', 1],
    ]
    for (const [key, value] of wrongs) {
      const trace = await read([round(1, [{ ...job('7', 'running'), [key]: value }])])
      assert.deepEqual(
        trace.bad.map(({ why }) => why),
        [`has a job with a wrong or missing "${key}"`],
      )
    }
  })

  it('reads a gzip file; an empty one is an empty trace', async () => {
    const path = join(folder, 'rounds.jsonl.gz')
    writeFileSync(path, gzipSync(round(1_000_000, [])))
    assert.deepEqual(await readTrace(path), {
      name: 'rounds.jsonl',
      startedAtMs: 1_000_000,
      jobs: [],
      bad: [],
      leftOut: [],
    })
    assert.deepEqual((await read([])).jobs, [])
  })
})
