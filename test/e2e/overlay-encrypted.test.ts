import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { siteNames } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { clusterUp, jobReaches } from './cluster.ts'
import { allHear, assertAllTold, echoes, type Mesh, nodesOf, pairsOf, plaintext, stopMesh, submitMesh } from './mesh.ts'
import { onNode } from './on-node.ts'
import { WanCapture } from './wan-capture.ts'

const gateways = ['head', ...siteNames] as const

describe('jobs over three sites, encrypted, with names from their own gateways', () => {
  let lab: Lab
  let capture: WanCapture
  let mesh: Mesh
  let nodes: string[]

  before(async () => {
    const overlay = { encryption: { kind: 'wireguard' }, services: { zone: 'lab.internal' } } as const
    lab = await clusterUp({ sites: siteNames, overlay })
    capture = await WanCapture.start(lab)
  })
  after(async () => {
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
  })

  /** The devices with tunnels of a gateway, and when each of their peers shook hands last, seconds since the epoch. */
  async function handshakes(gateway: (typeof gateways)[number]): Promise<{ device: string; atS: number }[]> {
    const said = await must(lab.hosts[gateway].exec(['wg', 'show', 'all', 'latest-handshakes']))
    const rows = said.trim().split('\n').filter(Boolean)
    return rows.map((row) => row.split('\t')).map(([device = '', _peer, atS]) => ({ device, atS: Number(atS) }))
  }

  test('each node of a job gets what each other sends', async () => {
    mesh = await submitMesh(lab, 'until-stop', 2 ** 19)
    await jobReaches(lab, mesh.job, 'RUNNING')
    nodes = await nodesOf(lab, mesh)
    await allHear(lab, mesh, pairsOf(nodes))
  })

  test('each pair of gateways has a tunnel', async () => {
    for (const gateway of gateways) {
      const peers = await handshakes(gateway)
      assert.equal(peers.length, gateways.length - 1, gateway)
      assert.ok(
        peers.every(({ device, atS }) => device === 'cwg77a' && atS > 0),
        `${gateway}: ${JSON.stringify(peers)}`,
      )
    }
  })

  test('the nodes are told names by their own gateway, also while the WAN is cut', async () => {
    const wan = lab.wan('west')
    await wan.down()
    try {
      for (const [name, address] of [
        ['east-1', '10.77.1.1'],
        ['south-1', '10.77.3.1'],
        ['head', '10.77.0.1'],
      ] as const) {
        const dig = ['dig', '+short', '+tries=3', '+time=5', '@10.77.2.254', `${name}.lab.internal`]
        assert.equal((await must(onNode(lab, 'west-1', dig))).trim(), address)
      }
    } finally {
      await wan.up()
    }
    await allHear(lab, mesh, pairsOf(nodes))
  })

  test('the keys are changed while they talk', async (t) => {
    const fromMs = Date.now()
    await must(lab.causeway(['network', 'rotate-keys']))
    await until('all gateways talk by the new keys only', 120_000, async () => {
      const peers = (await Promise.all(gateways.map(handshakes))).flat()
      const by = peers.filter(({ device, atS }) => device === 'cwg77b' && atS > 0)
      return by.length === peers.length && by.length === gateways.length * (gateways.length - 1)
    })
    const untilMs = Date.now()
    await allHear(lab, mesh, pairsOf(nodes))
    const gaps = pairsOf(nodes).map(([from, to]) => {
      const heard = echoes(lab, mesh, [from]).filter((echo) => echo.to === to && echo.answeredAtMs >= fromMs)
      return Math.max(
        ...heard.map(({ answeredAtMs }, i) => answeredAtMs - (heard[i - 1]?.answeredAtMs ?? answeredAtMs)),
      )
    })
    t.diagnostic(`in ${untilMs - fromMs} ms; longest time without an echo: ${Math.max(...gaps)} ms`)
  })

  test('every node has got exactly what the others sent', async () => {
    stopMesh(lab, mesh)
    await jobReaches(lab, mesh.job, 'COMPLETED')
    await assertAllTold(lab, mesh)
  })

  test('nobody on the WAN could read it, nor see that it was Ethernet', async () => {
    await capture.stop()
    assert.deepEqual((await capture.packets('udp port 4789')).slice(0, 5), [])
    assert.equal(capture.shows(plaintext), false)
    const packets = await capture.packets('udp port 51820 or udp port 51821')
    for (const [one, other] of [
      ['1', '2'],
      ['1', '3'],
      ['2', '3'],
    ]) {
      const between = packets.filter((line) => line.includes(`10.250.${one}.2`) && line.includes(`10.250.${other}.2`))
      assert.ok(between.length > 100, `${between.length} packets between 10.250.${one}.2 and 10.250.${other}.2`)
    }
    // What else there is: the controller's SSH, the caches' requests to the mirror, and neighbours that look for each other.
    const known = ['udp portrange 51820-51821', 'tcp port 22', 'host 10.250.9.2 and tcp port 80', 'icmp', 'arp']
    assert.deepEqual((await capture.packets(`not (${known.map((one) => `(${one})`).join(' or ')})`)).slice(0, 5), [])
  })
})
