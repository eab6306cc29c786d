import assert from 'node:assert/strict'
import { beforeEach, suite, test } from 'node:test'
import type { Job, QueueNode } from '../../../../src/elastic/plan/demand.ts'
import type { Registration, Scheduler } from '../../../../src/elastic/scheduler.ts'
import { TorqueScheduler } from '../../../../src/hooks/schedulers/torque/scheduler.ts'
import { FakeTorque, Refusal } from '../../../fakes/torque/cluster.ts'
import { runCommand } from '../../../fakes/torque/commands.ts'
import { clockOf, FakeTorqueHost } from '../../../fakes/torque/host.ts'

let torque: FakeTorque
let host: FakeTorqueHost
let scheduler: Scheduler

beforeEach(() => {
  torque = new FakeTorque()
  host = new FakeTorqueHost(torque)
  scheduler = connect()
})

function connect(): TorqueScheduler {
  return new TorqueScheduler({ host, prefix: '/opt/torque', placeholder: 'placeholder', clock: clockOf(torque) })
}

function registration(name: string, but: Partial<Registration> = {}): Registration {
  const site = name.split('-')[0] ?? ''
  const size = { cpus: 2, memoryMiB: 500, gpus: 0 }
  return {
    name,
    address: '10.77.1.1',
    site,
    type: 'small',
    size,
    features: [`site-${site}`, 'type-small'],
    rank: 1,
    ...but,
  }
}

async function bringUp(...names: string[]): Promise<void> {
  await scheduler.register(names.map((name) => registration(name)))
  for (const name of names) torque.momUp(name)
}

function admin(...argv: string[]): string {
  const { code, stdout, stderr } = runCommand(torque, argv, '')
  assert.equal(code, 0, stderr)
  return stdout.trim()
}

function qsub(script: string, ...options: string[]): string {
  const { stdout, stderr, code } = runCommand(torque, ['qsub', ...options], script, 'alice')
  assert.equal(code, 0, stderr)
  return stdout.trim().replace('.head', '')
}

async function job(id: string): Promise<Job> {
  const found = (await scheduler.snapshot()).jobs.find((candidate) => candidate.id === id)
  assert.ok(found, `no job ${id}`)
  return found
}

async function node(name: string): Promise<QueueNode | undefined> {
  return (await scheduler.snapshot()).nodes.find((candidate) => candidate.name === name)
}

/** How often each command was run since. */
function count(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const [name = ''] of host.commands.splice(0)) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

suite('reading', () => {
  test('one command for the jobs and one for the nodes', async () => {
    await scheduler.snapshot()
    qsub('sleep 1')
    count()
    await scheduler.snapshot()
    assert.deepEqual(count(), { qstat: 1, pbsnodes: 1 })
  })

  test('an empty list of jobs is believed only when the server has none', async () => {
    assert.deepEqual((await scheduler.snapshot()).jobs, [])
    qsub('sleep 1')
    host.distort = (name, stdout) => (name === 'qstat' && stdout.startsWith('<?xml') ? '' : stdout)
    await assert.rejects(scheduler.snapshot(), { code: 'MalformedOutput', message: /empty although there are jobs/ })
    host.distort = (name, stdout) => (name === 'qstat' ? '' : stdout)
    await assert.rejects(scheduler.snapshot(), { code: 'MalformedOutput' })
  })

  test('a job that is submitted between the two looks is seen', async () => {
    await scheduler.snapshot()
    let id = ''
    host.interfere = ([, first]) => {
      if (first === '-B' && id === '') id = qsub('sleep 1')
    }
    assert.deepEqual(
      (await scheduler.snapshot()).jobs.map((found) => found.id),
      [id],
    )
  })

  test('no nodes at all are an answer, not an error; other refusals are', async () => {
    assert.deepEqual((await scheduler.snapshot()).nodes, [])
    host.distort = () => '<Data>'
    await assert.rejects(scheduler.snapshot(), { code: 'MalformedOutput' })
  })

  test('a new node does not answer, and its being offline is nobody’s drain', async () => {
    await scheduler.snapshot()
    admin('qmgr', '-c', 'create node east-1')
    const fresh = { power: 'present', responding: false, busy: false, drained: false, down: false, reason: '' }
    assert.partialDeepStrictEqual(await node('east-1'), fresh)
    torque.tick(13_000)
    assert.partialDeepStrictEqual(await node('east-1'), fresh)
  })

  test('a dead node is missed by what it last said, long before the server stops calling it free', async () => {
    await bringUp('east-1')
    const id = qsub('sleep 9999')
    torque.tick(6000)
    torque.momLost('east-1')
    torque.tick(60_000)
    assert.equal((await node('east-1'))?.responding, true)
    torque.tick(100_000)
    const lost = await node('east-1')
    assert.deepEqual([lost?.power, lost?.responding, lost?.down, lost?.busy], ['present', false, false, true])
    assert.match(admin('pbsnodes', '-x', 'east-1'), /<state>free<\/state>/)
    assert.equal((await job(id)).state, 'running')
    torque.tick(600_000)
    assert.equal((await node('east-1'))?.down, true)
  })
})

