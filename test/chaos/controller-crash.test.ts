import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Fuse, type FuseSpec } from './fuse.ts'
import { SimulatedCluster } from './simulated-cluster.ts'

/** Rounds after which everything must be over. */
const patience = 120

/**
 * Two jobs, one of them over two nodes, from submission until the cluster is empty again; the controller dies where the
 * fuse says and is started anew.
 * @returns how many calls the first controller made
 */
async function story(spec?: FuseSpec): Promise<number> {
  const fuse = new Fuse(spec)
  const cluster = await SimulatedCluster.up(fuse)
  const { scheduler } = cluster
  const jobs = [scheduler.submit({ runMs: 2000 }), scheduler.submit({ nodes: 2, runMs: 2000 })]
  let rounds = 0
  let ended = false
  let restarted = false
  do {
    await cluster.step()
    if (fuse.isBlown && !restarted) {
      cluster.restart(new Fuse())
      restarted = true
    }
    const snapshot = await scheduler.snapshot()
    ended = jobs.every((id) => snapshot.jobs.find((job) => job.id === id)?.state === 'ended')
    rounds += 1
  } while (rounds < patience && !(ended && (await cluster.lives()).every((life) => life.phase === 'gone')))

  const lives = await cluster.lives()
  assert.ok(ended, 'the jobs have ended')
  assert.deepEqual(
    lives.filter((life) => life.phase !== 'gone'),
    [],
    'every life is over',
  )
  assert.equal(cluster.machines(), 0, 'no machine is left')
  assert.equal(lives.length, 3, 'three nodes were needed and three were made')
  assert.deepEqual(
    lives.flatMap((life) => life.failure ?? []),
    [],
    'nothing was taken for a failure',
  )
  assert.deepEqual(cluster.violations, [])
  const created = [...cluster.drivers.values()]
    .flatMap((driver) => [...driver.calls])
    .filter((call) => call.call === 'create')
  assert.deepEqual(new Set(created.map((call) => call.id)), new Set(lives.map((life) => life.id)))
  await cluster.close()
  return fuse.calls
}

describe('the controller, killed at any call', () => {
  test('without a crash the story ends well', async () => {
    assert.ok((await story()) > 50)
  })

  for (const moment of ['before', 'after'] as const) {
    test(`${moment} each call in turn: nothing is lost, doubled or leaked`, async () => {
      const calls = await story()
      for (let atCall = 1; atCall <= calls; atCall++) {
        await story({ atCall, moment }).catch((cause: unknown) => {
          throw new Error(`killed ${moment} call ${atCall} of ${calls}: ${(cause as Error).message}`, { cause })
        })
      }
    })
  }
})
