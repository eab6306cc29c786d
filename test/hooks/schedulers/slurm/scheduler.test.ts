import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../../src/base/clock.ts'
import { CausewayError } from '../../../../src/base/errors.ts'
import type { ExecResult, Host } from '../../../../src/base/host.ts'
import { SlurmScheduler } from '../../../../src/hooks/schedulers/slurm/scheduler.ts'
import { someRegistration } from '../../../support/registration.ts'

const nodes = Array.from({ length: 12 }, (_, index) => ({
  name: `east-${index + 1}`,
  state: 'idle',
  state_flags: ['CLOUD'],
  reason: '',
  features: 'site-east',
}))

/** A scheduler on a host that answers each program as told and notes what it was asked. */
function schedulerOn(answer: (program: string, argv: readonly string[]) => Partial<ExecResult> | CausewayError) {
  const ran: string[][] = []
  const host: Host = {
    name: 'head',
    async exec(argv) {
      ran.push([...argv])
      const said = answer(argv[3] ?? '', argv)
      if (said instanceof CausewayError) throw said
      return { code: 0, stdout: '', stderr: '', ...said }
    },
    async close() {},
  }
  return { ran, scheduler: new SlurmScheduler({ host, conf: '/etc/slurm/x.conf', clock: systemClock }) }
}

function working(program: string): Partial<ExecResult> {
  if (program === 'squeue') return { stdout: '{"errors":[],"jobs":[]}' }
  return program === 'sinfo' ? { stdout: JSON.stringify({ errors: [], nodes }) } : {}
}

test('a snapshot is one squeue and one sinfo, of the cluster that the option names', async () => {
  const { ran, scheduler } = schedulerOn(working)
  const { nodes: read } = await scheduler.snapshot()
  assert.equal(read.length, 12)
  const environment = ['env', 'SLURM_CONF=/etc/slurm/x.conf', 'SLURM_BITSTR_LEN=0']
  assert.deepEqual(ran, [
    [...environment, 'squeue', '--all', '--json'],
    [...environment, 'sinfo', '--all', '--json'],
  ])
})

test('where sinfo groups nodes, as later versions do, scontrol lists them', async () => {
  const number = (value: number) => ({ set: true, infinite: false, number: value })
  const grouped = { sinfo: [{ nodes: { total: 1, nodes: ['east-1'] }, cpus: { total: 2 } }], errors: [] }
  const node = { name: 'east-1', state: ['IDLE', 'CLOUD', 'POWERED_DOWN'], features: ['site-east', 'fast'], reason: '' }
  const { ran, scheduler } = schedulerOn((program) => {
    if (program === 'sinfo') return { stdout: JSON.stringify(grouped, null, 2) }
    if (program !== 'scontrol') return working(program)
    const sizes = { cpus: 2, real_memory: 500, weight: 10, partitions: ['batch'], free_mem: number(0) }
    return { stdout: JSON.stringify({ nodes: [{ ...node, ...sizes }], errors: [] }, null, 2) }
  })
  for (const round of [1, 2]) {
    const [read] = (await scheduler.snapshot()).nodes
    assert.deepEqual([read?.name, read?.power, read?.features], ['east-1', 'absent', ['site-east', 'fast']], `${round}`)
  }
  assert.deepEqual(
    ran.map((argv) => argv.slice(3).join(' ')).filter((words) => !words.startsWith('squeue')),
    ['sinfo --all --json', 'scontrol show nodes --all --json', 'scontrol show nodes --all --json'],
  )
})

test('many nodes are drained with one command', async () => {
  const { ran, scheduler } = schedulerOn(working)
  await scheduler.drain(
    nodes.map((node) => node.name),
    'idle',
  )
  const commands = ran.map((argv) => argv.slice(3)).filter(([program]) => program === 'scontrol')
  assert.deepEqual(commands, [['scontrol', 'update', 'nodename=east-[1-12]', 'state=drain', 'reason=causeway: idle']])
})