suite('the placeholder', () => {
  test('lets jobs in that ask for what nodes may have, before there is any', async () => {
    const wish = ['-l', 'nodes=2:ppn=2:causeway-site-west']
    assert.notEqual(runCommand(torque, ['qsub', ...wish], 'true', 'alice').code, 0)
    let possible = [registration('west-1')]
    const told = new TorqueScheduler({
      host,
      prefix: '/opt/torque',
      placeholder: 'placeholder',
      clock: clockOf(torque),
      possible: () => possible,
    })
    await told.snapshot()
    qsub('true', ...wish)
    count()
    await told.snapshot()
    assert.deepEqual(count(), { qstat: 1, pbsnodes: 1 })
    possible = [registration('west-1'), registration('north-1', { features: ['site-north', 'fast'] })]
    await told.snapshot()
    qsub('true', '-l', 'nodes=1:fast')
  })

  test('lets jobs in that are larger than the cluster, and is not shown', async () => {
    assert.notEqual(runCommand(torque, ['qsub', '-l', 'nodes=5:ppn=4'], 'sleep 1').code, 0)
    await scheduler.snapshot()
    await scheduler.snapshot()
    const id = qsub('sleep 1', '-l', 'nodes=5:ppn=4')
    assert.equal((await job(id)).state, 'pending')
    assert.deepEqual((await scheduler.snapshot()).nodes, [])
    const written = host.commands.filter(([name]) => name === 'qmgr').length
    assert.equal(written, 2) // 'print server' and one script
  })

  test("an admin's limits on jobs stay", async () => {
    torque.settings.set('server resources_available.nodect', '16')
    await scheduler.snapshot()
    assert.equal(torque.settings.get('server resources_available.nodect'), '16')
    assert.equal(torque.settings.get('queue batch resources_available.nodect'), '99999')
  })

  test('is made again when somebody has deleted it, and has all properties that nodes have', async () => {
    await scheduler.register([registration('east-1', { features: ['site-east', 'fast'] }), registration('west-1')])
    admin('qmgr', '-c', 'delete node placeholder')
    await scheduler.snapshot()
    await scheduler.register([registration('east-2')])
    const placeholder = torque.node('placeholder')
    assert.deepEqual([placeholder.offline, placeholder.np], [true, 1024])
    await scheduler.register([registration('east-1', { features: ['site-east', 'fast'] })])
    assert.deepEqual([...placeholder.properties].sort(), ['causeway-site-east', 'fast', 'site-east', 'type-small'])
  })

  test('is never drained, powered down or failed', async () => {
    await scheduler.snapshot()
    count()
    await scheduler.fail(['placeholder'], 'x')
    await scheduler.powerDown(['placeholder'])
    await scheduler.drain(['placeholder'], 'x')
    assert.deepEqual(count(), { pbsnodes: 3 })
  })

  test('whose name does not resolve is a failure that says so', async () => {
    const wrong: Scheduler = new TorqueScheduler({
      host,
      prefix: '/',
      placeholder: 'unresolvable',
      clock: clockOf(torque),
    })
    await assert.rejects(wrong.snapshot(), { code: 'CommandFailed', message: /unresolvable, whose name must resolve/ })
  })
})

