import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { Capabilities } from '../../src/elastic/scheduler.ts'
import { Random } from './random.ts'
import { plainPolicy } from './rules.ts'
import { World } from './world.ts'

const machines = 50

/** Everything must be over by then, virtual ms. */
const patienceMs = 300_000

const half = machines / 2
const policy: Policy = {
  ...plainPolicy,
  // The reports of machines come to nothing while the controller is dead.
  deadlines: { ...plainPolicy.deadlines, bootMs: 60_000, installMs: 60_000, enrolMs: 60_000 },
  types: plainPolicy.types.map((type) => ({ ...type, maximum: half, names: half })),
}
const pools = new Map([
  ['east', ['h1', 'h2', 'h3']],
  ['west', ['h1', 'h2']],
])

/** While machines boot the controller dies three times: when so many of them run. The calls of the dead go on. */
const deathsAt = [10, 36, machines]

async function story(places: Capabilities['places']): Promise<void> {
  const world = await World.begin({
    places,
    policyAt: () => policy,
    random: new Random(1),
    // Some take half a minute.
    faults: new Set(['slow-boots']),
    pools,
    troubledMs: Infinity,
    fuse: () => undefined,
  })
  try {
    const { scheduler } = world
    // A job for each node, exclusive of others, that lasts until all machines are there.
    const jobs = Array.from({ length: machines }, () => scheduler.submit({ runMs: 60_000, exclusive: true }))
    const bodies = () => [...world.machines.bodies.values()]
    const left = [...deathsAt]
    const ended = () => scheduler.peek().jobs.filter((job) => job.state === 'ended').length === jobs.length
    while (world.elapsedMs < patienceMs && !(ended() && world.isEmpty)) {
      await world.step()
      const booting = bodies().filter(({ up }) => !up).length
      if (world.controller && bodies().length >= (left[0] ?? Infinity) && booting > 0) {
        left.shift()
        world.controller.fuse.kill()
      }
    }
    assert.deepEqual(left, [], 'the controller died each time while machines were booting')
    assert.equal(world.controllers, deathsAt.length + 1)
    assert.ok(ended(), 'all jobs have ended')
    assert.ok(world.isEmpty, 'nothing is left')
    const lives = await world.allLives()
    assert.equal(lives.length, machines, 'a life for each job')
    assert.deepEqual(
      lives.flatMap(({ failure }) => failure ?? []),
      [],
      'nothing was taken for lost',
    )
    assert.equal(world.machines.boots, machines, 'each machine was made, and once')
    assert.deepEqual(world.oracle.violations, [])
  } finally {
    await world.close()
  }
}

for (const places of ['scheduler', 'causeway'] as const) {
  test(`a controller that dies three times while ${machines} machines boot loses none and makes none twice, where the ${places} places`, () =>
    story(places))
}
