import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../../lab/until.ts'
import { joinName, towardPort } from '../../src/network/addressing.ts'
import { removeOverlay } from '../../src/network/apply.ts'
import { desiredState } from '../../src/network/kernel/desired-state.ts'
import type { Member, Overlay } from '../../src/network/overlay.ts'
import type { NetnsHost } from './netns-host.ts'
import { member, overIpv6, sample, withGateway, withIpv6, withMembers } from './sample.ts'
import { reaches, Segment } from './segment.ts'

/** A node of `west` that joins by itself from an address of the site's network. */
function joined(name: string, address: string, via: string | null): Member {
  return { ...member(name, address, 'west', joinName(sample.vni)), via }
}

const open = withIpv6(withGateway(sample, 'west', { joins: true }))
const two = [joined('west-8', '10.77.2.8', '10.250.12.8'), joined('west-9', '10.77.2.9', '10.250.12.9')]
const overlay = withIpv6(withMembers(open, (members) => [...members, ...two]))

/** The overlay's member of this name. */
function at(overlay: Overlay, name: string): Member {
  return overlay.members.find((one) => one.name === name) ?? assert.fail(`no member ${name}`)
}

/** That each of some members reaches all others and the gateways, by both families. */
async function allReachable(segment: Segment, overlay: Overlay, from: readonly string[]): Promise<void> {
  for (const one of from) {
    for (const { address, address6, name } of [...overlay.members, ...overlay.gateways]) {
      for (const to of [address, address6 ?? assert.fail(`${name} has no IPv6`)])
        assert.ok(await reaches(segment.node(one), to), `${one} to ${to}`)
    }
  }
}