suite('registering', () => {
  test('returns only when the other nodes know, so that jobs over several nodes run', async () => {
    const before = torque.nowMs
    await bringUp('east-1', 'east-2')
    assert.ok(torque.nowMs - before >= 12_000)
    const id = qsub('sleep 1', '-l', 'nodes=2')
    torque.tick(10_000)
    assert.equal((await job(id)).state, 'ended')
  })

  test('a daemon that starts earlier is a stranger: the trap that this is about', async () => {
    await scheduler.snapshot()
    for (const name of ['east-1', 'east-2']) admin('qmgr', '-c', `create node ${name}`)
    for (const name of ['east-1', 'east-2']) torque.momUp(name)
    torque.tick(60_000)
    const id = qsub('sleep 1', '-l', 'nodes=2')
    torque.tick(60_000)
    assert.equal((await job(id)).state, 'running')
  })

  test('calls at the same time are one batch, and those that come meanwhile the next', async () => {
    await scheduler.snapshot()
    count()
    const names = Array.from({ length: 20 }, (_, k) => `east-${k}`)
    let late: Promise<void> | undefined
    host.interfere = ([name]) => {
      if (name === 'qmgr') late ??= scheduler.register([registration('west-1'), registration('west-2')])
    }
    await Promise.all(names.map((name) => scheduler.register([registration(name)])))
    await late
    assert.equal(count()['qmgr'], 2)
    assert.equal(torque.nodes.length, 23)
    assert.deepEqual(torque.node('east-7').properties, ['site-east', 'type-small', 'causeway-site-east'])
  })

  test('a name that does not resolve is refused to who asked for it, and to nobody else', async () => {
    const [bad, good] = await Promise.allSettled([
      scheduler.register([registration('unresolvable-1')]),
      scheduler.register([registration('east-1')]),
    ])
    assert.equal(good.status, 'fulfilled')
    assert.ok(bad.status === 'rejected' && bad.reason.code === 'CommandFailed')
    assert.match(bad.reason.message, /unresolvable-1, whose name must resolve/)
  })

  test('a node that is known is brought up to date, without a word to it when it is so', async () => {
    await bringUp('east-1')
    const id = qsub('sleep 60')
    torque.tick(6000)
    count()
    await scheduler.register([registration('east-1')])
    assert.equal(count()['qmgr'], undefined)
    await scheduler.register([registration('east-1', { size: { cpus: 4, memoryMiB: 1, gpus: 1 }, features: ['new'] })])
    const { np, gpus, properties } = torque.node('east-1')
    assert.deepEqual({ np, gpus, properties }, { np: 4, gpus: 1, properties: ['new', 'causeway-site-east'] })
    assert.equal((await job(id)).state, 'running')
  })

  test('what a former life was drained for is over', async () => {
    await bringUp('east-1')
    await scheduler.drain(['east-1'], 'to shrink')
    await scheduler.register([registration('east-1')])
    assert.deepEqual([torque.node('east-1').offline, torque.node('east-1').note], [false, ''])
  })

  test('while the server is away every call of the batch is rejected, and the next one works', async () => {
    torque.away = true
    const calls = ['east-1', 'east-2'].map((name) => scheduler.register([registration(name)]))
    for (const call of await Promise.allSettled(calls)) {
      assert.ok(call.status === 'rejected' && call.reason.code === 'SchedulerUnreachable')
    }
    torque.away = false
    await scheduler.register([registration('east-1')])
  })
})

