import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { schedulerContract } from './scheduler-contract.ts'
import { SlurmRig } from './scheduler-slurm-rig.ts'

schedulerContract('a real slurmctld', 'scheduler', () => SlurmRig.open('slurmport'))

suite('holds in Slurm', () => {
  let rig: SlurmRig
  before(async () => {
    rig = await SlurmRig.open('slurmholds')
    await rig.scheduler.close(['east-1', 'east-2', 'west-1'], 'no node is to be had')
  })
  after(() => rig?.close())

  const facts = async (prefix: string) => {
    const { jobs } = await rig.scheduler.snapshot()
    const lines = jobs.filter((job) => job.id.startsWith(prefix)).map((job) => `${job.id} ${job.count} ${job.blocked}`)
    return lines.sort()
  }

  test('arrays and their elements are held by the ids of the snapshot', async () => {
    const id = await rig.sbatch('--array=1-9%3', '--wrap=true')
    await rig.scheduler.hold([`${id}_[1-9]`], 'cap')
    assert.deepEqual(await facts(id), [`${id}_[1-9] 9 HeldByCauseway`])
    await rig.scheduler.release([`${id}_[1-9]`])
    assert.deepEqual(await facts(id), [`${id}_[1-9] 9 null`])
    await rig.hold(`${id}_4`, 'user')
    await rig.scheduler.hold([`${id}_[1-3,5-9]`, `${id}_4`], 'cap')
    assert.deepEqual(await facts(id), [`${id}_4 1 Held`, `${id}_[1-3,5-9] 8 HeldByCauseway`])
    await rig.scheduler.release([`${id}_[1-3,5-9]`, `${id}_4`])
    assert.deepEqual(await facts(id), [`${id}_4 1 Held`, `${id}_[1-3,5-9] 8 null`])
  })

  test('a part of a heterogeneous job is held by its own id', async () => {
    const id = await rig.sbatch('--ntasks=1', ':', '--ntasks=2', '--wrap=true')
    await rig.scheduler.hold([`${id}+1`], 'cap')
    assert.deepEqual(await facts(id), [`${id}+0 1 null`, `${id}+1 1 HeldByCauseway`])
    await rig.scheduler.release([`${id}+0`, `${id}+1`])
    assert.deepEqual(await facts(id), [`${id}+0 1 null`, `${id}+1 1 null`])
  })

  test('the user can neither end our hold nor make one that looks like it', async () => {
    const id = await rig.sbatch('--comment=causeway:hold: mine', '--hold', '--wrap=true')
    assert.deepEqual(await facts(id), [`${id} 1 Held`])
    const other = await rig.sbatch('--wrap=true')
    await rig.scheduler.hold([other], 'cap')
    for (const argv of [
      ['release', other],
      ['update', `jobid=${other}`, 'admincomment=mine'],
    ]) {
      assert.notEqual((await rig.head.exec(['scontrol', ...argv], { user: 'alice' })).code, 0)
    }
    assert.deepEqual(await facts(other), [`${other} 1 HeldByCauseway`])
  })

  test("an administrator's comment outlives our hold", async () => {
    const id = await rig.sbatch('--wrap=true')
    const comment = async () =>
      (await rig.head.exec(['scontrol', 'show', 'job', id])).stdout.match(/AdminComment=(.*)/)?.[1]
    await rig.head.exec(['scontrol', 'update', `jobid=${id}`, 'admincomment=from the "other" ticket'])
    await rig.scheduler.hold([id], 'cap of alice')
    assert.match((await comment()) ?? '', /^from the .?other.? ticket causeway:hold: cap of alice ?$/)
    await rig.scheduler.release([id])
    assert.match((await comment()) ?? '', /^from the .?other.? ticket ?$/)
  })

  test('an array that is cancelled as a whole does not make the queue unreadable', async () => {
    const id = await rig.sbatch('--array=1-3', '--wrap=true')
    await rig.head.exec(['scancel', id])
    const { jobs } = await rig.scheduler.snapshot()
    assert.ok(jobs.filter((job) => job.id.startsWith(id)).every((job) => job.state === 'ended'))
  })
})
