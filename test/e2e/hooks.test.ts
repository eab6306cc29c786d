import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { clusterUp, jobReaches, shrunk, submit } from './cluster.ts'

const spool = '/var/spool/causeway/hooks'
const socket = '/run/causeway/causeway.sock'

describe('hooks that come while the controller is dead', () => {
  let lab: Lab
  before(async () => {
    lab = await clusterUp({ name: 'hooks' })
  })
  after(() => lab.down())

  const kept = async () => (await must(lab.head.exec(['ls', spool]))).split('\n').filter(Boolean)

  test('are kept by the user of slurmctld, recorded once when the controller is back, and the job runs', async () => {
    await until('the spool is there', 120_000, async () => (await lab.head.exec(['test', '-g', spool])).code === 0)
    await lab.controller?.kill('SIGKILL')
    const job = await submit(lab, 'true')
    const [name = ''] = await until('slurmctld has called', 120_000, async () => {
      const names = (await kept()).filter((each) => each.endsWith('.event'))
      return names.length > 0 && names
    })
    assert.notEqual(statSync(lab.head.path(`${spool}/${name}`)).uid, 0)
    const [where = '', body = ''] = lab.head.read(`${spool}/${name}`).split('\n')
    assert.equal(where, 'slurm/resume')
    await lab.startController()
    await until('the spool is empty', 120_000, async () => (await kept()).length === 0)
    const { id } = JSON.parse(body) as { id: string }
    const why = await must(
      lab.head.exec(['curl', '--silent', '--unix-socket', socket, `http://localhost/v1/jobs/${job}/why`]),
    )
    assert.equal(why.split(`"id":"${id}"`).length, 2, why)
    await jobReaches(lab, job, 'COMPLETED')
    await shrunk(lab)
  })
})