suite('drains and leaving', () => {
  test('many nodes are drained, and undrained without their notes, in one command each', async () => {
    await bringUp('east-1', 'east-2', 'west-1')
    count()
    await scheduler.drain(['east-1', 'east-2', 'west-1'], 'idle, "for" long\n=1')
    assert.deepEqual(count(), { pbsnodes: 2 })
    assert.equal(torque.node('west-1').note, 'causeway: idle, for long =1')
    await scheduler.cancelDrain(['east-1', 'east-2', 'west-1'])
    assert.deepEqual(count(), { pbsnodes: 2 })
    assert.deepEqual([torque.node('east-1').offline, torque.node('east-1').note], [false, ''])
  })

  test('a refusal to mark a node is one, although pbsnodes ends with status 0; a node that went meanwhile is none', async () => {
    await bringUp('east-1', 'east-2')
    host.interfere = ([name, first]) => {
      if (name === 'pbsnodes' && first === '-o' && torque.nodes.length === 3) torque.deleteNode('east-1')
    }
    await scheduler.drain(['east-1', 'east-2'], 'x')
    assert.equal((await node('east-2'))?.drained, true)
    host.interfere = () => undefined
    torque.node = () => {
      throw new Refusal(159, 'Error marking node east-2 - Unauthorized Request')
    }
    await assert.rejects(scheduler.cancelDrain(['east-2']), { code: 'CommandFailed', message: /Unauthorized Request/ })
  })

  test('a busy node leaves when its job has ended, also after a restart of the controller', async () => {
    await bringUp('east-1')
    const id = qsub('sleep 30')
    torque.tick(6000)
    await scheduler.powerDown(['east-1'])
    assert.deepEqual([(await node('east-1'))?.power, (await job(id)).state], ['leaving', 'running'])
    scheduler = connect()
    assert.equal((await node('east-1'))?.power, 'leaving')
    torque.tick(40_000)
    assert.equal((await job(id)).state, 'ended')
    assert.equal(await node('east-1'), undefined)
  })

  test('a busy node that is to leave can be kept', async () => {
    await bringUp('east-1')
    qsub('sleep 30')
    torque.tick(6000)
    await scheduler.powerDown(['east-1'])
    await scheduler.cancelDrain(['east-1'])
    torque.tick(40_000)
    const kept = await node('east-1')
    assert.deepEqual([kept?.power, kept?.drained], ['present', false])
  })

  test('an admin who lets it work again keeps it', async () => {
    await bringUp('east-1')
    qsub('sleep 30')
    torque.tick(6000)
    await scheduler.powerDown(['east-1'])
    admin('pbsnodes', '-c', 'east-1') // leaves the note
    torque.tick(40_000)
    assert.equal((await node('east-1'))?.power, 'present')
  })

  test('a job that comes between the look and the drain is not hurt', async () => {
    await bringUp('east-1')
    let id = ''
    host.interfere = ([name, first]) => {
      if (name !== 'pbsnodes' || first !== '-o' || id !== '') return
      id = qsub('sleep 30')
      torque.tick(1000)
    }
    await scheduler.powerDown(['east-1'])
    assert.deepEqual([(await job(id)).state, (await node('east-1'))?.power], ['running', 'leaving'])
  })

  test('a node that the server keeps is complained about', async () => {
    await bringUp('east-1')
    host.interfere = ([name]) => {
      // Somebody sees to it that a job gets there after all.
      if (name === 'qmgr') {
        torque.node('east-1').offline = false
        qsub('sleep 30')
        torque.tick(1000)
      }
    }
    await assert.rejects(scheduler.powerDown(['east-1']), { code: 'CommandFailed', message: /keeps node east-1/ })
  })
})

