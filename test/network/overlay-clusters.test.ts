import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { removeOverlay } from '../../src/network/apply.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import { bareOverlay, gateway, member } from './sample.ts'
import { reaches, Segment } from './segment.ts'

/** A cluster over the same two gateways as any other. */
function cluster(vni: number): Overlay {
  const net = `10.${vni}`
  return {
    ...bareOverlay,
    vni,
    subnet: `${net}.0.0/16`,
    gateways: [
      gateway('east', '10.250.1.2', `${net}.1.254`, { routes: true }),
      gateway('west', '10.250.2.2', `${net}.2.254`, { routes: true }),
    ],
    members: [
      member(`east-${vni}`, `${net}.1.1`, 'east', `cwp0000${vni}e1`),
      member(`west-${vni}`, `${net}.2.1`, 'west', `cwp0000${vni}71`),
    ],
  }
}

describe('two clusters on the same gateways', () => {
  const [red, blue] = [cluster(77), cluster(78)]
  let segment: Segment
  let close = async () => {}
  const works = async ({ vni }: Overlay) => {
    assert.ok(await reaches(segment.node(`east-${vni}`), `10.${vni}.2.1`))
    assert.ok(await reaches(segment.node(`west-${vni}`), `10.${vni}.1.254`))
  }

  before(async () => {
    segment = await Segment.create(red, (how) => {
      close = how
    })
    for (const overlay of [red, blue]) {
      await segment.apply(overlay)
      for (const one of overlay.members) await segment.plug(overlay, one)
      await segment.apply(overlay)
    }
  })
  after(() => close())

  it('work beside each other, and applying one again changes nothing', async () => {
    for (const overlay of [red, blue]) {
      await works(overlay)
      assert.deepEqual(await segment.apply(overlay), [])
    }
  })

  it('do not reach each other, neither over the segment nor through a gateway', async () => {
    const node = segment.node('east-77')
    for (const address of ['10.78.1.1', '10.78.2.1']) assert.equal(await reaches(node, address, 1), false, address)
    // As if it belonged there: the other cluster's bridge and members must not hear it.
    await node.run('ip address add 10.78.9.9/16 dev eth0')
    assert.equal(await reaches(node, '10.78.1.1', 1), false)
    await node.run('ip address del 10.78.9.9/16 dev eth0')
  })

  it('go without a trace in the other', async () => {
    const east = segment.gateway('east')
    const state = async () => {
      const parts = ['bridge fdb show br cw78', 'ip neigh show dev cw78 nud permanent', 'nft -t list ruleset']
      const texts = await Promise.all(parts.map((command) => east.run(command)))
      const others = texts.join('\n').split('\n')
      return others.filter((line) => !line.includes('causeway_77')).sort()
    }
    const entries = async () => (await east.run('bridge fdb show br cw78')).split('\n').sort()
    const before = await entries()
    const report = await removeOverlay(east, red.vni)
    assert.deepEqual([report.failures, report.missing], [[], []])
    assert.deepEqual(await entries(), before)
    assert.ok(!(await state()).some((line) => line.includes('cw77"')), 'no rule names what is gone')
    assert.deepEqual(await segment.apply(blue), [])
    await works(blue)
    await segment.apply(red)
    await east.run('ip link set dev cwp000077e1 master cw77')
    await segment.apply(red)
    await works(red)
    await works(blue)
  })
})