describe('nodes that no bridge reaches', () => {
  let segment: Segment
  let close = async () => {}

  before(async () => {
    segment = await Segment.populated(open, (how) => {
      close = how
    })
    for (const one of ['west-8', 'west-9']) await segment.joinBySelf(overlay, at(overlay, one))
    await segment.apply(overlay)
  })
  after(() => close())

  it('are members of the segment, by both families: at home, at other sites, at the head, among each other', async () => {
    assert.deepEqual(await segment.apply(overlay), [])
    await allReachable(segment, overlay, ['west-8', 'west-9', 'west-1', 'east-1'])
    for (const { address, address6 } of [at(overlay, 'west-8'), at(overlay, 'west-9')]) {
      for (const to of [address, address6 ?? '']) {
        for (const name of ['head', 'west']) assert.ok(await reaches(segment.gateway(name), to), `${name} to ${to}`)
      }
    }
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

  it('are told of packets that are too long for the network of their site, and so is who sends such to them', async () => {
    const [east, west] = [segment.node('east-1'), segment.gateway('west')]
    await west.run('ip route add 10.250.12.8 via 10.250.2.1 mtu lock 1400')
    for (const to of ['10.77.2.8', 'fd77::a4d:208']) {
      const { stdout } = await east.exec(['ping', '-c', '2', '-i', '0.5', '-W', '5', '-M', 'do', '-s', '1392', to])
      assert.match(stdout, /mtu ?= ?1350|Packet too big/i)
    }
    await west.run('ip route del 10.250.12.8')
    await east.run('ip route flush cache')
  })

  it('have users who can make no frames of their own for other nodes', async () => {
    const send = `printf x >/dev/udp/${at(overlay, 'west-9').via}/4788`
    assert.equal((await segment.node('west-8').exec(['bash', '-c', send])).code, 0)
    const user = ['setpriv', '--reuid', '65534', '--clear-groups', 'bash', '-c', send]
    assert.notEqual((await segment.node('west-8').exec(user)).code, 0)
    const elsewhere = [...user.slice(0, -1), send.replace('4788', '4799')]
    assert.equal((await segment.node('west-8').exec(elsewhere)).code, 0)
  })

  it('can send as themselves only', async () => {
    const node = segment.node('west-8')
    await node.run('ip address add 10.77.2.77/16 dev cw0')
    assert.equal((await node.exec(['ping', '-c', '2', '-W', '1', '-I', '10.77.2.77', '10.77.2.1'])).code, 1)
    await node.run('ip address del 10.77.2.77/16 dev cw0')
  })

  it('can send as none of their site, not even with its MAC and addresses', async () => {
    const [thief, victim] = [segment.node('west-8'), at(overlay, 'west-9')]
    await dressAs(thief, victim, at(overlay, 'west-8'))
    await thief.run('arping -q -A -c 2 -I cw0 10.77.2.9')
    for (const to of ['10.77.2.1', 'fd77::a4d:201']) assert.equal(await reaches(thief, to, 2), false, to)
    const dropped = await segment.gateway('west').run('nft list chain ip causeway_77 inward')
    assert.match(dropped, /counter packets [1-9]/)
    for (const to of ['10.77.2.1', 'fd77::a4d:201']) assert.ok(await reaches(segment.node('west-9'), to), to)
    await dressAs(thief, at(overlay, 'west-8'), victim)
    for (const to of ['10.77.2.1', 'fd77::a4d:201']) assert.ok(await reaches(thief, to), to)
  })

  it('pass nothing by the device that leads to them, not even as themselves', async () => {
    const [node, { mac, address, via }] = [segment.node('west-8'), at(overlay, 'west-8')]
    const way = `type vxlan id 77 remote 10.250.2.2 local ${via} dstport ${towardPort} nolearning`
    await node.run(`ip link add name cw1 address ${mac} ${way}`)
    await node.run('ip link set dev cw1 up')
    await node.run(`ip address add ${address}/32 dev cw1`)
    const ping = ['ping', '-c', '2', '-i', '0.2', '-W', '1', '-I', 'cw1', '10.77.2.254']
    assert.notEqual((await node.exec(ping)).code, 0)
    await node.run('ip link del dev cw1')
    const dropped = await segment.gateway('west').run('nft list chain ip causeway_77 inward')
    assert.match(dropped, /dport 4787 @th,96,24 \S+ counter packets [1-9]/)
  })

  it('are cut off when they are nobody any more, also where none is left', async () => {
    await segment.apply(open)
    const reachesHome = () => reaches(segment.node('west-8'), '10.77.2.254', 2)
    assert.equal(await reachesHome(), false)
    await segment.apply(overlay)
    // A question that nobody answered meanwhile ends the first ping at once.
    await until('west-8 is somebody again', 120_000, reachesHome)
  })

  it('are waited for while their address is not known', async () => {
    const unknown = withMembers(overlay, (members) =>
      members.map((one) => (one.name === 'west-8' ? { ...one, via: null } : one)),
    )
    const reports = await segment.applyRaw(unknown)
    const west = reports.get('west')
    assert.ok(west && !(west instanceof Error))
    assert.deepEqual(west.pending, ['west-8'])
    await segment.apply(overlay)
  })

  it('lose their way in when the site lets nobody join any more, and a removed cluster leaves nothing', async () => {
    const links = async () => await segment.gateway('west').run('ip -br link')
    assert.match(await links(), /cwj77[^]*cwt77/)
    await segment.apply(withIpv6(sample))
    assert.doesNotMatch(await links(), /cw[jt]77/)
    await segment.apply(overlay)
    await removeOverlay(segment.gateway('west'), 77)
    assert.doesNotMatch(await links(), /cw[jtx]?77/)
    await segment.apply(overlay)
  })
})

describe('nodes that join over an IPv6 network', () => {
  it('are members of the segment, and can send as none of their site', async (t) => {
    const over = overIpv6(open)
    const vias: Readonly<Record<string, string>> = { 'west-8': 'fd00:250:12::8', 'west-9': 'FD00:250:12:0::9' }
    const six = withMembers(over, () =>
      overlay.members.map((one) => ({ ...one, ...(vias[one.name] ? { via: vias[one.name] } : {}) })),
    )
    const segment = await Segment.populated(over, (close) => t.after(close))
    for (const one of ['west-8', 'west-9']) await segment.joinBySelf(six, at(six, one))
    await segment.apply(six)
    assert.deepEqual(await segment.apply(six), [])
    await allReachable(segment, six, ['west-8', 'west-1', 'east-1'])
    assert.ok(await reaches(segment.node('west-8'), 'fd00:250:9::2'), 'the outside')
    await dressAs(segment.node('west-8'), at(six, 'west-9'), at(six, 'west-8'))
    for (const to of ['10.77.2.1', 'fd77::a4d:201'])
      assert.equal(await reaches(segment.node('west-8'), to, 2), false, to)
  })
})

describe('an overlay with nodes that join by themselves', () => {
  const refused = (overlay: Overlay, why: RegExp) =>
    assert.throws(() => desiredState(overlay, 'west'), { code: 'InvalidRequest', message: why })

  const [eight, nine] = [at(overlay, 'west-8'), at(overlay, 'west-9')]

  it('is refused where the gateway does not let them, or could not answer them', () => {
    refused(
      withMembers(withIpv6(sample), (members) => [...members, eight]),
      /west-8 can't join by itself at west/,
    )
    refused(
      withMembers(open, (members) => [...members, { ...eight, via: 'fd00::1' }]),
      /no address that west could answer/,
    )
    refused(
      withMembers(open, (members) => [...members, { ...eight, port: 'cwp00000008' }]),
      /has the port cwj77/,
    )
    refused(
      withMembers(open, (members) => [...members, eight, { ...nine, via: eight.via ?? null }]),
      /belongs to both/,
    )
    refused({ ...open, mode: { kind: 'evpn', asn: 64_512, reflectors: ['head'] } }, /use mode static/)
  })
})

/** Gives a node that joined by itself the MAC and addresses of another in the segment. */
async function dressAs(node: NetnsHost, other: Member, before: Member): Promise<void> {
  await node.run(`ip address del ${before.address}/16 dev cw0`)
  await node.run(`ip address del ${before.address6}/64 dev cw0`)
  await node.run('ip link set dev cw0 down')
  await node.run(`ip link set dev cw0 address ${other.mac}`)
  await node.run('ip link set dev cw0 up')
  await node.run(`ip address add ${other.address}/16 broadcast + dev cw0`)
  await node.run(`ip address add ${other.address6}/64 dev cw0 nodad`)
}
