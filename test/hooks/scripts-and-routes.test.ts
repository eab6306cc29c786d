import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { silentLog } from '../../src/base/log.ts'
import { buildApp } from '../../src/hooks/app.ts'
import type { ControllerCalls } from '../../src/hooks/controller-calls.ts'
import { HookInbox } from '../../src/hooks/hook-inbox.ts'
import { Metrics } from '../../src/hooks/metrics.ts'
import type { NewEvent } from '../../src/store/event-store.ts'
import { HookScriptRig } from './hook-script-rig.ts'

const resumeFile = fileURLToPath(new URL('schedulers/slurm/samples/resume-file.txt', import.meta.url))

/** Each script as its scheduler calls it, and what is to be recorded: where, names, jobs. */
const calls: readonly [string, readonly string[], Record<string, string>, readonly [string, string[], string[]]][] = [
  ['slurm/resume', ['sn4'], { SLURM_RESUME_FILE: resumeFile }, ['slurm resume', ['sn4'], ['20']]],
  ['slurm/resume', ['sn[1-2],x'], {}, ['slurm resume', ['sn1', 'sn2', 'x'], []]],
  ['slurm/suspend', ['sn[01-02]'], {}, ['slurm suspend', ['sn01', 'sn02'], []]],
  ['slurm/resume-fail', ['sn1'], {}, ['slurm resume-fail', ['sn1'], []]],
  ['slurm/epilog-slurmctld', [], { SLURM_JOB_ID: '7' }, ['slurm epilog', [], ['7']]],
  ['slurm/epilog-slurmctld', [], {}, ['slurm epilog', [], []]],
  ['sge/prolog', [], { JOB_ID: '7', SGE_TASK_ID: '2', HOSTNAME: 'east-1' }, ['sge prolog', ['east-1'], ['7.2']]],
  ['sge/epilog', [], { JOB_ID: '7', HOSTNAME: 'east-1' }, ['sge epilog', ['east-1'], ['7']]],
  ['hooks/post-event', ['sge', 'load', 'pending=3'], {}, ['sge load', [], []]],
  ['hooks/post-event', ['sge', 'submit', 'job=7'], {}, ['sge submit', [], ['7']]],
  ['hooks/post-event', ['torque', 'submit', 'user=ada'], {}, ['torque submit', [], []]],
  [
    'hooks/post-event',
    ['torque', 'prologue', 'job=7[2].head', 'nodes=e1'],
    {},
    ['torque prologue', ['e1'], ['7[2].head']],
  ],
  ['hooks/post-event', ['torque', 'epilogue', 'job=7.head', 'nodes=e1'], {}, ['torque epilogue', ['e1'], ['7.head']]],
]

suite('the scripts and the routes', () => {
  let rig: HookScriptRig
  let app: FastifyInstance
  let inbox: HookInbox
  let events: NewEvent[]
  beforeEach(async () => {
    rig = new HookScriptRig()
    events = []
    const clock = { now: () => 0, sleep: async () => undefined }
    const record = async (batch: readonly NewEvent[]) => {
      events.push(...batch)
    }
    inbox = new HookInbox({ record, clock, log: silentLog })
    const services = { clock, inbox, controller: {} as ControllerCalls, metrics: new Metrics() }
    app = buildApp(services, { apiTokenHash: null, serves: 'all', callsPerSecond: 1000 })
    await app.listen({ path: rig.socket })
  })
  afterEach(async () => {
    await app.close()
    await rig.cleanUp()
  })

  for (const [script, args, env, [what, names, jobs]] of calls) {
    test(`${script} ${args.join(' ')} is taken as ${what}`, async () => {
      assert.deepEqual(await rig.run(script, args, env), { code: 0, stdout: '', stderr: '' })
      await inbox.recorded()
      assert.deepEqual(
        events.map(({ code, facts, jobs: ids }) => [`${String(facts['scheduler'])} ${code}`, facts['names'], ids]),
        [[what, names, jobs]],
      )
      assert.equal(existsSync(rig.spool), false)
    })
  }

  test('an event that was taken, but too late for the script, is recorded once', async () => {
    rig.put(1, 'slurm/epilog', { jobs: ['7'] })
    const body = rig.kept[0]?.body
    await app.inject({ method: 'POST', url: '/v1/hooks/slurm/epilog', payload: body ?? {} })
    await rig.run('hooks/post-event', ['--deliver'])
    await inbox.recorded()
    assert.deepEqual([events.length, rig.kept.length], [1, 0])
  })

  test('a controller that can take no more is told from one that refuses: the event is kept', async () => {
    const clock = { now: () => 0, sleep: async () => undefined }
    const full = new HookInbox({ record: async () => undefined, clock, log: silentLog, limit: 0 })
    const services = { clock, inbox: full, controller: {} as ControllerCalls, metrics: new Metrics() }
    const busy = buildApp(services, { apiTokenHash: null, serves: 'all', callsPerSecond: 1000 })
    const socket = `${rig.socket}.busy`
    await busy.listen({ path: socket })
    try {
      const { stderr } = await rig.run('slurm/suspend', ['a'], { CAUSEWAY_SOCKET: socket })
      assert.equal(stderr, 'causeway suspend: kept for later: status 503\n')
      const answer = await busy.inject({ method: 'POST', url: '/v1/hooks/slurm/epilog', payload: {} })
      assert.deepEqual([answer.headers['retry-after'], answer.json().error.code], ['1', 'Overloaded'])
    } finally {
      await busy.close()
    }
  })
})
