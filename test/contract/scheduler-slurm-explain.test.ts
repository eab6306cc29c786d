import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { SlurmRig } from './scheduler-slurm-rig.ts'

suite('what Causeway says of jobs in a real slurmctld', () => {
  let rig: SlurmRig
  before(async () => {
    rig = await SlurmRig.open('slurmexplain')
    await rig.scheduler.close(['east-1', 'east-2', 'west-1'], 'no node is to be had')
  })
  after(() => rig?.close())

  const show = async (id: string, field: string) => {
    const { stdout } = await rig.head.exec(['scontrol', 'show', 'job', id], { user: 'alice' })
    return stdout.match(new RegExp(`^\\s*${field}=(.*?)\\s*$`, 'm'))?.[1] ?? ''
  }
  const explain = (...texts: [string, string][]) => rig.scheduler.explain(new Map(texts))
  const update = (id: string, word: string) => rig.head.exec(['scontrol', 'update', `jobid=${id}`, word])

  test('it stands in the admin comment, where users see it, beside what others have written', async () => {
    const id = await rig.sbatch('--comment=mine', '--wrap=true')
    const text = "NoRoom: all 4 nodes of site-east are taken (50%), [a|b] & x=y; 'so'"
    await explain([id, text])
    assert.equal(await show(id, 'AdminComment'), `causeway:why: ${text}`)
    assert.equal(await show(id, 'Comment'), 'mine')
    await update(id, `admincomment=ticket 7 causeway:why: ${text}`)
    await explain([id, 'Closed: the site is closed'])
    assert.equal(await show(id, 'AdminComment'), 'ticket 7 causeway:why: Closed: the site is closed')
    await rig.scheduler.hold([id], 'cap')
    assert.equal(await show(id, 'AdminComment'), 'ticket 7 causeway:hold: cap causeway:why: Closed: the site is closed')
    await explain([id, 'CapReached: alice'])
    await rig.scheduler.release([id])
    assert.equal(await show(id, 'AdminComment'), 'ticket 7 causeway:why: CapReached: alice')
    assert.match(await show(id, 'Priority'), /^[1-9]/)
    await explain([id, ''])
    assert.equal(await show(id, 'AdminComment'), 'ticket 7')
  })

  test('arrays and parts of jobs say it too, and of jobs that are gone nothing is said', async () => {
    const array = await rig.sbatch('--array=1-5', '--wrap=true')
    const parts = await rig.sbatch('--ntasks=1', ':', '--ntasks=2', '--wrap=true')
    const gone = await rig.sbatch('--wrap=true')
    await rig.head.exec(['scancel', gone])
    const ids = [`${array}_[1-5]`, `${parts}+1`, gone, '999999']
    await explain(...ids.map((id): [string, string] => [id, 'NoRoom: it is full']))
    const { jobs } = await rig.scheduler.snapshot()
    const said = jobs.filter((job) => 'adminComment' in job && job.adminComment === 'causeway:why: NoRoom: it is full')
    assert.deepEqual(said.map((job) => job.id).sort(), [`${array}_[1-5]`, `${parts}+1`])
  })

  test('a job of which Slurm itself says why it waits keeps its reason', async () => {
    const first = await rig.sbatch('--hold', '--wrap=true')
    const second = await rig.sbatch(`--dependency=afterok:${first}`, '--wrap=true')
    await explain([second, 'NoRoom: it is full'], [first, 'NoRoom: it is full'])
    assert.deepEqual([await show(second, 'AdminComment'), await show(first, 'AdminComment')], ['', ''])
    const { jobs } = await rig.scheduler.snapshot()
    assert.equal(jobs.find((job) => job.id === second)?.blocked, 'Dependency')
  })
})