const failures: readonly [string, Partial<ExecResult> | CausewayError, string][] = [
  [
    'slurmctld is away',
    { code: 1, stderr: 'slurm_update error: Unable to contact slurm controller (connect failure)' },
    'SchedulerUnreachable',
  ],
  [
    'munge is away',
    { code: 1, stderr: 'scontrol: error: If munged is up, restart with --num-threads=10' },
    'SchedulerUnreachable',
  ],
  ['the command hangs', new CausewayError('CommandTimeout', 'x'), 'SchedulerUnreachable'],
  ['the head is away', new CausewayError('HostUnreachable', 'x'), 'SchedulerUnreachable'],
  ['the command is not there', { code: 127, stderr: "env: 'scontrol': No such file or directory" }, 'CommandFailed'],
  ['slurmctld refuses', { code: 1, stderr: 'slurm_update error: Invalid node state specified' }, 'CommandFailed'],
]
for (const [what, answer, code] of failures) {
  test(`when ${what}, a call rejects with ${code}`, async () => {
    const { scheduler } = schedulerOn((program) => (program === 'scontrol' ? answer : working(program)))
    await assert.rejects(scheduler.drain(['east-1'], 'x'), { code })
  })
}

test('nothing is done when the nodes could not be read', async () => {
  const away = { stdout: '{"errors":[{"error":"Unspecified error","errno":-1}],"nodes":[]}' }
  const { ran, scheduler } = schedulerOn(() => away)
  for (const call of ['powerUp', 'cancelDrain', 'powerDown', 'reopen'] as const) {
    await assert.rejects(scheduler[call](['east-1']), { code: 'SchedulerUnreachable' })
  }
  for (const call of ['drain', 'fail', 'close'] as const) {
    await assert.rejects(scheduler[call](['east-1'], 'x'), { code: 'SchedulerUnreachable' })
  }
  assert.ok(ran.every((argv) => argv[3] === 'sinfo'))
})

/** A pending job as squeue prints it; `fields` change it. */
const pendingJob = (job_id: number, fields: object = {}) => ({
  job_id,
  job_state: 'PENDING',
  state_reason: 'Priority',
  priority: 9,
  submit_time: 1000,
  nodes: '',
  ...fields,
})
const ourHold = { state_reason: 'JobHeldAdmin', priority: 0, admin_comment: 'causeway:hold: cap' }

/** A scheduler whose queue is as each of `readings` in turn, then as the last; its scontrol answers as told. */
function schedulerReading(readings: readonly object[][], scontrol: Partial<ExecResult> = {}) {
  let next = 0
  const { ran, scheduler } = schedulerOn((program) => {
    if (program !== 'squeue') return scontrol
    const jobs = readings[Math.min(next++, readings.length - 1)]
    return { stdout: JSON.stringify({ errors: [], jobs }) }
  })
  return { scheduler, commands: () => ran.map((argv) => argv.slice(3)).filter(([program]) => program === 'scontrol') }
}
const refused = { code: 1, stderr: 'Job/step already completing or completed for job 1' }

test('a job that still carries the mark of an old hold is held anew, and keeps the new mark', async () => {
  const { scheduler, commands } = schedulerReading([[pendingJob(1, { admin_comment: 'causeway:hold: old' })]])
  await scheduler.hold(['1'], 'new')
  assert.deepEqual(commands(), [['scontrol', 'update', 'jobid=1', 'priority=0', 'admincomment=causeway:hold: new']])
})

test('a hold is ended first and its mark taken away then, from the jobs as they are by then', async () => {
  const array = { array_job_id: 1, array_task_string: '1-3' }
  const element = { array_job_id: 1, array_task_id: 1, job_state: 'RUNNING', nodes: 'n1', priority: 9 }
  const { scheduler, commands } = schedulerReading([
    [pendingJob(1, { ...array, ...ourHold })],
    [
      pendingJob(2, { ...ourHold, ...element }),
      pendingJob(1, { ...ourHold, ...array, array_task_string: '2-3', priority: 9 }),
    ],
  ])
  await scheduler.release(['1_[1-3]'])
  assert.deepEqual(commands(), [
    ['scontrol', 'release', '1_[1-3]'],
    ['scontrol', 'update', 'jobid=1_1,1_[2-3]', 'admincomment='],
  ])
})

