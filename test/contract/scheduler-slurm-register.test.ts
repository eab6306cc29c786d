import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { slurmConfPath, slurmNodesPath } from '../../lab/slurm.ts'
import type { Registration } from '../../src/elastic/scheduler.ts'
import { keepFiles, keptFiles } from '../../src/hooks/schedulers/slurm/kept-files.ts'
import { parseSinfo } from '../../src/hooks/schedulers/slurm/sinfo.ts'
import { registration, SlurmRig } from './scheduler-slurm-rig.ts'

/** What was found out about nodes that slurmctld 22.05 is told of while it runs: docs/design/003-slurm-states.md. */
suite('nodes that are made while slurmctld runs', () => {
  let rig: SlurmRig
  before(async () => {
    rig = await SlurmRig.open('slurmreg')
  })
  after(() => rig?.close())

  const names = async () => (await rig.scheduler.snapshot()).nodes.map((node) => node.name)
  const nodes = (site: string, count: number): Registration[] =>
    Array.from({ length: count }, (_, k) => ({ ...registration(`${site}-${k + 1}`), rank: 5 }))
  const reconfigure = async () => (await rig.head.exec(['scontrol', 'reconfigure'])).code
  const editConf = (from: RegExp, to: string) => {
    rig.head.write(slurmConfPath, { content: rig.head.read(slurmConfPath).replace(from, to) })
  }
  async function restart(): Promise<void> {
    await rig.slurm.slurmctld.kill('SIGTERM')
    await rig.slurm.restart()
  }

  test('slurmctld keeps them over reconfigurations and restarts, their drains too', async () => {
    await rig.scheduler.register(nodes('south', 3))
    await rig.scheduler.close(['south-2'], 'closed')
    const before = await rig.scheduler.snapshot()
    assert.equal(before.nodes.length, 6)
    assert.equal(await reconfigure(), 0)
    assert.deepEqual((await rig.scheduler.snapshot()).nodes, before.nodes)
    await restart()
    assert.deepEqual((await rig.scheduler.snapshot()).nodes, before.nodes)
  })

  test('those that there is no room for are named, and the others are there', async () => {
    editConf(/MaxNodeCount=\d+/, 'MaxNodeCount=8')
    await restart()
    await assert.rejects(rig.scheduler.register(nodes('full', 4)), {
      code: 'InvalidConfig',
      message: /no room for full-\[3-4\]: MaxNodeCount is 8\. Set it to 10 or more/,
    })
    assert.deepEqual(
      (await names()).filter((name) => name.startsWith('full')),
      ['full-1', 'full-2'],
    )
    await rig.head.exec(['scontrol', 'delete', 'nodename=full-[1-2]'])
    editConf(/MaxNodeCount=\d+/, 'MaxNodeCount=64')
    await restart()
  })

  test('those that no partition takes are named', async () => {
    editConf(/Nodes=ALL/, 'Nodes=east-[1-2],west-1')
    assert.equal(await reconfigure(), 0)
    await assert.rejects(rig.scheduler.register(nodes('lone', 1)), {
      code: 'InvalidConfig',
      message: /no partition of Slurm takes lone-1: give one Nodes=ALL, or a NodeSet .*\(site-lone\)/,
    })
    editConf(/Nodes=\S+/, 'Nodes=ALL')
    assert.equal(await reconfigure(), 0)
    await rig.scheduler.register(nodes('lone', 1))
  })

  test('a size that Slurm has otherwise is said', async () => {
    const [one] = nodes('lone', 1)
    assert.ok(one)
    await assert.rejects(rig.scheduler.register([{ ...one, size: { ...one.size, cpus: 8 } }]), {
      code: 'InvalidConfig',
      message: /lone-1: Slurm has 2 CPUs .*`scontrol delete/,
    })
  })

  test('the file with the nodes stays such that no reconfiguration ends slurmctld', async () => {
    const declared = ['east-1', 'east-2', 'west-1'].map(registration)
    const files = keptFiles(rig.head.path(slurmConfPath), rig.head.path(slurmNodesPath))
    const keep = async (configured: readonly Registration[]) => {
      const { stdout } = await rig.head.exec(['sinfo', '--all', '--json'])
      await keepFiles(files, configured, parseSinfo(stdout))
      return rig.head.read(slurmNodesPath)
    }
    // A new site, new features for an old one; the nodes of the new site were made before.
    const changed = [
      ...nodes('south', 3),
      ...declared.map((node) => ({ ...node, features: [...node.features, 'new'] })),
    ]
    await rig.scheduler.register(changed)
    const text = await keep(changed)
    assert.deepEqual(text.match(/NodeName=\S+/g), ['NodeName=east-1', 'NodeName=east-2', 'NodeName=west-1'])
    assert.equal(await reconfigure(), 0)
    const east = (await rig.scheduler.snapshot()).nodes.find((node) => node.name === 'east-1')
    assert.deepEqual(east?.features, ['site-east', 'new'])
    // An admin has put the new nodes into the file as well, and started slurmctld again: its next reconfiguration would be its end.
    rig.head.write(slurmNodesPath, { content: `${text}NodeName=south-1 CPUs=2 RealMemory=500 State=CLOUD\n` })
    await restart()
    assert.equal(await keep(changed), text)
    assert.equal(await reconfigure(), 0)
    assert.ok((await names()).includes('south-1'))
  })
})
