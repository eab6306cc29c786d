import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { CausewayError } from '../../../src/base/errors.ts'
import type { ExecResult, Host } from '../../../src/base/host.ts'
import { SlurmScheduler } from '../../../src/hooks/schedulers/slurm.ts'

const nodes = Array.from({ length: 12 }, (_, index) => ({
  name: `east-${index + 1}`,
  state: 'idle',
  state_flags: ['CLOUD'],
  reason: '',
  features: 'site-east',
}))

/** A scheduler on a host that answers each program as told and notes what it was asked. */
function schedulerOn(answer: (program: string) => Partial<ExecResult> | CausewayError) {
  const ran: string[][] = []
  const host: Host = {
    name: 'head',
    async exec(argv) {
      ran.push([...argv])
      const said = answer(argv[3] ?? '')
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
