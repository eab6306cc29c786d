import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Member, Overlay } from '../../src/network/overlay.ts'
import { NetnsHost } from './netns-host.ts'
import { bareOverlay, gateway, member } from './sample.ts'
import { reaches, Segment } from './segment.ts'

/** Three sites; behind east's port `lan0` there is a LAN with two hosts that the configuration names. */
const fixed = (name: string, address: string): Member => ({ ...member(name, address, 'east', 'lan0'), fixed: true })
const hosts = [fixed('files', '10.77.1.201'), fixed('backup', '10.77.1.202')]
const quiet: Overlay = {
  ...bareOverlay,
  gateways: [
    gateway('head', '10.250.0.2', '10.77.0.1'),
    gateway('east', '10.250.1.2', '10.77.1.254'),
    gateway('west', '10.250.2.2', '10.77.2.254'),
  ],
  members: [
    member('head', '10.77.0.1', 'head', null),
    member('east-1', '10.77.1.1', 'east', 'cwp000000e1'),
    member('west-1', '10.77.2.1', 'west', 'cwp00000071'),
    ...hosts,
  ],
}
const withFlood = (broadcast: boolean, unknown: boolean): Overlay => ({ ...quiet, flood: { broadcast, unknown } })

/** Kernels that don't use IPv6: they send nothing of their own accord that would be counted. */
const withoutIpv6 = 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1'

describe('what is flooded, and a LAN behind a port', () => {
  let segment: Segment
  const lan: NetnsHost[] = []
  let close = async () => {}

  before(async () => {
    segment = await Segment.create(quiet, (how) => {
      close = how
    })
    for (const host of segment.gateways.values()) await host.run(withoutIpv6)
    await segment.apply(quiet)
    for (const one of quiet.members) if (one.port?.startsWith('cwp')) await segment.plug(quiet, one)
    await plugLan()
    for (const host of [...segment.nodes.values(), ...lan]) await host.run(withoutIpv6)
    await segment.apply(quiet)
  })
  after(async () => {
    for (const host of lan) await host.close()
    await close()
  })

  /** What an administrator does: makes `lan0` a port of the cluster's bridge. */
  async function plugLan(): Promise<void> {
    const [east, wires] = [segment.gateway('east'), await NetnsHost.create('lan')]
    lan.push(wires)
    await wires.run('ip link add name wires type bridge mcast_snooping 0')
    await wires.run('ip link set dev wires up')
    await east.run(`ip link add name lan0 mtu 1450 type veth peer name up0 mtu 1450 netns ${wires.netns}`)
    await east.run('ip link set dev lan0 master cw77 up')
    await wires.run('ip link set dev up0 master wires up')
    for (const { name, address, mac } of hosts) {
      const host = await NetnsHost.create(name)
      lan.push(host)
      await wires.run(`ip link add name ${name} mtu 1450 type veth peer name eth0 mtu 1450 netns ${host.netns}`)
      await wires.run(`ip link set dev ${name} master wires up`)
      await host.run(`ip link set dev eth0 address ${mac} up`)
      await host.run(`ip address add ${address}/16 broadcast + dev eth0`)
    }
  }

  /** VXLAN packets over the WAN for ten broadcasts, and for ten frames to a MAC that nobody knows. */
  async function flooded(): Promise<{ broadcasts: number; unknown: number }> {
    const node = segment.node('east-1')
    const shout = (...argv: string[]) => node.exec(['ping', '-q', '-n', '-c', '10', '-i', '0.01', '-W', '0.1', ...argv])
    const broadcasts = await segment.wanPackets(() => shout('-b', '10.77.255.255'))
    const unknown = await segment.wanPackets(async () => {
      await node.run('ip neigh replace 10.77.9.9 lladdr 02:43:0a:4d:09:09 dev eth0 nud permanent')
      await shout('10.77.9.9')
      await node.run('ip neigh del 10.77.9.9 dev eth0')
    })
    return { broadcasts, unknown }
  }

  it('is nothing by default', async () => {
    assert.deepEqual(await flooded(), { broadcasts: 0, unknown: 0 })
  })

  it('is one copy to each other gateway where it is allowed, and comes back from none', async () => {
    await segment.apply(withFlood(true, false))
    assert.deepEqual(await flooded(), { broadcasts: 20, unknown: 0 })
    await segment.apply(withFlood(true, true))
    assert.deepEqual(await flooded(), { broadcasts: 20, unknown: 20 })
    await segment.apply(withFlood(false, true))
    assert.deepEqual(await flooded(), { broadcasts: 0, unknown: 20 })
  })

  it('does not keep ARP for a known member from being answered at home', async () => {
    await segment.apply(withFlood(true, true))
    const node = segment.node('east-1')
    assert.equal(await segment.wanPackets(() => node.run('arping -b -c 3 -w 5 -I eth0 10.77.2.1')), 0)
  })

  it('is nothing again when it is no longer allowed', async () => {
    await segment.apply(withFlood(true, true))
    await segment.apply(quiet)
    assert.deepEqual(await flooded(), { broadcasts: 0, unknown: 0 })
    assert.deepEqual(await segment.apply(quiet), [])
  })

  it('reaches the fixed members behind a port from another site, and they reach each other', async () => {
    for (const { address } of hosts) assert.ok(await reaches(segment.node('west-1'), address), address)
    for (const host of lan.slice(1)) {
      for (const address of ['10.77.2.1', '10.77.0.1', ...hosts.map((one) => one.address)]) {
        assert.ok(await reaches(host, address), `${host.name} to ${address}`)
      }
    }
  })

  it('leaves the port to the administrator when its members are gone', async () => {
    const east = segment.gateway('east')
    await segment.apply({ ...quiet, members: quiet.members.filter((one) => !one.fixed) })
    assert.match(await east.run('ip -o link show dev lan0'), /master cw77/)
    await segment.apply(quiet)
    assert.ok(await reaches(segment.node('west-1'), '10.77.1.201'))
  })
})
