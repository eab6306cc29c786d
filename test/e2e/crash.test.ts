import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Lab } from '../../lab/lab.ts'
import { clusterUp, jobReaches, lifeReaches, lives, shrunk, submit } from './cluster.ts'

// `planned` is committed together with `creating`, so that nobody sees it by itself; test/chaos kills before and after.
const phases = ['creating', 'booting', 'installing', 'enrolling', 'ready', 'draining', 'deleting'] as const

describe('kill -9 of the controller in each phase of a node', () => {
  let lab: Lab
  before(async () => {
    lab = await clusterUp()
  })
  after(() => lab.down())

  /** Kills the controller as soon as a node of a new job is in this phase; false when the phase was over before it was seen. */
  async function killedIn(phase: (typeof phases)[number], marker: string): Promise<boolean> {
    const known = new Set(lives(lab).map((life) => life.id))
    const job = await submit(lab, `echo run >> ${marker}; sleep 1`)
    const caught = await lifeReaches(lab, [...phases.slice(phases.indexOf(phase)), 'gone'], known)
    const inTime = caught.phase === phase
    if (inTime) {
      await lab.controller?.kill('SIGKILL')
      await lab.startController()
    }
    await jobReaches(lab, job, 'COMPLETED')
    await shrunk(lab)
    const mine = lives(lab).filter((life) => !known.has(life.id))
    assert.deepEqual(
      mine.map((life) => life.id),
      [caught.id],
    )
    assert.equal(lab.head.read(marker), 'run\n')
    return inTime
  }

  for (const phase of phases) {
    test(`${phase}: the job runs once, no node is lost, doubled or leaked`, async () => {
      // Some last a tenth of a second, in which this process may not get a turn.
      for (let attempt = 1; !(await killedIn(phase, `/home/alice/runs-${phase}-${attempt}`)); attempt++) {
        assert.ok(attempt < 10, `no node was seen in phase ${phase}`)
      }
    })
  }
})
