import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { type LabOverlay, siteNames } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import { jobStates } from '../../lab/demo/results.ts'
import type { Lab } from '../../lab/lab.ts'
import type { FarHost } from '../../lab/network.ts'
import { until } from '../../lab/until.ts'
import { clusterUp, jobReaches, lives } from './cluster.ts'
import { allHear, assertAllTold, echoes, type Mesh, nodesOf, pairsOf, stopMesh, submitMesh } from './mesh.ts'

type Pair = [string, string]

/** All that a gateway can lose. */
const overlay: LabOverlay = {
  encryption: { kind: 'wireguard' },
  services: { zone: 'lab.internal' },
  subnet6: 'fd00:77::/64',
  underlay6: true,
}

describe('troubles between three sites, encrypted over an IPv6 WAN, while a job talks over all of them', () => {
  let lab: Lab
  let mesh: Mesh
  let pairs: Pair[]
  let machines: string[]

  before(async () => {
    lab = await clusterUp({ sites: siteNames, overlay }, (config) => {
      config.controller.poll = '1s' // so that it does look while there is trouble
      config.policy.paths = { loss: 1 } // what was lost in one trouble is not to hold up the jobs of the next
    })
    mesh = await submitMesh(lab, 'until-stop', 2 ** 18)
    await jobReaches(lab, mesh.job, 'RUNNING')
    pairs = pairsOf(await nodesOf(lab, mesh))
    await allHear(lab, mesh, pairs)
    machines = lab.machines()
  })
  after(async () => {
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
  })

  const touches = (site: string) => (pair: Pair) => pair.some((node) => node.startsWith(`${site}-`))

  /** Asserts that the job runs on the nodes that it had, and that none was taken away. */
  async function nothingIsLost(): Promise<void> {
    assert.equal((await jobStates(lab)).get(mesh.job)?.state, 'RUNNING')
    assert.deepEqual(lab.machines(), machines)
    assert.ok(lives(lab).every((life) => life.phase === 'ready'))
  }

  /**
   * Asserts that no answer came over a site's cable between these moments, ms since the epoch. (A question that was asked then may
   * be answered later: a host keeps some packets while it looks for the next one on their way.)
   */
  function assertCut(site: string, fromMs: number, toMs: number): void {
    const all = echoes(lab, mesh, [...new Set(pairs.map(([from]) => from))])
    const over = all.filter(({ from, to }) => touches(site)([from, to]))
    assert.deepEqual(over.filter(({ answeredAtMs }) => answeredAtMs > fromMs && answeredAtMs < toMs).slice(0, 3), [])
  }

  /** Cuts a site off by `cut` until the controller has seen it, heals it, and waits until all hear each other again. */
  async function partition(t: TestContext, site: FarHost, cut: () => Promise<void>, heal: () => Promise<void>) {
    let cutAtMs = 0
    let healedAtMs = 0
    try {
      await cut()
      cutAtMs = Date.now()
      await until(`the controller can't reach ${site}`, 120_000, () =>
        lives(lab).some((life) => life.site === site && life.unreachableSinceMs !== null),
      )
      await allHear(
        lab,
        mesh,
        pairs.filter((pair) => !touches(site)(pair)),
      )
      await nothingIsLost()
    } finally {
      healedAtMs = Date.now()
      await heal()
    }
    const firstReplyMs = await allHear(lab, mesh, pairs, healedAtMs)
    assertCut(site, cutAtMs + 500, healedAtMs)
    t.diagnostic(`${site} was cut off for ${healedAtMs - cutAtMs} ms; all heard each other ${firstReplyMs} ms after`)
    await until(`the controller reaches ${site} again`, 120_000, () =>
      lives(lab).every((life) => life.unreachableSinceMs === null),
    )
    await nothingIsLost()
  }

  test('a silent cut of a site: nothing is deleted, and all goes on by itself', async (t) => {
    const wan = lab.wan('west')
    await partition(
      t,
      'west',
      () => wan.down(),
      () => wan.up(),
    )
  })

  test('a cable without a carrier: the same', async (t) => {
    const wan = lab.wan('west')
    await partition(
      t,
      'west',
      () => wan.loseCarrier(),
      () => wan.regainCarrier(),
    )
  })

  test('a cut of one direction only: the same', async (t) => {
    const wan = lab.wan('south')
    await partition(
      t,
      'south',
      () => wan.lose(0, 100),
      () => wan.lose(0),
    )
  })

  test('a twentieth of all packets of a site is lost: its nodes go on', async (t) => {
    const wan = lab.wan('south')
    const sinceMs = Date.now()
    try {
      await wan.lose(5)
      await until('packets are lost both ways', 120_000, async () => {
        const { ab, ba } = await wan.stats()
        return ab.lost > 20 && ba.lost > 20
      })
      await allHear(
        lab,
        mesh,
        pairs.filter((pair) => !touches('west')(pair)),
      )
    } finally {
      await wan.lose(0)
    }
    t.diagnostic(`for ${Date.now() - sinceMs} ms`)
    await nothingIsLost()
  })

  test('after all that every node has got exactly what the others sent', async () => {
    stopMesh(lab, mesh)
    await jobReaches(lab, mesh.job, 'COMPLETED')
    await assertAllTold(lab, mesh)
  })

  describe('a gateway without nodes, while the others have some,', () => {
    let others: Mesh
    let both: Pair[]
    before(async () => {
      others = await submitMesh(lab, 'until-stop', 2 ** 16, ['east', 'west'])
      await jobReaches(lab, others.job, 'RUNNING')
      both = pairsOf(await nodesOf(lab, others))
      // Were it still to be taken out of the overlay, that alone would put south right.
      await until('all gateways have forgotten the node at south', 120_000, async () => {
        const fdb = await Promise.all(
          (['head', 'east', 'west'] as const).map((host) => must(lab.hosts[host].exec(['bridge', 'fdb', 'show']))),
        )
        const living = lives(lab).some(({ site, phase }) => site === 'south' && phase !== 'gone')
        return !living && !fdb.join().includes('02:43:0a:4d:03:01')
      })
    })

    async function southIsWhole(): Promise<void> {
      const { south } = lab.hosts
      await until('south talks to the other gateways in the segment', 120_000, async () => {
        return (await south.exec(['ping', '-c', '1', '-W', '1', '10.77.2.254'])).code === 0
      })
      await must(south.exec(['nft', 'list', 'table', 'ip', 'causeway_77']))
      const dig = ['dig', '+short', '+tries=1', '@10.77.3.254', 'west-1.lab.internal']
      await until('south knows names', 120_000, async () => (await south.exec(dig)).stdout.trim() === '10.77.2.1')
    }

    test('is put right when somebody has emptied it', async (t) => {
      const { south } = lab.hosts
      await must(south.exec(['ip', 'link', 'delete', 'cwx77']))
      await must(south.exec(['bridge', 'fdb', 'flush', 'dev', 'cw77']))
      await must(south.exec(['nft', 'flush', 'ruleset']))
      const daemons = (await must(south.exec(['pgrep', 'wireguard-go|dnsmasq']))).trim().split('\n')
      assert.ok(daemons.length >= 2)
      await must(south.exec(['kill', '-KILL', ...daemons]))
      const sinceMs = Date.now()
      await southIsWhole()
      t.diagnostic(`put right after ${Date.now() - sinceMs} ms`)
      await allHear(lab, others, both)
    })

    test('is switched off and on: the other sites do not notice, and it is made whole again', async (t) => {
      await lab.powerOff('south')
      await allHear(lab, others, both)
      await lab.powerOn('south')
      const bootedAtMs = Date.now()
      await southIsWhole()
      t.diagnostic(`made whole ${Date.now() - bootedAtMs} ms after it had booted`)
      await allHear(lab, others, both)
      stopMesh(lab, others)
      await jobReaches(lab, others.job, 'COMPLETED')
      await assertAllTold(lab, others)
    })
  })
})