suite('losing nodes', () => {
  test('a job that may not run again is ended, one that may goes back, and both let go of the other node', async () => {
    await bringUp('east-1', 'east-2')
    const once = qsub('sleep 9999', '-r', 'n', '-l', 'nodes=2')
    const often = qsub('sleep 9999', '-l', 'nodes=2')
    torque.tick(6000)
    torque.momLost('east-1')
    await scheduler.fail(['east-1'], 'machine lost')
    assert.deepEqual([(await job(once)).state, (await job(often)).state], ['ended', 'pending'])
    assert.deepEqual(
      (await scheduler.snapshot()).nodes.map(({ name, busy }) => [name, busy]),
      [['east-2', false]],
    )
  })

  test('an element of an array goes back alone', async () => {
    await bringUp('east-1', 'east-2')
    qsub('sleep 9999', '-l', 'nodes=1:ppn=2', '-t', '1-3')
    torque.tick(6000)
    torque.momLost('east-2')
    await scheduler.fail(['east-2'], 'machine lost')
    const states = (await scheduler.snapshot()).jobs.map(({ id, state }) => [id, state])
    assert.deepEqual(states, [
      ['1[1]', 'running'],
      ['1[2]', 'pending'],
      ['1[3]', 'pending'],
    ])
  })

  test('jobs that end meanwhile are no failure', async () => {
    await bringUp('east-1')
    const id = qsub('sleep 9999')
    torque.tick(6000)
    host.interfere = ([name]) => {
      if (name === 'qrerun') torque.remove(id, true)
    }
    await scheduler.fail(['east-1'], 'x')
    assert.deepEqual([(await job(id)).state, await node('east-1')], ['ended', undefined])
  })

  test('a node is not forgotten before its jobs are back, whatever the list of nodes says already', async () => {
    await bringUp('east-1')
    const id = qsub('sleep 9999')
    torque.tick(6000)
    host.distort = (name, stdout) => (name === 'pbsnodes' ? stdout.replaceAll(/<jobs>.*?<\/jobs>/g, '') : stdout)
    await scheduler.fail(['east-1'], 'booted again')
    assert.deepEqual([(await job(id)).state, await node('east-1')], ['pending', undefined])
  })

  test('a job that will not go is a timeout, and its node stays known', async () => {
    await bringUp('east-1')
    qsub('sleep 9999')
    torque.tick(6000)
    const rerun = torque.rerun.bind(torque)
    torque.rerun = () => undefined
    await assert.rejects(scheduler.fail(['east-1'], 'x'), { code: 'CommandTimeout', retryable: true })
    assert.equal((await node('east-1'))?.drained, true)
    torque.rerun = rerun
    await scheduler.fail(['east-1'], 'x')
    assert.equal(await node('east-1'), undefined)
  })
})

