import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { siteNames } from '../../lab/config.ts'
import type { Lab } from '../../lab/lab.ts'
import { clusterUp, jobReaches, shrunk } from './cluster.ts'
import { assertAllTold, plaintext, submitMesh } from './mesh.ts'
import { WanCapture } from './wan-capture.ts'

describe('jobs over three sites, on plain VXLAN', () => {
  let lab: Lab
  let capture: WanCapture
  before(async () => {
    lab = await clusterUp({ sites: siteNames })
    capture = await WanCapture.start(lab)
  })
  after(() => lab.down())

  test('each node of a job gets what each other sends', async () => {
    const mesh = await submitMesh(lab, 'once', 2 ** 20)
    await jobReaches(lab, mesh.job, 'COMPLETED')
    await assertAllTold(lab, mesh)
    await shrunk(lab)
  })

  test('it crossed the WAN as VXLAN, for everybody to read', async () => {
    await capture.stop()
    const packets = await capture.packets('udp port 4789')
    for (const [one, other] of [
      ['1', '2'],
      ['1', '3'],
      ['2', '3'],
    ]) {
      const between = packets.filter((line) => line.includes(`10.250.${one}.2`) && line.includes(`10.250.${other}.2`))
      assert.ok(between.length > 100, `${between.length} packets between 10.250.${one}.2 and 10.250.${other}.2`)
    }
    assert.ok(capture.shows(plaintext))
  })
})
