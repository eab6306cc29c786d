import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import { slurmConfPath } from '../../lab/slurm.ts'
import { until } from '../../lab/until.ts'
import { execChecked } from '../../src/base/exec.ts'
import type { Job } from '../../src/elastic/plan/demand.ts'
import { schedulerContract } from './scheduler-contract.ts'
import { registration, SlurmRig } from './scheduler-slurm-rig.ts'

schedulerContract('a real slurmctld with dynamic nodes', 'causeway', () => SlurmRig.open('slurmdyn', { dynamic: true }))

suite('dynamic nodes in Slurm', () => {
  let rig: SlurmRig
  before(async () => {
    rig = await SlurmRig.open('slurmdynown', { dynamic: true })
  })
  afterEach(() => rig.reset())
  after(() => rig?.close())

  const scontrol = (...argv: string[]) => execChecked(rig.head, ['scontrol', ...argv])
  const names = async () => (await rig.scheduler.snapshot()).nodes.map((node) => node.name).sort()
  const lookedAt = async (id: string): Promise<Job | undefined> => {
    const find = (jobs: readonly Job[]) => jobs.find((job) => job.id === id)
    return find((await rig.until('looked at', (queue) => find(queue.jobs)?.reason !== '')).jobs)
  }
  const sinfo = () => execChecked(rig.head, ['sinfo', '--all', '-h', '-N', '-o', '%N %T'])

  test('jobs are accepted and are demand, as far as nodes that can be made have what they ask for', async () => {
    for (const options of [
      ['--nodes=3', '--exclusive'],
      ['--nodes=2', '--constraint=[site-east|site-west]'],
      ['--ntasks=6', '--ntasks-per-node=2'],
      ['--mem=500', '--constraint=site-west'],
    ]) {
      const id = await rig.sbatch(...options, '--wrap=true')
      assert.equal((await lookedAt(id))?.blocked, null, options.join(' '))
    }
    await assert.rejects(rig.sbatch('--constraint=site-nowhere', '--wrap=true'), /feature/)
    await assert.rejects(rig.sbatch('--mem=501', '--wrap=true'), /not available/)
    const huge = await rig.sbatch('--nodes=4', '--wrap=true')
    assert.equal((await lookedAt(huge))?.blocked, 'Impossible')
  })

  test('while nodes come one by one, a job that waits for all of them stays demand', async () => {
    const id = await rig.submit({ nodes: 3, runMs: 300 })
    for (const name of ['east-1', 'west-1']) {
      await rig.machineUp(name)
      await rig.until(`${name} is there`, (queue) => queue.nodes.some((node) => node.name === name && node.responding))
      const { state, blocked } = (await lookedAt(id)) ?? {}
      assert.deepEqual({ state, blocked }, { state: 'pending', blocked: null })
    }
    await rig.machineUp('east-2')
    await rig.until('it ends', (queue) => queue.jobs.some((job) => job.id === id && job.state === 'ended'))
  })

  test('of idle nodes the preferred one is taken, whichever came first', async () => {
    await rig.machineUp('west-1')
    await rig.machineUp('east-1')
    await rig.until('both are there', ({ nodes }) => nodes.length === 2 && nodes.every((node) => node.responding))
    await rig.scheduler.snapshot()
    const id = await rig.submit({ runMs: 100 })
    const ended = await rig.until('it ends', ({ jobs }) => jobs.some((job) => job.id === id && job.state === 'ended'))
    assert.deepEqual(ended.jobs.find((job) => job.id === id)?.nodes, ['east-1'])
  })

  test('placeholders that an admin has deleted or woken are mended by the next reading', async () => {
    const whole = await sinfo()
    assert.equal(
      whole,
      'causeway-possible-east-1 drained\ncauseway-possible-east-2 drained\ncauseway-possible-west-1 drained\n',
    )
    await scontrol('delete', 'nodename=causeway-possible-west-1')
    await scontrol('update', 'nodename=causeway-possible-east-1', 'state=idle')
    assert.notEqual(await sinfo(), whole)
    assert.deepEqual(await names(), [])
    assert.equal(await sinfo(), whole)
  })

  test('a job is not called impossible by what Slurm said while it knew too few nodes', async () => {
    await scontrol('delete', 'nodename=causeway-possible-east-[1-2],causeway-possible-west-1')
    const id = await rig.sbatch('--nodes=2', '--wrap=true')
    const says = async () => (await execChecked(rig.head, ['squeue', '-h', '-j', id, '-o', '%r'])).trim()
    await until('Slurm has looked at the job', 120_000, async () => (await says()) !== 'None')
    assert.match(await says(), /^Partition(Config|NodeLimit)$/)
    const { jobs } = await rig.scheduler.snapshot()
    assert.equal(jobs.find((job) => job.id === id)?.blocked, null)
  })

  test('where Slurm has no room for the placeholders, registering says so and what is there goes on', async () => {
    const room = Array.from({ length: 61 }, (_, k) => k + 1)
    await scontrol('create', `nodename=other-[1-${room.length}]`, 'nodeaddr=127.0.0.1', 'port=1', 'state=future')
    await scontrol('delete', 'nodename=causeway-possible-west-1')
    await scontrol('create', 'nodename=other-62', 'nodeaddr=127.0.0.1', 'port=1', 'state=future')
    try {
      assert.deepEqual(await names(), [])
      await assert.rejects(rig.scheduler.register([registration('east-1')]), /MaxNodeCount is 64/)
    } finally {
      await scontrol('delete', `nodename=other-[1-62]`)
    }
    await rig.scheduler.register([registration('east-1')])
    assert.match(await sinfo(), /causeway-possible-west-1 drained/)
  })

  test('what a dead machine has left in Slurm is deleted before a new one of its name is made, a living one is not', async () => {
    await rig.machineUp('east-1')
    await rig.machineUp('east-2')
    await rig.until('they are there', ({ nodes }) => nodes.length === 2 && nodes.every((node) => node.responding))
    await rig.machineLost('east-1')
    await scontrol('update', 'nodename=east-1', 'state=down', 'reason=gone')
    await rig.scheduler.register(['east-1', 'east-2', 'west-1'].map(registration))
    assert.deepEqual(await names(), ['east-2'])
  })

  test('a node that fails while its daemon lives is forgotten too, its job starts again, and the daemon does not come back', async () => {
    await rig.machineUp('east-1')
    const id = await rig.submit({ runMs: 60_000 })
    await rig.until('it runs', (queue) => queue.jobs.some((job) => job.id === id && job.state === 'running'))
    await rig.scheduler.fail(['east-1'], 'unwanted')
    const queue = await rig.scheduler.snapshot()
    assert.deepEqual(queue.nodes, [])
    const back = queue.jobs.find((job) => job.id === id)
    assert.deepEqual([back?.state, back?.blocked], ['pending', null])
  })

  test('a busy node that was powered down stays asked to leave, also by a drain or its end, until its job has ended', async () => {
    await rig.machineUp('east-1')
    const id = await rig.submit({ runMs: 60_000 })
    await rig.until('it runs', (queue) => queue.jobs.some((job) => job.id === id && job.state === 'running'))
    await rig.scheduler.powerDown(['east-1'])
    await rig.scheduler.drain(['east-1'], 'another reason')
    await rig.scheduler.cancelDrain(['east-1'])
    const [node] = (await rig.scheduler.snapshot()).nodes
    assert.deepEqual([node?.power, node?.busy, node?.drained], ['leaving', true, true])
    await rig.scheduler.powerDown(['east-1'])
    assert.deepEqual(await names(), ['east-1'])
    await execChecked(rig.head, ['scancel', id])
    // Jobs and nodes are read one beside the other, so that one list may be a moment older.
    const isOver = (job: Job) => job.id === id && job.state === 'ended'
    await rig.until('the node is forgotten', ({ jobs, nodes }) => nodes.length === 0 && jobs.some(isOver))
  })

  // Slurm 22.05 breaks when a node is deleted too soon; the calls after it would find nobody.
  const runs = (id: string) =>
    rig.until('it runs', ({ jobs }) => jobs.some((job) => job.id === id && job.state === 'running'))
  const forgotten = () =>
    rig.until('the node is forgotten', ({ nodes }) => nodes.every(({ name }) => name !== 'east-1'))

  test('a node is not deleted while the EpilogSlurmctld of its last job runs', async () => {
    await rig.machineUp('east-1')
    const id = await rig.submit({ runMs: 'until finished' })
    await runs(id)
    rig.answerMs = 700
    await rig.finish()
    await rig.scheduler.powerDown(['east-1'])
    await forgotten()
    const { jobs } = await rig.scheduler.snapshot()
    assert.equal(jobs.find((job) => job.id === id)?.state, 'ended')
  })

  test('a node is not deleted while a suspended job is on it', async () => {
    await rig.machineUp('east-1')
    const id = await rig.submit({ runMs: 60_000 })
    await runs(id)
    await scontrol('suspend', id)
    await rig.scheduler.powerDown(['east-1'])
    assert.deepEqual(await names(), ['east-1'])
    await scontrol('resume', id)
    await execChecked(rig.head, ['scancel', id])
    await forgotten()
  })

  test('a node that Slurm has planned a job on is deleted when the plan is past', async () => {
    // Slurm looks at its plans again after so many seconds.
    const planEvery = async (seconds: number) => {
      const conf = rig.head.read(slurmConfPath).replace(/bf_interval=\d+/, `bf_interval=${seconds}`)
      rig.head.write(slurmConfPath, { content: conf })
      await scontrol('reconfigure')
    }
    await planEvery(4)
    try {
      await rig.machineUp('east-1')
      await rig.machineUp('west-1')
      const long = ['--exclusive', '--time=60', '--wrap=sleep 60']
      await runs(await rig.sbatch('--constraint=site-west', ...long))
      await rig.sbatch('--nodes=2', ...long)
      await until('a job is planned on it', 120_000, async () => (await sinfo()).includes('east-1 planned'))
      await rig.scheduler.fail(['east-1'], 'machine lost')
      const rounds = async () =>
        /Backfilling stats[^]*?Total cycles: (\d+)/.exec(await execChecked(rig.head, ['sdiag']))?.[1]
      const before = await rounds()
      await until('Slurm plans again', 120_000, async () => (await rounds()) !== before)
      assert.deepEqual(await names(), ['west-1'])
    } finally {
      await planEvery(1)
    }
  })
})
