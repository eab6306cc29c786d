import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { Capabilities } from '../../src/elastic/scheduler.ts'
import type { FuseSpec } from './fuse.ts'
import { Random } from './random.ts'
import { plainPolicy } from './rules.ts'
import { World } from './world.ts'

/** Everything must be over by then, virtual ms. */
const patienceMs = 180_000

/** Jobs may span sites: so three nodes do for both jobs, whichever machines are up first and whichever job gets them. */
const policy: Policy = {
  ...plainPolicy,
  placement: [{ queue: '', feature: '', spread: 'may-span', sites: [] }],
}

/**
 * Two jobs, one of them over two nodes, from submission until the cluster is empty again; the first controller dies where the
 * fuse says and a new one is started.
 * @returns how many calls the last controller made
 */
async function story(places: Capabilities['places'], spec?: FuseSpec): Promise<number> {
  const fuses = spec ? [spec] : []
  const world = await World.begin({
    places,
    policyAt: () => policy,
    random: new Random(1),
    faults: new Set(['kills']),
    troubledMs: Infinity,
    fuse: () => fuses.shift(),
  })
  try {
    const { scheduler } = world
    const jobs = [scheduler.submit({ runMs: 2000 }), scheduler.submit({ nodes: 2, runMs: 2000 })]
    const ended = () => scheduler.peek().jobs.filter((job) => job.state === 'ended').length === jobs.length
    const over = () => ended() && world.isEmpty && world.controllers === (spec ? 2 : 1)
    while (world.elapsedMs < patienceMs && !over()) await world.step()
    const lives = await world.allLives()
    assert.ok(ended(), 'the jobs have ended')
    assert.ok(world.isEmpty, 'no life and no machine is left')
    assert.equal(lives.length, 3, 'three nodes were needed and three were made')
    assert.deepEqual(
      lives.flatMap((life) => life.failure ?? []),
      [],
      'nothing was taken for a failure',
    )
    assert.deepEqual(world.oracle.violations, [])
    const made = [...world.drivers.values()].flatMap(({ calls }) => calls.filter(({ call }) => call === 'create'))
    assert.deepEqual(
      new Set(made.map((call) => 'id' in call && call.id)),
      new Set(lives.map(({ id }) => id)),
      'no machine but for these lives was asked for',
    )
    assert.equal(world.controllers, spec ? 2 : 1, 'it died as often as it was to')
    return world.controller?.fuse.calls ?? 0
  } finally {
    await world.close()
  }
}

for (const places of ['scheduler', 'causeway'] as const) {
  describe(`the controller, killed at any call, where the ${places} places the jobs`, () => {
    test('without a crash the story ends well', async () => {
      assert.ok((await story(places)) > 50)
    })

    for (const moment of ['before', 'after'] as const) {
      test(`${moment} each call in turn: nothing is lost, doubled or leaked`, async () => {
        const calls = await story(places)
        for (let atCall = 1; atCall <= calls; atCall++) {
          await story(places, { atCall, moment }).catch((cause: unknown) => {
            throw new Error(`killed ${moment} call ${atCall} of ${calls}: ${(cause as Error).message}`, { cause })
          })
        }
      })
    }
  })
}
