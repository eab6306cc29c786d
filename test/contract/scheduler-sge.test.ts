import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import type { Job } from '../../src/elastic/plan/demand.ts'
import type { Registration } from '../../src/elastic/scheduler.ts'
import { schedulerContract } from './scheduler-contract.ts'
import { SgeRig } from './scheduler-sge-rig.ts'

schedulerContract('a real sge_qmaster', 'causeway', () => SgeRig.open('sgeport'))

suite('Grid Engine itself', () => {
  let rig: SgeRig
  before(async () => {
    rig = await SgeRig.open('sgemore')
    await rig.scheduler.snapshot()
  })
  afterEach(() => rig.reset())
  after(() => rig?.close())

  const job = async (id: string): Promise<Job> => {
    const found = (await rig.scheduler.snapshot()).jobs.find((one) => one.id === id)
    return found ?? assert.fail(`no job ${id}`)
  }
  const jobsOf = async (number: string) =>
    (await rig.scheduler.snapshot()).jobs
      .filter((one) => one.id === number || one.id.startsWith(`${number}.`))
      .map((one) => `${one.id} ${one.count} ${one.state} ${one.blocked}`)
      .sort()
  const command = (...argv: string[]) => rig.sge.command(argv)
  const registration = (name: string, but: Partial<Registration> = {}): Registration => {
    const site = name.split('-')[0] ?? ''
    const size = { cpus: 2, memoryMiB: 500, gpus: 0 }
    const features = [`site-${site}`, 'type-small']
    return { name, address: '10.231.7.99', site, type: 'small', size, features, rank: 1, ...but }
  }
  const everything = async (name: string) => {
    const shown = await Promise.all([
      command('qconf', '-sh'),
      command('qconf', '-shgrp', '@elastic'),
      command('qconf', '-shgrp', `@site-${name.split('-')[0]}`),
      command('qconf', '-sq', 'all.q'),
      command('qhost'),
    ])
    return shown.map((text) => text.includes(name))
  }

  test('before there is any node, jobs are taken and are demand', async () => {
    const id = await rig.qsub(['-pe', 'mpi', '64', '-b', 'y', 'sleep', '5'])
    const { state, blocked, slots, nodeCount, perNode, anySite } = await job(id)
    assert.deepEqual([state, blocked, slots, nodeCount, perNode.cpus, anySite], ['pending', null, 64, 1, 1, true])
    assert.deepEqual((await rig.scheduler.snapshot()).nodes, [])
  })

  test('what qsub is told is what the planner reads', async () => {
    await rig.scheduler.register([registration('west-1', { features: ['site-west', 'type-small', 'ssd'] })])
    const base = ['-b', 'y', '-h']
    const first = await rig.qsub([
      ...base,
      '-pe',
      'pernode',
      '6',
      '-l',
      'site=east|west,type=small,ssd,h_rt=1:30:0,mem_free=1G,gpu=1',
      '-A',
      'chemistry',
      '-N',
      'big',
      'sleep',
      '5',
    ])
    const { name, account, nodeCount, perNode, features, wallMs, submittedAtMs, ...rest } = await job(first)
    assert.deepEqual(
      { name, account, nodeCount, perNode, features, wallMs },
      {
        name: 'big',
        account: 'chemistry',
        nodeCount: 3,
        perNode: { cpus: 2, memoryMiB: 1024, gpus: 2 },
        features: '(site-east|site-west)&type-small&ssd',
        wallMs: 5_400_000,
      },
    )
    assert.ok(Math.abs(submittedAtMs - Date.now()) < 60_000, 'times are those of this machine, whatever its zone')
    assert.equal(rest.blocked, 'Held')
    const later = await rig.qsub(['-b', 'y', '-a', '203001010000', 'sleep', '5'])
    assert.equal((await job(later)).blocked, 'BeginTime')
    const dependent = await rig.qsub(['-b', 'y', '-hold_jid', later, 'sleep', '5'])
    assert.deepEqual([(await job(dependent)).blocked, (await job(dependent)).dependency], ['Dependency', later])
    const bound = await rig.qsub(['-b', 'y', '-l', 'hostname=head', 'sleep', '5'])
    assert.deepEqual([(await job(bound)).blocked, (await job(bound)).reason], ['Other', 'hostname=head'])
    const anywhere = await rig.qsub([...base, '-pe', 'mpi.*', '4', '-ac', 'causeway_sites=any', 'sleep', '5'])
    assert.equal((await job(anywhere)).anySite, true)
    const confined = await rig.qsub([...base, '-pe', 'mpi.*', '4', 'sleep', '5'])
    assert.equal((await job(confined)).anySite, undefined)
  })

  test('a job of an environment of any site is at one site, however many slots others have', async () => {
    await rig.machineUp('east-1')
    await rig.machineUp('west-1')
    await rig.until('both are there', (queue) => queue.nodes.filter((node) => node.responding).length === 2)
    const plain = await rig.qsub(['-pe', 'mpi', '4', '-b', 'y', 'sleep', '600'])
    const ran = await rig.until('a job of all sites has both', (queue) =>
      queue.jobs.some((one) => one.id === plain && one.state === 'running'),
    )
    assert.deepEqual(ran.jobs.find((one) => one.id === plain)?.nodes.toSorted(), ['east-1', 'west-1'])
    await rig.finish()
    await rig.until('it has ended', (queue) => queue.jobs.some((one) => one.id === plain && one.state === 'ended'))
    const confined = await rig.qsub(['-pe', 'mpi.*', '4', '-b', 'y', 'sleep', '2'])
    const fits = await rig.qsub(['-pe', 'mpi.*', '2', '-b', 'y', 'sleep', '2'])
    await rig.until('the smaller has run', (queue) =>
      queue.jobs.some((one) => one.id === fits && one.state === 'ended' && one.nodes.length === 1),
    )
    assert.equal((await job(confined)).state, 'pending')
    await rig.machineUp('east-2')
    await rig.until('the larger has run', (queue) =>
      queue.jobs.some((one) => one.id === confined && one.state === 'ended' && one.nodes.length === 2),
    )
    assert.deepEqual([...(await job(confined)).nodes].sort(), ['east-1', 'east-2'])
  })

  test('an array is one entry as long as it waits, and elements where they run', async () => {
    const id = await rig.qsub(['-t', '1-9:2', '-tc', '3', '-l', 'site=east', '-b', 'y', 'sleep', '60'])
    assert.deepEqual(await jobsOf(id), [`${id}.1-5:2 3 pending null`, `${id}.7-9:2 2 pending Limit`])
    await rig.machineUp('east-1')
    await rig.until('two run', (queue) => queue.jobs.filter((one) => one.state === 'running').length === 2)
    assert.deepEqual(await jobsOf(id), [
      `${id}.1 1 running null`,
      `${id}.3 1 running null`,
      `${id}.5 1 pending null`,
      `${id}.7-9:2 2 pending Limit`,
    ])
  })

  test('elements are held and let go by the ids of the snapshot', async () => {
    const id = await rig.qsub(['-t', '1-9', '-b', 'y', 'sleep', '60'])
    await rig.scheduler.hold([`${id}.1-9:1`], 'cap')
    assert.deepEqual(await jobsOf(id), [`${id}.1-9:1 9 pending HeldByCauseway`])
    await rig.scheduler.release([`${id}.1-9:1`])
    assert.deepEqual(await jobsOf(id), [`${id}.1-9:1 9 pending null`])
  })

  test("the user can't end our hold, and a look-alike of theirs is let go only by themselves", async () => {
    const id = await rig.qsub(['-b', 'y', 'sleep', '5'])
    await rig.scheduler.hold([id], 'cap of alice, 5% over')
    await assert.rejects(rig.sge.command(['qrls', '-h', 's', id], { user: 'alice' }))
    assert.equal((await job(id)).blocked, 'HeldByCauseway')
    const theirs = await rig.qsub(['-h', '-ac', 'causeway_hold=mine', '-b', 'y', 'sleep', '5'])
    await rig.scheduler.release([theirs, id])
    assert.deepEqual([(await job(theirs)).blocked, (await job(id)).blocked], ['Held', null])
  })

  test('jobs are told of where qstat shows it, and keep what their users noted', async () => {
    const id = await rig.qsub(['-ac', 'project=x', '-b', 'y', 'sleep', '5'])
    const other = await rig.qsub(['-t', '1-3', '-b', 'y', 'sleep', '5'])
    const text = 'waits, as all nodes of "east" are busy: 100% used = none left'
    await rig.scheduler.explain(
      new Map([
        [id, text],
        [`${other}.1-3:1`, text],
        ['99999', 'gone'],
      ]),
    )
    const context = async (number: string) => /^context:\s*(.*)$/m.exec(await command('qstat', '-j', number))?.[1]
    assert.match((await context(id)) ?? '', /project=x/)
    assert.match(
      (await context(id)) ?? '',
      /causeway=waits%2C as all nodes of %22east%22 are busy: 100%25 used %3D none left/,
    )
    assert.match((await context(other)) ?? '', /causeway=waits/)
  })

  test('a job whose start fails is said to be in error, with the reason', async () => {
    await rig.machineUp('east-1')
    const id = await rig.qsub(['-o', '/nonexistent/x', '-b', 'y', 'sleep', '5'])
    await rig.until('it is in error', (queue) =>
      queue.jobs.some((one) => one.id === id && one.blocked === 'Impossible'),
    )
    assert.match((await job(id)).reason, /^Eqw: .*can't open output file/)
  })

  test('many are registered at once, with size and features, and again without harm', async () => {
    const large = {
      size: { cpus: 8, memoryMiB: 32_000, gpus: 2 },
      type: 'large',
      features: ['site-east', 'type-large', 'ssd'],
    }
    const all = [registration('east-1'), registration('east-2', large), registration('west-1')]
    await Promise.all(all.map((one) => rig.scheduler.register([one])))
    await rig.scheduler.register(all)
    const { nodes } = await rig.scheduler.snapshot()
    assert.deepEqual(
      nodes
        .map(({ name, power, responding, features }) => `${name} ${power} ${responding} ${features.join(' ')}`)
        .sort(),
      [
        'east-1 present false site-east type-small',
        'east-2 present false site-east type-large ssd',
        'west-1 present false site-west type-small',
      ],
    )
    const values = await command('qconf', '-se', 'east-2')
    for (const value of ['slots=8', 'gpu=2', 'ssd=true', 'type=large']) assert.ok(values.includes(value), value)
    assert.match(await command('qconf', '-sq', 'all.q'), /\[east-2=8\]/)
    assert.deepEqual(await everything('east-2'), [true, true, true, true, true])
    await rig.scheduler.powerDown(['east-1', 'east-2', 'west-1'])
    assert.deepEqual(await everything('east-2'), [false, false, false, false, false])
  })

  test('a node whose name the head does not know is refused, with the way out', async () => {
    const unknown = rig.scheduler.register([registration('nowhere-9')])
    await assert.rejects(unknown, { code: 'InvalidConfig', message: /causeway hosts/ })
    assert.deepEqual((await rig.scheduler.snapshot()).nodes, [])
  })

  test('when master and controller have both started again, running jobs are read as before', async () => {
    await rig.machineUp('east-1')
    const id = await rig.qsub(['-A', 'chemistry', '-b', 'y', 'sleep', '60'])
    await rig.until('it runs', (queue) => queue.jobs.some((one) => one.id === id && one.state === 'running'))
    const before = await job(id)
    await rig.sge.kill()
    await rig.sge.restart()
    assert.match(await command('qstat', '-xml', '-j', id), /<JATASK:/, 'what it writes then is no XML')
    const { jobs } = await rig.newScheduler().snapshot()
    assert.deepEqual(jobs, [before])
  })

  test('a node takes as many slots as it has CPUs, and a job for itself alone', async () => {
    await rig.machineUp('east-1')
    const ids = [
      await rig.qsub(['-pe', 'smp', '2', '-b', 'y', 'sleep', '60']),
      await rig.qsub(['-b', 'y', 'sleep', '60']),
    ]
    await rig.until('the first runs', (queue) => queue.jobs.some((one) => one.id === ids[0] && one.state === 'running'))
    await rig.until('the second was looked at', (queue) =>
      queue.jobs.some((one) => one.id === ids[1] && one.reason !== ''),
    )
    assert.equal((await job(ids[1] ?? '')).state, 'pending')
  })

  test('of a lost node, jobs go back that may run once more, those that may not end', async () => {
    await rig.machineUp('east-1')
    const again = await rig.qsub(['-b', 'y', 'sleep', '60'])
    const once = await rig.qsub(['-r', 'n', '-b', 'y', 'sleep', '60'])
    await rig.until('both run', (queue) => queue.jobs.filter((one) => one.state === 'running').length === 2)
    await rig.machineLost('east-1')
    await rig.until('it is missed', (queue) =>
      queue.nodes.every((node) => !node.responding && node.power === 'present'),
    )
    await rig.scheduler.fail(['east-1'], 'machine lost')
    assert.deepEqual([(await job(again)).state, (await job(once)).state], ['pending', 'ended'])
    assert.deepEqual(await everything('east-1'), [false, false, false, false, false])
  })

  test('a node that an administrator enabled, and disabled again, is the administrator’s', async () => {
    await rig.machineUp('east-1')
    await rig.scheduler.drain(['east-1'], 'to shrink')
    await command('qmod', '-e', 'all.q@east-1')
    await rig.scheduler.cancelDrain(['east-1'])
    await command('qmod', '-d', 'all.q@east-1')
    await rig.scheduler.cancelDrain(['east-1'])
    const [node] = (await rig.scheduler.snapshot()).nodes
    assert.deepEqual([node?.drained, node?.reason], [true, ''])
  })
})
