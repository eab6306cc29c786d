import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../../../src/base/clock.ts'
import type { Host } from '../../../../src/base/host.ts'
import { expandHostlist } from '../../../../src/hooks/hostlist.ts'
import { SlurmScheduler } from '../../../../src/hooks/schedulers/slurm/scheduler.ts'

const names = Array.from({ length: 40 }, (_, index) => `east-${index + 1}`)

/**
 * A scheduler on a head whose commands take turns of the event loop, as real ones take time: lists show the nodes as they were
 * when the command began. `ran` are the commands in the order in which they began, `slept` the pauses.
 * @param commandMs what a command takes by the clock, which stands still otherwise
 * @param queued the jobs that each squeue shows, one after the other; none in the end
 */
function slurmOn(commandMs = 0, queued: object[][] = []) {
  const ran: string[] = []
  const slept: number[] = []
  const flags = new Map(names.map((name) => [name, new Set(['CLOUD'])]))
  const lists = {
    squeue: () => ({ jobs: queued.shift() ?? [] }),
    sinfo: () => ({
      nodes: names.map((name) => ({ name, state: 'idle', state_flags: [...(flags.get(name) ?? [])], reason: '' })),
    }),
  }
  let nowMs = 0
  const clock: Clock = {
    now: () => nowMs,
    async sleep(ms) {
      slept.push(ms)
      await setImmediate()
    },
  }
  const host: Host = {
    name: 'head',
    async exec(argv) {
      const program = argv[3] ?? ''
      ran.push(program)
      const list = program === 'squeue' || program === 'sinfo' ? lists[program]() : {}
      for (let turn = program === 'scontrol' ? 5 : 0; turn < 20; turn += 1) await setImmediate()
      if (argv.includes('state=drain'))
        for (const name of expandHostlist(argv[5]?.split('=')[1] ?? '')) flags.get(name)?.add('DRAIN')
      nowMs += commandMs
      return { code: 0, stdout: JSON.stringify({ errors: [], ...list }), stderr: '' }
    },
    async close() {},
  }
  const count = (program: string) => ran.filter((one) => one === program).length
  return { ran, slept, count, flags, scheduler: new SlurmScheduler({ host, conf: '/etc/slurm/slurm.conf', clock }) }
}

/** Calls as the engine makes them: each node's by itself, a record's commit after the other. */
async function eachSoon(call: (name: string) => Promise<void>): Promise<void> {
  const calls: Promise<void>[] = []
  for (const [index, name] of names.entries()) {
    calls.push(call(name))
    if (index % 10 === 0) await setImmediate()
  }
  await Promise.all(calls)
}

test('a snapshot is one command of each kind, also for many who ask at once', async () => {
  const { count, scheduler } = slurmOn()
  await Promise.all([scheduler.snapshot(), scheduler.snapshot()])
  assert.deepEqual([count('squeue'), count('sinfo')], [1, 1])
})

test('a node that is wanted for a job which came after the jobs were read has that job', async () => {
  const job = { job_id: 7, job_state: 'CONFIGURING', nodes: 'east-3', submit_time: 1000 }
  const { count, flags, scheduler } = slurmOn(0, [[], [job]])
  flags.get('east-3')?.add('POWERING_UP')
  const { jobs } = await scheduler.snapshot()
  assert.deepEqual(
    jobs.map(({ id, nodes }) => [id, nodes]),
    [['7', ['east-3']]],
  )
  assert.deepEqual([count('squeue'), count('sinfo')], [2, 1])
})

test('a round that drains many nodes reads the nodes once as it begins and once more, not for each', async () => {
  const { count, scheduler } = slurmOn()
  await eachSoon((name) => scheduler.drain([name], `${name} is idle`))
  assert.ok(count('sinfo') <= 2, `${count('sinfo')} readings`)
  assert.equal(count('squeue'), 0)
  assert.equal(count('scontrol'), names.length, 'an update for each reason')
})

test('what many calls want of their nodes for the same reason is one update for each reading', async () => {
  const { count, flags, scheduler } = slurmOn()
  await eachSoon((name) => scheduler.drain([name], 'idle'))
  assert.ok(count('scontrol') <= 2, `${count('scontrol')} updates`)
  assert.ok([...flags.values()].every((own) => own.has('DRAIN')))
})

test('a snapshot beside the acts of the round before shares their reading', async () => {
  const { count, scheduler } = slurmOn()
  const acts = eachSoon((name) => scheduler.cancelDrain([name]))
  await scheduler.snapshot()
  await acts
  assert.ok(count('sinfo') <= 2, `${count('sinfo')} readings`)
  assert.equal(count('squeue'), 1)
})

test('what a call has changed is seen by each call after it, though a reading from before is still under way', async () => {
  const { ran, scheduler } = slurmOn()
  const drain = scheduler.drain(['east-1'], 'idle')
  while (!ran.includes('scontrol')) await setImmediate()
  const early = scheduler.snapshot()
  await drain
  const late = await scheduler.snapshot()
  const isDrained = ({ nodes }: typeof late) => nodes.find(({ name }) => name === 'east-1')?.drained
  assert.deepEqual([isDrained(await early), isDrained(late)], [false, true])
})

test('many nodes that are waited for are looked at together', async () => {
  const { count, flags, scheduler } = slurmOn()
  for (const own of flags.values()) own.add('POWER_DOWN')
  const calls = eachSoon((name) => scheduler.fail([name], 'its site is lost'))
  while (count('sinfo') < 10) await setImmediate()
  for (const own of flags.values()) own.delete('POWER_DOWN')
  await calls
  assert.ok(count('sinfo') <= 12, `${count('sinfo')} readings`)
})

test('who waits for Slurm looks again soon, but rests for most of the time when a look takes long', async () => {
  for (const [commandMs, pauseMs] of [
    [10, 100],
    [500, 2000],
  ] as const) {
    const { slept, flags, scheduler } = slurmOn(commandMs)
    flags.get('east-1')?.add('POWER_DOWN')
    const call = scheduler.fail(['east-1'], 'lost')
    while (slept.length < 2) await setImmediate()
    flags.get('east-1')?.delete('POWER_DOWN')
    await call
    assert.ok(
      slept.every((ms) => ms >= pauseMs && ms <= 2 * pauseMs),
      `a look takes ${commandMs} ms, slept ${slept.join(', ')} ms`,
    )
  }
})