suite('jobs', () => {
  test('many jobs are held by one command, whatever their states', async () => {
    await scheduler.snapshot()
    const ids = Array.from({ length: 5 }, () => qsub('sleep 1'))
    const dependent = qsub('sleep 1', '-W', `depend=afterok:${ids[0]}`)
    const array = qsub('sleep 1', '-t', '1-4%2').replace('[]', '')
    count()
    await scheduler.hold([...ids, dependent, `${array}[1]`, `${array}[4]`, '99999'], 'cap')
    assert.deepEqual(count(), { qstat: 1, qhold: 1 })
    const blocked = new Map((await scheduler.snapshot()).jobs.map((found) => [found.id, found.blocked]))
    assert.equal(blocked.get(ids[4] ?? ''), 'HeldByCauseway')
    assert.equal(blocked.get(dependent), 'Dependency')
    assert.equal(blocked.get(`${array}[1]`), 'HeldByCauseway')
    assert.equal(blocked.get(`${array}[2]`), null)
    assert.equal(blocked.get(`${array}[4]`), 'HeldByCauseway')
    await scheduler.release([...ids, `${array}[1]`, `${array}[4]`])
    assert.equal((await job(ids[4] ?? '')).blocked, null)
    assert.equal((await job(`${array}[4]`)).blocked, 'Limit')
  })

  test('a job that begins as it is being held runs, and is not held when it goes back', async () => {
    await scheduler.snapshot()
    const id = qsub('sleep 9999')
    const other = qsub('sleep 9999')
    await scheduler.register([registration('east-1', { size: { cpus: 1, memoryMiB: 1, gpus: 0 } })])
    host.interfere = ([name]) => {
      if (name !== 'qhold' || torque.job(id).state === 'R') return
      torque.momUp('east-1')
      torque.tick(6000)
    }
    await scheduler.hold([id], 'cap')
    assert.deepEqual([(await job(id)).state, [...torque.job(id).holds]], ['running', ['o', 's']])
    await scheduler.hold([other], 'cap')
    assert.deepEqual([...torque.job(id).holds], [])
    assert.deepEqual([...torque.job(other).holds], ['o', 's'])
  })

  test('a job that is gone when it is to be held, let go or confined is no failure', async () => {
    await scheduler.snapshot()
    const submit = () => qsub('sleep 1', '-l', 'nodes=2')
    for (const command of ['qhold', 'qrls', 'qalter']) {
      const [id, stays] = [submit(), submit()]
      if (command === 'qrls') await scheduler.hold([id, stays], 'cap')
      host.interfere = ([name]) => {
        if (name === command && torque.job(id).state !== 'C') torque.remove(id, true)
      }
      if (command === 'qhold') await scheduler.hold([id, stays], 'cap')
      else if (command === 'qrls') await scheduler.release([id, stays])
      else await scheduler.confine([id, stays], 'east')
      const { blocked, confinedTo } = await job(stays)
      assert.deepEqual(
        [blocked, confinedTo],
        [command === 'qhold' ? 'HeldByCauseway' : null, command === 'qalter' ? 'east' : undefined],
      )
    }
  })

  test('a refusal for any other cause is one', async () => {
    await scheduler.snapshot()
    const id = qsub('sleep 1')
    const refuse: Scheduler = new TorqueScheduler({
      host: {
        name: 'head',
        exec: (argv, options) =>
          argv[0]?.endsWith('qhold')
            ? Promise.resolve({ code: 159, stdout: '', stderr: 'qhold: Unauthorized Request' })
            : host.exec(argv, options),
        close: () => Promise.resolve(),
      },
      prefix: '/opt/torque',
      placeholder: 'placeholder',
      clock: clockOf(torque),
    })
    await assert.rejects(refuse.hold([id], 'cap'), { code: 'CommandFailed', message: /Unauthorized Request/ })
  })

  test('jobs that ask for the same are confined by one command', async () => {
    await scheduler.snapshot()
    const same = [qsub('sleep 1', '-l', 'nodes=2:ppn=2'), qsub('sleep 1', '-l', 'nodes=2:ppn=2')]
    const other = qsub('sleep 1', '-l', 'nodes=2:ppn=2:fast+1')
    count()
    await scheduler.confine([...same, other], 'east')
    assert.deepEqual(count(), { qstat: 1, qalter: 2 })
    assert.equal(torque.job(other).resources.get('nodes'), '2:ppn=2:fast:causeway-site-east+1:causeway-site-east')
    await scheduler.confine([...same, other], 'east')
    assert.deepEqual(count(), { qstat: 1 })
  })

  test('an explanation is in the comment until the scheduler has its say, and never over what a person wrote', async () => {
    await scheduler.snapshot()
    const [first, second, ended] = [qsub('sleep 1'), qsub('sleep 1'), qsub('sleep 1')]
    torque.tick(6000)
    admin('qalter', '-W', 'comment=ask Ada', second)
    torque.remove(ended, true)
    count()
    const texts = new Map(
      [first, second, ended, '999'].map((id) => [id, 'waits for east-1, which is 50% there: cost=3']),
    )
    await scheduler.explain(texts)
    assert.deepEqual(count(), { qstat: 1, qalter: 1 })
    assert.equal(torque.job(first).comment, 'causeway: waits for east-1; which is 50% there: cost:3')
    assert.equal(torque.job(second).comment, 'ask Ada')
    assert.equal((await job(first)).reason, '')
    count()
    await scheduler.explain(texts)
    assert.deepEqual(count(), { qstat: 1 })
    torque.tick(6000)
    assert.match(torque.job(first).comment, /^Not Running/)
  })
})
