import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Lab } from '../../lab/lab.ts'
import { clusterUp, jobReaches, lifeReaches, lives, shrunk, submit } from './cluster.ts'

describe('kill -9 of the controller in each phase of a node', () => {
  let lab: Lab
  before(async () => {
    lab = await clusterUp()
  })
  after(() => lab.down())

  // `planned` is committed together with `creating`, so that nobody sees it by itself; test/chaos kills before and after.
  for (const phase of ['creating', 'booting', 'installing', 'enrolling', 'ready', 'draining', 'deleting']) {
    test(`${phase}: the job runs once, no node is lost, doubled or leaked`, async () => {
      const before = new Set(lives(lab).map((life) => life.id))
      const marker = `/home/alice/runs-${phase}`
      const job = await submit(lab, `echo run >> ${marker}; sleep 1`)
      const caught = await lifeReaches(lab, phase, before)
      await lab.controller?.kill('SIGKILL')
      await lab.startController()
      await jobReaches(lab, job, 'COMPLETED')
      await shrunk(lab)
      const mine = lives(lab).filter((life) => !before.has(life.id))
      assert.deepEqual(
        mine.map((life) => life.id),
        [caught.id],
      )
      assert.equal(lab.head.read(marker), 'run\n')
    })
  }
})
