import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { joinName } from '../../src/network/addressing.ts'
import { removeOverlay } from '../../src/network/apply.ts'
import { desiredState } from '../../src/network/kernel/desired-state.ts'
import type { Member, Overlay } from '../../src/network/overlay.ts'
import { member, sample, withGateway, withIpv6, withMembers } from './sample.ts'
import { reaches, Segment } from './segment.ts'

/** A node of `west` that joins by itself from an address of the site's network. */
function joined(name: string, address: string, via: string | null): Member {
  return { ...member(name, address, 'west', joinName(sample.vni)), via }
}

const [first, second] = [joined('west-8', '10.77.2.8', '10.250.2.8'), joined('west-9', '10.77.2.9', '10.250.2.9')]
const open = withGateway(sample, 'west', { joins: true })
const overlay = withMembers(open, (members) => [...members, first, second])

describe('nodes that no bridge reaches', () => {
  let segment: Segment
  let close = async () => {}

  before(async () => {
    segment = await Segment.populated(open, (how) => {
      close = how
    })
    for (const one of [first, second]) await segment.joinBySelf(overlay, one)
    await segment.apply(overlay)
  })
  after(() => close())

  it('are members of the segment: at home, at other sites, at the head, among each other', async () => {
    assert.deepEqual(await segment.apply(overlay), [])
    for (const one of ['west-8', 'west-9', 'west-1', 'east-1', 'east-2']) {
      for (const address of ['10.77.2.8', '10.77.2.9', '10.77.0.1', '10.77.1.1', '10.77.2.1', '10.77.2.254']) {
        assert.ok(await reaches(segment.node(one), address), `${one} to ${address}`)
      }
    }
    assert.ok(await reaches(segment.gateway('head'), '10.77.2.8'))
  })

  it('reach the outside through their gateway, as every node of the site', async () => {
    await segment.serve(segment.origin, 'origin', 8080)
    const seen = await segment.node('west-8').run('curl -sS --max-time 30 http://10.250.9.2:8080/')
    assert.match(seen, /10\.250\.2\.2/)
  })

  it('carry packets of the whole MTU', async () => {
    const ping = ['ping', '-c', '1', '-W', '5', '-M', 'do', '-s', `${1450 - 28}`, '10.77.1.1']
    assert.equal((await segment.node('west-8').exec(ping)).code, 0)
  })

  it('can send as themselves only', async () => {
    const node = segment.node('west-8')
    await node.run('ip address add 10.77.2.77/16 dev cw0')
    assert.equal((await node.exec(['ping', '-c', '2', '-W', '1', '-I', '10.77.2.77', '10.77.2.1'])).code, 1)
    await node.run('ip address del 10.77.2.77/16 dev cw0')
  })

  it('are cut off when they are nobody any more, also where none is left', async () => {
    await segment.apply(open)
    assert.equal(await reaches(segment.node('west-8'), '10.77.2.254', 2), false)
    await segment.apply(overlay)
    assert.ok(await reaches(segment.node('west-8'), '10.77.2.254'))
  })

  it('are waited for while their address is not known', async () => {
    const unknown = withMembers(overlay, (members) =>
      members.map((one) => (one === first ? { ...one, via: null } : one)),
    )
    const reports = await segment.applyRaw(unknown)
    const west = reports.get('west')
    assert.ok(west && !(west instanceof Error))
    assert.deepEqual(west.pending, ['west-8'])
    await segment.apply(overlay)
  })

  it('lose their way in when the site lets nobody join any more, and a removed cluster leaves nothing', async () => {
    const links = async () => await segment.gateway('west').run('ip -br link')
    assert.match(await links(), /cwj77/)
    await segment.apply(sample)
    assert.doesNotMatch(await links(), /cwj77/)
    await segment.apply(overlay)
    await removeOverlay(segment.gateway('west'), 77)
    assert.doesNotMatch(await links(), /cw[jx]?77/)
    await segment.apply(overlay)
  })
})

describe('an overlay with nodes that join by themselves', () => {
  const refused = (overlay: Overlay, why: RegExp) =>
    assert.throws(() => desiredState(overlay, 'west'), { code: 'InvalidRequest', message: why })

  it('is refused where the gateway does not let them, or could not answer them', () => {
    refused(
      withMembers(sample, (members) => [...members, first]),
      /west-8 can't join by itself at west/,
    )
    refused(
      withMembers(open, (members) => [...members, joined('west-8', '10.77.2.8', 'fd00::1')]),
      /no address that west could answer/,
    )
    refused(
      withMembers(open, (members) => [...members, { ...first, port: 'cwp00000008' }]),
      /has the port cwj77/,
    )
    refused(
      withMembers(open, (members) => [...members, first, { ...second, via: first.via ?? null }]),
      /belongs to both/,
    )
    refused({ ...open, mode: { kind: 'evpn', asn: 64_512, reflectors: ['head'] } }, /use mode static/)
    refused(withIpv6(open), /leave it out/)
  })
})