test('that a job has ended in between is no failure, that one could not be held is', async () => {
  const gone = schedulerReading([[pendingJob(1), pendingJob(2)], [pendingJob(2, ourHold)]], refused)
  await gone.scheduler.hold(['1', '2'], 'x')
  const stubborn = schedulerReading([[pendingJob(1), pendingJob(2)], [pendingJob(2)]], refused)
  await assert.rejects(stubborn.scheduler.hold(['1', '2'], 'x'), { code: 'CommandFailed' })
  const kept = schedulerReading([[pendingJob(1, ourHold)]], refused)
  await assert.rejects(kept.scheduler.release(['1']), { code: 'CommandFailed' })
})

test('no jobs are no commands, nor are jobs of others', async () => {
  const admins = { state_reason: 'JobHeldAdmin', priority: 0 }
  const { scheduler, commands } = schedulerReading([[pendingJob(1, admins), pendingJob(2, { job_state: 'RUNNING' })]])
  await scheduler.hold([], 'x')
  await scheduler.release([])
  await scheduler.hold(['1', '2', '99'], 'x')
  await scheduler.release(['1', '2', '99'])
  assert.deepEqual(commands(), [])
})

test('texts are told with a command for each, and one that came too late is no failure', async () => {
  const queue = [pendingJob(1), pendingJob(2), pendingJob(3)]
  const told = (job_id: number, why: string) => pendingJob(job_id, { admin_comment: `causeway:why: ${why}` })
  const { scheduler, commands } = schedulerReading([queue, [told(2, 'a'), told(3, 'b')]], refused)
  await scheduler.explain(
    new Map([
      ['1', 'a'],
      ['2', 'a'],
      ['3', 'b'],
      ['99', 'b'],
    ]),
  )
  assert.deepEqual(commands(), [
    ['scontrol', 'update', 'jobid=1,2', 'admincomment=causeway:why: a'],
    ['scontrol', 'update', 'jobid=3', 'admincomment=causeway:why: b'],
  ])
  const deaf = schedulerReading([queue], refused)
  await assert.rejects(deaf.scheduler.explain(new Map([['1', 'a']])), { code: 'CommandFailed' })
  await deaf.scheduler.explain(new Map())
})

test('comments are changed one call after the other: a hold and a text at the same time keep each other', async () => {
  let comment = ''
  let priority = 9
  const { scheduler } = schedulerOn((program, argv) => {
    if (program === 'squeue') {
      return { stdout: JSON.stringify({ jobs: [pendingJob(1, { priority, admin_comment: comment })] }) }
    }
    for (const word of argv ?? []) {
      if (word.startsWith('admincomment=')) comment = word.slice('admincomment='.length)
      if (word === 'priority=0') priority = 0
    }
    return {}
  })
  await Promise.all([scheduler.hold(['1'], 'cap'), scheduler.explain(new Map([['1', 'no room']]))])
  assert.equal(comment, 'causeway:hold: cap causeway:why: no room')
})

test('nodes of several calls are made in the order of the calls', async () => {
  const known: object[] = []
  const { ran, scheduler } = schedulerOn((program, argv) => {
    if (program === 'sinfo') return { stdout: JSON.stringify({ nodes: known }) }
    const name = argv.find((word) => word.startsWith('nodename='))?.slice('nodename='.length)
    const features = 'site-east,type-small'
    known.push({ name, state: 'idle', state_flags: ['CLOUD', 'POWERED_DOWN'], weight: 10, features })
    return {}
  })
  const register = (name: string) => scheduler.register([someRegistration({ name, site: 'east', type: 'small' })])
  await Promise.all([register('a-1'), register('b-1'), register('a-1')])
  const words = (argv: readonly string[]) => argv.slice(3, 6).join(' ')
  assert.deepEqual(ran.map(words), [
    'sinfo --all --json',
    'scontrol create nodename=a-1',
    'sinfo --all --json',
    'sinfo --all --json',
    'scontrol create nodename=b-1',
    'sinfo --all --json',
    'sinfo --all --json',
  ])
})
