import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Random } from '../chaos/random.ts'
import { idOf } from '../fakes/torque/model.ts'
import { TorqueWorld } from './torque-world.ts'

const siteOf = (name: string) => name.replace(/-\d+$/, '')

describe('the engine over Torque, as the fake plays it', () => {
  let world: TorqueWorld
  beforeEach(async () => {
    world = await TorqueWorld.begin()
    // The controller has looked once, so that jobs larger than the cluster are let in.
    await world.until('the placeholder is there', () => world.torque.nodes.length === 1)
  })
  afterEach(() => world.close())

  test('an array larger than one site grows the cluster over both from nothing, and it shrinks to nothing', async () => {
    const array = world.qsub('sleep 60', '-t', '1-10', '-l', 'nodes=1:ppn=2')
    await world.ended(array)
    const sites = new Set(world.seen.map(siteOf))
    assert.deepEqual([...sites].sort(), ['east', 'west'])
    assert.equal(new Set(world.seen).size, 6)
    await world.shrunk()
  })

  test('an array with a limit gets nodes for as many as may run', async () => {
    const array = world.qsub('sleep 60', '-t', '1-6%2', '-l', 'nodes=1:ppn=2')
    await world.ended(array)
    assert.deepEqual([...new Set(world.seen)].sort(), ['east-1', 'east-2'])
    await world.shrunk()
  })

  test('jobs that ask for part of a node share it', async () => {
    const jobs = [world.qsub('sleep 30'), world.qsub('sleep 30')]
    for (const job of jobs) await world.ended(job)
    assert.deepEqual(world.seen, ['east-1'])
    await world.shrunk()
  })

  test('a job of several nodes is confined to one site, also where others have free nodes', async () => {
    const small = world.qsub('sleep 200', '-l', 'nodes=1:ppn=2')
    await world.until('it runs', () => world.jobs(small)[0]?.state === 'R')
    assert.deepEqual(world.places(small)[small], ['east-1'])
    const wide = world.qsub('sleep 30', '-l', 'nodes=2:ppn=2')
    await world.until('it runs', () => world.jobs(wide)[0]?.state === 'R')
    assert.match(world.jobs(wide)[0]?.resources.get('nodes') ?? '', /^2:ppn=2:causeway-site-(east|west)$/)
    assert.equal(new Set(world.places(wide)[wide]?.map(siteOf)).size, 1)
    await world.ended(wide)
    await world.ended(small)
    await world.shrunk()
  })

  test('a job too large for the first site goes to the other, whole', async () => {
    const wide = world.qsub('sleep 30', '-l', 'nodes=4:ppn=2')
    await world.ended(wide)
    assert.deepEqual(world.places(wide)[wide]?.toSorted(), ['west-1', 'west-2', 'west-3', 'west-4'])
    await world.shrunk()
  })

  test('unless its user opts out', async () => {
    const wide = world.qsub('sleep 30', '-l', 'nodes=6:ppn=2', '-v', 'CAUSEWAY_ANY_SITE=1')
    await world.ended(wide)
    assert.deepEqual([...new Set(world.places(wide)[wide]?.map(siteOf))].sort(), ['east', 'west'])
    await world.shrunk()
  })

  test('an idle node is drained and goes; one that an admin has drained is left to the admin', async () => {
    const first = world.qsub('sleep 10', '-l', 'nodes=1:ppn=2')
    const second = world.qsub('sleep 10', '-l', 'nodes=1:ppn=2')
    await world.ended(first)
    await world.ended(second)
    world.admin('pbsnodes', '-o', '-N', 'broken disk', 'east-1')
    await world.until('the other has gone', () => !world.torque.nodes.some((node) => node.name === 'east-2'))
    const kept = world.torque.node('east-1')
    assert.deepEqual([kept.offline, kept.note], [true, 'broken disk'])
    world.admin('pbsnodes', '-c', '-N', 'n', 'east-1')
    await world.shrunk()
  })

  test('demand that comes back in time ends the drain', async () => {
    const first = world.qsub('sleep 10', '-l', 'nodes=1:ppn=2')
    await world.ended(first)
    const second = world.qsub('sleep 10', '-l', 'nodes=1:ppn=2')
    await world.ended(second)
    assert.deepEqual(world.seen, ['east-1'])
    await world.shrunk()
  })

  test('a machine that does not come is given up, and the job gets one elsewhere', async () => {
    world.duds.add('east-1').add('east-2')
    const job = world.qsub('sleep 10', '-l', 'nodes=1:ppn=2')
    await world.ended(job)
    assert.deepEqual(world.places(job)[job], ['west-1'])
    await world.shrunk()
  })

  test('a machine that dies under a job is missed, and the job runs again', async () => {
    const job = world.qsub('sleep 60', '-l', 'nodes=1:ppn=2')
    await world.until('it runs', () => world.jobs(job)[0]?.state === 'R')
    world.cutPower('east-1')
    await world.ended(job)
    assert.ok(world.seen.length >= 2)
    await world.shrunk()
  })

  test('a controller that is killed and started again carries on', async () => {
    const array = world.qsub('sleep 30', '-t', '1-4', '-l', 'nodes=1:ppn=2')
    for (let k = 0; k < 4; k++) {
      const before = world.clock.now()
      await world.until('some time has passed', () => world.clock.now() > before + 7000 * (k + 1))
      world.restartController()
    }
    await world.ended(array)
    await world.shrunk()
    const names = new Map<string, number>()
    for (const name of world.seen) names.set(name, (names.get(name) ?? 0) + 1)
    assert.ok(world.seen.length <= 6, `machines without need: ${world.seen.join(' ')}`)
  })

  test('while pbs_server is away nothing is deleted, and all goes on when it is back', async () => {
    const job = world.qsub('sleep 120', '-l', 'nodes=1:ppn=2')
    await world.until('it runs', () => world.jobs(job)[0]?.state === 'R')
    world.torque.away = true
    const before = world.clock.now()
    await world.until('a minute has passed', () => world.clock.now() > before + 60_000)
    assert.equal(world.drivers.get('east')?.at.machines.size, 1)
    world.torque.away = false
    await world.ended(job)
    assert.deepEqual(world.seen, ['east-1'])
    await world.shrunk()
  })

  for (let seed = 1; seed <= 6; seed++) {
    test(`whatever happens for three minutes, all jobs end and nothing is left (seed ${seed})`, async () => {
      const random = new Random(seed)
      const jobs: string[] = []
      const submit = () => {
        if (world.torque.away) return
        const nodes = random.pick([1, 1, 1, 2, 3])
        const asks = `nodes=${nodes}:ppn=${random.int(1, 2)}`
        const more = random.pick([[], [], ['-n'], ['-t', '1-3%2'], ['-h']])
        jobs.push(world.qsub(`sleep ${random.int(5, 60)}`, '-l', asks, ...more))
      }
      const anyNode = () => random.pick([...world.torque.nodes].map((node) => node.name))
      const troubles = [
        submit,
        submit,
        submit,
        () => world.cutPower(anyNode()),
        () => world.restartController(),
        () => {
          world.torque.away = true
          world.clock.after(random.int(1, 40) * 1000, () => {
            world.torque.away = false
          })
        },
        () => {
          const going = world.torque.jobs.filter((candidate) => candidate.state !== 'C')
          if (going.length > 0 && !world.torque.away) world.torque.remove(idOf(random.pick(going)), true)
        },
      ]
      submit()
      for (let at = 0; at < 180; at += random.int(2, 12)) {
        world.clock.after(at * 1000, () => random.pick(troubles)())
      }
      const end = world.clock.now() + 180_000
      await world.until('the troubles are over', () => world.clock.now() > end && !world.torque.away)
      for (const job of world.torque.jobs) if (job.state !== 'C') world.torque.letGo(idOf(job), ['u'])
      for (const job of jobs) await world.ended(job)
      await world.shrunk()
    })
  }
})
