import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { runDemo } from '../../lab/demo/run.ts'
import { Lab } from '../../lab/lab.ts'
import { labName } from './lab-name.ts'

describe('the main job, on real Slurm over an emulated WAN', () => {
  let lab: Lab
  let report: Awaited<ReturnType<typeof runDemo>>

  before(async () => {
    lab = await Lab.up({ name: labName })
    report = await runDemo(lab, () => undefined)
  })
  after(() => lab.down())

  test('every job completes where it should, and nothing is found wrong', () => {
    assert.deepEqual(report.problems, [])
    assert.equal(report.jobs.submitted, 6)
    assert.equal(report.jobs.completed, 6)
  })

  test('the array, larger than east, uses both sites', () => {
    const sites = new Set(report.jobs.list.filter((job) => job.kind === 'array').flatMap((job) => job.sites))
    assert.deepEqual([...sites].sort(), ['east', 'west'])
  })

  test('two-node jobs exchange their data over the overlay', () => {
    const exchanges = report.jobs.list.flatMap((job) => job.exchange ?? [])
    assert.equal(exchanges.length, 2)
    for (const exchange of exchanges) {
      assert.ok(exchange.intact)
      assert.match(exchange.from, /^10\.77\./)
    }
  })

  test('each package crosses the WAN once, however many nodes install it', () => {
    const nodes = new Set(report.nodes.filter((node) => node.site === 'west').map((node) => node.name))
    assert.ok(nodes.size > 1)
    assert.equal(report.wan.packageBytes, report.wan.uniquePackageBytes)
    assert.equal(
      report.wan.installedBytes,
      report.wan.uniquePackageBytes * report.nodes.filter((n) => n.site === 'west').length,
    )
  })

  test('each node went through all phases and is gone', () => {
    for (const node of report.nodes) {
      assert.equal(node.phase, 'gone')
      const phases = ['creating', 'booting', 'installing', 'enrolling', 'ready', 'draining', 'deleting']
      for (const phase of phases) assert.ok(phase in node.phasesMs, `${node.name} was ${phase}`)
    }
  })

  test('nothing is left at the sites, and the gateways forget the nodes', async () => {
    assert.deepEqual(lab.machines(), [])
    for (const site of ['east', 'west'] as const) {
      const { stdout } = await lab.hosts[site].exec(['ip', '-o', 'link'])
      assert.doesNotMatch(stdout, /cwp[0-9a-f]{8}/)
    }
    const { stdout } = await lab.head.exec(['bridge', 'fdb', 'show', 'dev', 'cwx77'])
    assert.doesNotMatch(stdout, /02:43:0a:4d:0[12]:0[1-9]/)
  })
})
