import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import { schedulerContract } from './scheduler-contract.ts'
import { RealTorqueRig } from './scheduler-torque-real-rig.ts'
import { FakeTorqueRig, reachByPrograms, reachDirectly } from './scheduler-torque-rig.ts'

schedulerContract('Torque, as the fake plays it', 'causeway', () => FakeTorqueRig.open(reachDirectly), {
  confines: true,
})

const prefix = process.env['TORQUE_PREFIX']
if (prefix !== undefined) {
  const home = process.env['TORQUE_HOME'] ?? '/var/spool/torque'
  schedulerContract(`the Torque of ${prefix}`, 'causeway', () => RealTorqueRig.open('torqueport', prefix, home), {
    confines: true,
  })
}

suite("Torque's commands as programs of a host", () => {
  let rig: FakeTorqueRig
  before(async () => {
    rig = await FakeTorqueRig.open(reachByPrograms, { announceMs: 200, iterationMs: 500 })
  })
  after(() => rig?.close())

  test('a life of a cluster, with arguments, stdin, exit statuses and messages as they are', async () => {
    const { scheduler } = rig
    const job = (queue: QueueSnapshot, id: string) => queue.jobs.find((candidate) => candidate.id === id)
    const id = await rig.submit({ nodes: 2, runMs: 500 })
    await scheduler.hold([id, '99999'], 'cap')
    assert.equal(job(await scheduler.snapshot(), id)?.blocked, 'HeldByCauseway')
    await scheduler.confine([id], 'east')
    await scheduler.explain(new Map([[id, 'waits for its cap; a "long" story, that is']]))
    await scheduler.release([id])
    const waiting = job(await scheduler.snapshot(), id)
    assert.deepEqual([waiting?.blocked, waiting?.confinedTo], [null, 'east'])
    await Promise.all([rig.machineUp('east-1'), rig.machineUp('east-2')])
    const ended = await rig.until('it has ended', (queue) => job(queue, id)?.state === 'ended')
    assert.deepEqual([...(job(ended, id)?.nodes ?? [])].sort(), ['east-1', 'east-2'])
    const lost = await rig.submit({ runMs: 60_000 })
    await rig.until('it runs', (queue) => job(queue, lost)?.state === 'running')
    await rig.machineLost('east-1')
    await scheduler.fail(['east-1'], 'machine lost')
    await scheduler.drain(['east-2'], 'it is "idle", and more')
    await scheduler.powerDown(['east-2'])
    const { nodes } = await rig.until('it is back', (queue) => job(queue, lost)?.state !== 'completing')
    assert.ok(nodes.every((node) => node.name === 'east-2'))
    await assert.rejects(scheduler.register([registration]), {
      code: 'CommandFailed',
      message: /must resolve: qmgr: cannot resolve/,
    })
    await rig.whileAway(async () => {
      await assert.rejects(scheduler.snapshot(), { code: 'SchedulerUnreachable' })
    })
  })
})

const registration = {
  name: 'unresolvable-1',
  address: '10.77.1.1',
  site: 'east',
  type: 'small',
  size: { cpus: 1, memoryMiB: 1, gpus: 0 },
  features: ['site-east'],
  rank: 1,
}
