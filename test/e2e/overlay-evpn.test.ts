import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { siteNames } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { clusterUp, jobReaches } from './cluster.ts'
import { allHear, assertAllTold, type Mesh, nodesOf, pairsOf, stopMesh, submitMesh } from './mesh.ts'
import { onNode } from './on-node.ts'

interface Entry {
  readonly mac: string
  readonly flags?: readonly string[]
  readonly dst?: string
  readonly master?: string
}

describe('jobs over three sites, by BGP EVPN, with IPv6 too', () => {
  let lab: Lab
  let mesh: Mesh
  let nodes: string[]
  before(async () => {
    lab = await clusterUp({ sites: siteNames, overlay: { mode: 'evpn', subnet6: 'fd00:77::/64' } })
  })
  after(async () => {
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
  })

  /** The forwarding entries of a gateway that lead to other gateways. */
  async function entries(gateway: 'head' | (typeof siteNames)[number]): Promise<Entry[]> {
    return JSON.parse(await must(lab.hosts[gateway].exec(['bridge', '-j', 'fdb', 'show', 'dev', 'cwx77']))) as Entry[]
  }

  test('each node of a job gets what each other sends', async () => {
    mesh = await submitMesh(lab, 'until-stop', 2 ** 18)
    await jobReaches(lab, mesh.job, 'RUNNING')
    nodes = await nodesOf(lab, mesh)
    await allHear(lab, mesh, pairsOf(nodes))
  })

  test('the gateways told each other who is where: no entry is written by us', async () => {
    for (const gateway of ['head', ...siteNames] as const) {
      const found = (await entries(gateway)).filter((entry) => entry.mac.startsWith('02:43:') && entry.master)
      const remote = nodes.filter((node) => !node.startsWith(`${gateway}-`))
      for (const node of remote) {
        const site = siteNames.findIndex((name) => node.startsWith(`${name}-`)) + 1
        const mac = `02:43:0a:4d:0${site}:01`
        assert.ok(
          found.some((entry) => entry.mac === mac),
          `${gateway} knows ${node}`,
        )
      }
      for (const entry of found)
        assert.ok(entry.flags?.includes('extern_learn'), `${gateway}: ${JSON.stringify(entry)}`)
    }
  })

  test('nodes of different sites reach each other by IPv6', async () => {
    for (const [from, to] of pairsOf(nodes)) {
      const site = siteNames.findIndex((name) => to.startsWith(`${name}-`)) + 1
      const ping = ['ping', '-6', '-c', '1', '-W', '5', `fd00:77::a4d:${site}01`]
      assert.equal((await onNode(lab, from, ping)).code, 0, `${from} to ${to}`)
    }
  })

  test('they forget the nodes that are gone', async () => {
    stopMesh(lab, mesh)
    await jobReaches(lab, mesh.job, 'COMPLETED')
    await assertAllTold(lab, mesh)
    await until('no gateway knows a node any more', 120_000, async () => {
      const all = await Promise.all((['head', ...siteNames] as const).map(entries))
      return all.flat().every(({ mac }) => !/^02:43:0a:4d:0[123]:01$/.test(mac))
    })
  })
})
