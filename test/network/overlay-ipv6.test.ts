import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { overIpv6, sample, withIpv6 } from './sample.ts'
import { reaches, Segment } from './segment.ts'

describe('the overlay over an IPv6 WAN, with IPv6 inside', () => {
  const overlay = withIpv6(overIpv6(sample))
  const west1 = 'fd77::a4d:201'
  let segment: Segment
  let close = async () => {}

  before(async () => {
    segment = await Segment.populated(overlay, (how) => {
      close = how
    })
  })
  after(() => close())

  it('writes nothing when nothing differs', async () => {
    assert.deepEqual(await segment.apply(overlay), [])
  })

  it('joins all members, the head and the gateways, by both families', async () => {
    const stations = [...overlay.members, ...overlay.gateways]
    for (const from of [...segment.nodes.values(), segment.gateway('head')]) {
      for (const { address, address6 } of stations) {
        for (const one of [address, address6 ?? '']) assert.ok(await reaches(from, one), `${from.name} to ${one}`)
      }
    }
  })

  it('answers neighbour solicitations for a known member at home', async () => {
    const node = segment.node('east-1')
    const packets = await segment.wanPackets(() => node.run(`ping -c 1 -W 5 ${west1}`))
    assert.equal(packets, 2, 'the request and the reply, and nothing to find each other')
  })

  it('sends neither multicast nor solicitations for nobody over the WAN', async () => {
    const node = segment.node('east-1')
    const packets = await segment.wanPackets(async () => {
      await node.exec('ping -q -n -c 5 -i 0.01 -W 0.1 ff02::1%eth0'.split(' '))
      await node.exec('ping -q -n -c 1 -W 0.5 fd77::dead'.split(' '))
    })
    assert.equal(packets, 0)
  })

  it('carries packets of 1430 bytes whole', async () => {
    const node = segment.node('east-1')
    const ping = (payload: number) => node.exec(`ping -c 1 -W 5 -M do -s ${payload} ${west1}`.split(' '))
    assert.equal((await ping(1430 - 48)).code, 0)
    const tooLong = await ping(1431 - 48)
    assert.match(tooLong.stdout + tooLong.stderr, /too long/i)
  })

  it('takes nodes out to the WAN behind their gateway', async () => {
    assert.ok(await reaches(segment.node('east-1'), 'fd00:250:9::2'))
  })

  it('is repaired after IPv6 was switched off and the neighbours were flushed', async () => {
    const east = segment.gateway('east')
    await east.run('sysctl -qw net.ipv6.conf.cw77.disable_ipv6=1')
    assert.equal(await reaches(segment.node('east-1'), 'fd77::a4d:1fe', 1), false)
    await segment.apply(overlay)
    assert.deepEqual(await segment.apply(overlay), [])
    for (const one of ['fd77::a4d:1fe', west1]) assert.ok(await reaches(segment.node('east-1'), one), one)
  })
})
