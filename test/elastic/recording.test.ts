import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { silentLog } from '../../src/base/log.ts'
import { showReplay } from '../../src/cli/replay.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import { Recorder } from '../../src/elastic/recorder.ts'
import { decodeRound, encodeRound } from '../../src/elastic/recording.ts'
import { replay } from '../../src/elastic/replay.ts'
import { readTrace } from '../../src/elastic/simulate/traces/read-trace.ts'
import { someWorld } from './some-world.ts'
import { job, machine, node, now, observation, policy, queueNode, typePolicy } from './world.ts'

test('whatever is observed is read back as it was written', () => {
  fc.assert(
    fc.property(someWorld, ({ obs, policy: rules }) => {
      const made = plan(obs, rules, now)
      const read = decodeRound(encodeRound({ observation: obs, plan: made }))
      assert.deepEqual(read, { atMs: now, observation: obs, steps: made.steps })
    }),
    { numRuns: 300 },
  )
})

test('a recording of before nodes had hosts is read as one without: nothing that is not listed had to go', () => {
  const obs = observation({ nodes: [node()], queueNodes: [queueNode()] })
  const line = JSON.parse(encodeRound({ observation: obs, plan: plan(obs, policy, now) })) as {
    observation: { nodes: Record<string, unknown>[] }
  }
  for (const key of ['host', 'address', 'leavingAtMs']) delete line.observation.nodes[0]?.[key]
  const read = decodeRound(JSON.stringify(line))
  assert.ok(typeof read === 'object')
  assert.deepEqual(read.observation, obs)
})

describe('a recording', () => {
  let folder: string
  let time: number
  let recorder: Recorder
  const day = 86_400_000
  const clock = { now: () => time, sleep: async () => undefined }
  const idle = node({ idleSinceMs: now - 15_000, phaseSinceMs: now - 90_000 })
  const round = (atMs: number, over: Parameters<typeof observation>[0] = {}) => {
    const obs = observation({ nodes: [idle], queueNodes: [queueNode()], machines: { east: [machine()] }, ...over })
    return { observation: obs, plan: plan(obs, policy, atMs) }
  }
  const record = async (...rounds: ReturnType<typeof round>[]) => {
    for (const one of rounds) {
      recorder.record(one)
      await recorder.close()
    }
  }
  const files = async () => (await readdir(folder)).filter((name) => name.startsWith('rounds-')).toSorted()
  const at = { at: () => ({ ...policy, types: [typePolicy('east', { idleMs: 10_000 }), typePolicy('west')] }) }

  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'causeway-recording-')), 'rounds')
    time = Date.parse('2026-11-22T19:05:00Z')
    recorder = new Recorder({ folder, keepMs: 2 * day }, clock, silentLog)
  })
  afterEach(() => rm(join(folder, '..'), { recursive: true }))

  test('has a line for each round in which something changed, and only its owner can read it', async () => {
    await record(round(now), round(now + 1000), round(now + 2000, { jobs: [job()] }))
    const [file = ''] = await files()
    assert.equal(file, 'rounds-2026-11-22T190500Z.jsonl.gz')
    assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600)
    assert.equal((await stat(folder)).mode & 0o777, 0o700)
    assert.equal((await replay(join(folder, file), at)).rounds, 2)
  })

  test('is asked what another policy would have done', async () => {
    await record(round(now), round(now + 1000, { jobs: [job()] }))
    const report = await replay(join(folder, (await files())[0] ?? ''), at)
    assert.equal(report.differing, 1)
    assert.deepEqual(report.decisions, [{ decision: 'drain Idle', recorded: 0, replayed: 1 }])
    assert.match(report.differences[0]?.onlyReplayed[0] ?? '', /^drain east-1: idle for 15 s/)
    assert.match(
      showReplay(report),
      /2 rounds, 1 of them decided differently[\s\S]*drain Idle +0 +1[\s\S]*\+ drain east-1/,
    )
    assert.equal((await replay(join(folder, (await files())[0] ?? ''), { at: () => policy })).differing, 0)
  })

  test('that a crash cut off loses its last line only', async () => {
    await record(round(now), round(now, { jobs: [job()] }))
    const file = join(folder, (await files())[0] ?? '')
    await truncate(file, (await stat(file)).size - 150)
    const report = await replay(file, at)
    assert.deepEqual([report.rounds, report.bad.length], [1, 1])
  })

  test('names its broken lines, or stops at them', async () => {
    const file = join(folder, '../plain.jsonl')
    await writeFile(file, `${encodeRound(round(now))}\n{"v":2}\n`)
    await appendFile(file, '{"v":1,"atMs":1,"observation":{"queue":{"ok":false}}}\n')
    const report = await replay(file, at)
    assert.deepEqual([report.rounds, report.bad.map(({ line }) => line)], [1, [2, 3]])
    assert.match(showReplay(report), /2 broken lines left out:\n {2}line 2 is not of version 1/)
    await assert.rejects(replay(file, at, 'fail'), {
      code: 'InvalidRequest',
      message: /plain.jsonl:2: is not of version 1/,
    })
  })

  test('begins a new file each day, and old files go', async () => {
    await record(round(now))
    await writeFile(join(folder, 'notes.txt'), 'mine')
    time += day
    await record(round(now, { jobs: [job()] }))
    assert.equal((await files()).length, 2)
    time += 2.5 * day
    await record(round(now))
    assert.deepEqual(await files(), ['rounds-2026-11-23T190500Z.jsonl.gz', 'rounds-2026-11-26T070500Z.jsonl.gz'])
    assert.ok((await readdir(folder)).includes('notes.txt'))
  })

  test('is a trace, too', async () => {
    const running = (id: string) =>
      job({ id, state: 'running', nodes: ['east-1'], submittedAtMs: now - 3000, startedAtMs: now - 1000 })
    await record(round(now, { jobs: [] }))
    const seen = [round(now, { jobs: [running('1')] }), round(now, { jobs: [] })]
    for (const [index, one] of seen.entries()) {
      const queue = { ...one.observation.queue, startedAtMs: now + 1000 * (index + 1) }
      await record({ ...one, observation: { ...one.observation, queue } })
    }
    const trace = await readTrace(join(folder, (await files())[0] ?? ''))
    assert.deepEqual(
      trace.jobs.map(({ id, runMs }) => [id, runMs]),
      [['1', 2000]],
    )
  })
})
