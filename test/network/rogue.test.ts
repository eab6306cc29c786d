import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../../lab/until.ts'
import { type DropKind, dropKinds } from '../../src/network/kernel/guard.ts'
import { readDrops } from '../../src/network/kernel/guard-drops.ts'
import type { Member } from '../../src/network/overlay.ts'
import {
  arp,
  bpdu,
  ethernet,
  neighbour,
  redirect,
  routerAdvertisement,
  type Sender,
  tagged,
  udp,
  udp6,
} from './frames.ts'
import { startServer } from './namespace-server.ts'
import type { NetnsHost } from './netns-host.ts'
import { member, sample, withIpv6, withMembers } from './sample.ts'
import { reaches, Segment } from './segment.ts'
import { sendFrames, whichArrive } from './wire.ts'

const storm = 200
const overlay = withIpv6({
  ...withMembers(sample, (members) => [...members, member('east-3', '10.77.1.3', 'east', 'cwp000000e3')]),
  storm,
})
const patience = 120_000

function who(name: string): Member & Sender {
  const found = overlay.members.find((one) => one.name === name)
  return found !== undefined && found.address6 !== null ? { ...found, address6: found.address6 } : assert.fail(name)
}

const [rogue, victim, third] = [who('east-1'), who('east-2'), who('east-3')]
const linkLocal = 'fe80::43:aff:fe4d:101'
const spoofed = '02:43:0a:4d:02:01'
const unknown = '02:00:00:00:00:99'

/** What a node may send, by what it is. */
const rightful: Record<string, Buffer> = {
  UDP: udp(rogue, victim, 5000, 5001),
  'UDP over IPv6': udp6(rogue, victim, 5000, 5001),
  'UDP over IPv6 from its link-local address': udp6({ ...rogue, address6: linkLocal }, victim, 5000, 5001),
  'a question for an address': udp({ ...rogue, address: '0.0.0.0' }, { ...victim, address: '255.255.255.255' }, 68, 67),
  'an ARP question': arp(1, rogue, victim.address),
  'an ARP answer': arp(2, rogue, victim.address, victim.mac),
  'a gratuitous ARP': arp(1, rogue, rogue.address),
  'an ARP probe for its own address': arp(1, { ...rogue, address: '0.0.0.0' }, rogue.address),
  'a solicitation': neighbour(135, rogue, victim.address6, rogue.mac),
  'a solicitation without options': neighbour(135, rogue, victim.address6, null),
  'an advertisement': neighbour(136, rogue, rogue.address6, rogue.mac, victim),
  'an advertisement without options': neighbour(136, rogue, rogue.address6, null, victim),
  'an advertisement of its link-local address': neighbour(136, rogue, linkLocal, rogue.mac, victim),
  'whether its own IPv6 address is free': neighbour(135, { ...rogue, address6: '::' }, rogue.address6, null),
}

/** What it must not send, by why the guard drops it. */
const wrong: Record<Exclude<DropKind, 'unknown' | 'storm'>, Record<string, Buffer>> = {
  mac: {
    "a remote member's MAC": udp({ ...rogue, mac: spoofed }, victim, 1, 2),
    "a neighbour's MAC": udp({ ...rogue, mac: third.mac }, victim, 1, 2),
    "a neighbour's MAC and address": udp(third, victim, 1, 2),
    "nobody's MAC": udp({ ...rogue, mac: unknown }, victim, 1, 2),
    'IPv6 from another MAC': udp6({ ...rogue, mac: third.mac }, victim, 1, 2),
    'ARP from another MAC': ethernet(victim.mac, third.mac, 0x0806, arp(2, rogue, victim.address).subarray(14)),
    'a question for an address from another MAC': udp(
      { mac: unknown, address: '0.0.0.0' },
      { ...victim, address: '255.255.255.255' },
      68,
      67,
    ),
  },
  address: {
    "a neighbour's address": udp({ ...rogue, address: third.address }, victim, 1, 2),
    "the gateway's address": udp({ ...rogue, address: '10.77.1.254' }, victim, 1, 2),
    'an address outside': udp({ ...rogue, address: '192.0.2.1' }, victim, 1, 2),
    'no address, though it asks for none': udp({ ...rogue, address: '0.0.0.0' }, victim, 1, 2),
    "a neighbour's IPv6 address": udp6({ ...rogue, address6: third.address6 }, victim, 1, 2),
    "a neighbour's link-local address": udp6({ ...rogue, address6: 'fe80::43:aff:fe4d:103' }, victim, 1, 2),
    'an IPv6 address outside': udp6({ ...rogue, address6: '2001:db8::1' }, victim, 1, 2),
    'no IPv6 address': udp6({ ...rogue, address6: '::' }, victim, 1, 2),
    "that another's IPv6 address is not free": neighbour(135, { ...rogue, address6: '::' }, third.address6, null),
  },
  arp: {
    "a gratuitous ARP for another's address": arp(1, { ...rogue, address: third.address }, third.address),
    "an ARP answer for another's address": arp(2, { ...rogue, address: third.address }, victim.address, victim.mac),
    "an ARP answer for the gateway's address": arp(2, { ...rogue, address: '10.77.1.254' }, victim.address, victim.mac),
    'an ARP answer with another MAC inside': ethernet(
      victim.mac,
      rogue.mac,
      0x0806,
      arp(2, { ...rogue, mac: third.mac }, victim.address).subarray(14),
    ),
    "an ARP probe for another's address": arp(1, { ...rogue, address: '0.0.0.0' }, third.address),
    "a probe for another's address in its name": ethernet(
      'ff:ff:ff:ff:ff:ff',
      rogue.mac,
      0x0806,
      arp(1, { ...third, address: '0.0.0.0' }, third.address).subarray(14),
    ),
    'an ARP answer without an address': arp(2, { ...rogue, address: '0.0.0.0' }, rogue.address),
  },
  neighbour: {
    "an advertisement of another's address": neighbour(136, rogue, third.address6, rogue.mac, victim),
    "an advertisement of another's address without options": neighbour(136, rogue, third.address6, null, victim),
    "the gateway's address to all": neighbour(136, rogue, 'fd77::a4d:1fe', rogue.mac),
    "an advertisement with another's MAC inside": neighbour(136, rogue, rogue.address6, third.mac, victim),
    "a solicitation with another's MAC inside": neighbour(135, rogue, victim.address6, third.mac),
  },
  dhcp: {
    'a DHCP answer': udp(rogue, victim, 67, 68),
    'a DHCP answer from another port': udp(rogue, victim, 1067, 68),
    'a DHCP answer to another port': udp(rogue, victim, 67, 1068),
    'a DHCPv6 answer': udp6(rogue, victim, 547, 546),
    'a DHCPv6 answer from another port': udp6(rogue, victim, 1547, 546),
  },
  router: {
    'a router advertisement': routerAdvertisement({ ...rogue, address6: linkLocal }),
    'a redirect': redirect({ ...rogue, address6: linkLocal }, victim, third.address6),
  },
  bpdu: {
    'spanning tree': bpdu(rogue.mac),
  },
  ethertype: {
    LLDP: ethernet(victim.mac, rogue.mac, 0x88cc, Buffer.alloc(46, 1)),
    'a VLAN tag': tagged(udp(rogue, victim, 7, 7), 7),
    'a VLAN tag without a VLAN': tagged(udp(rogue, victim, 7, 8), 0),
    'ARP in a VLAN': tagged(arp(2, { ...rogue, address: third.address }, victim.address, victim.mac), 7),
    'reverse ARP': ethernet(victim.mac, rogue.mac, 0x8035, Buffer.alloc(46, 2)),
  },
}

/** Nothing but a DHCP server, which leaves no files. */
const dnsmasq = [
  'dnsmasq --keep-in-foreground --conf-file=/dev/null --log-facility=- --pid-file --user=root',
  '--port=0 --bind-interfaces --no-ping --leasefile-ro',
].flatMap((line) => line.split(' '))

const marker = udp(rogue, victim, 4000, 4000)

describe('a rogue node', () => {
  let segment: Segment
  let close = async () => {}
  const east = () => segment.gateway('east')
  const node = (one: Sender & { readonly name: string }) => segment.node(one.name)
  const arrives = async (frames: Record<string, Buffer>) => {
    const arrived = await whichArrive(node(rogue), node(victim), Object.values(frames), marker)
    return Object.keys(frames).filter((_, k) => arrived[k])
  }

  before(async () => {
    segment = await Segment.create(overlay, (how) => {
      close = how
    })
    await segment.apply(overlay)
    for (const one of overlay.members) {
      if (one.port === null) continue
      const host = await segment.plug(overlay, one)
      await host.run('sysctl -qw net.ipv6.conf.eth0.accept_ra=1')
    }
    await segment.apply(overlay)
  })
  after(() => close())

  it('is one of the segment as long as it sends as itself', async () => {
    assert.deepEqual(await arrives(rightful), Object.keys(rightful))
    for (const to of [victim, who('west-1'), who('head')]) {
      assert.ok(await reaches(node(rogue), to.address), to.name)
      assert.ok(await reaches(node(rogue), to.address6), `${to.name} by IPv6`)
    }
  })

  for (const [kind, frames] of Object.entries(wrong)) {
    it(`does not get through with ${Object.keys(frames).join(', ')}`, async () => {
      const before = (await readDrops(east(), overlay.vni)).kinds
      assert.deepEqual(await arrives(frames), [])
      const drops = await readDrops(east(), overlay.vni)
      for (const one of dropKinds) {
        const count = one === kind ? Object.keys(frames).length : 0
        assert.equal(drops.kinds[one] - before[one], count, `counted as ${one}`)
      }
      assert.ok((drops.ports[rogue.port ?? ''] ?? 0) >= Object.keys(frames).length)
      assert.equal(drops.ports[victim.port ?? ''], undefined)
    })
  }

  it("does not change what a victim's kernel believes", async () => {
    const them = node(victim)
    const believed = async () => {
      assert.ok((await reaches(them, third.address)) && (await reaches(them, third.address6)))
      return (await them.run('ip -br neigh show dev eth0'))
        .match(/\S+ +02:43:0a:4d:01:03/g)
        ?.sort()
        .join('\n')
    }
    const before = await believed()
    assert.match(before ?? '', /10\.77\.1\.3 [^]*fd77::a4d:103 /)
    await sendFrames(node(rogue), [...Object.values(wrong.arp), ...Object.values(wrong.neighbour), marker])
    await node(rogue).exec(['arping', '-U', '-c', '3', '-w', '1', '-I', 'eth0', '-s', third.address, third.address])
    assert.equal(await believed(), before)
    assert.doesNotMatch(await them.run('ip -6 route show dev eth0'), /proto ra/)
  })

  it('sends what is for nobody to nobody', async () => {
    const forNobody = { 'a frame for a MAC that nobody has': udp(rogue, { ...victim, mac: unknown }, 9, 9) }
    assert.deepEqual(await arrives(forNobody), [])
  })

  it('cannot be the DHCP server, and gets its own address from the right one', async (t) => {
    const served = async (host: NetnsHost, device: string, range: string, ...more: string[]) => {
      const server = await startServer(host, /DHCP, sockets bound|DHCP, IP range/, [
        ...dnsmasq,
        `--interface=${device}`,
        `--dhcp-range=${range}`,
        ...more,
      ])
      t.after(() => server.stop())
      return server
    }
    const ask = (host: NetnsHost, tries: number) =>
      host.exec(['udhcpc', '-f', '-n', '-q', '-t', `${tries}`, '-T', '1', '-i', 'eth0', '-s', '/bin/true'])
    const obtained = (text: string) => /lease of (\S+) obtained/.exec(text)?.[1]

    const evil = await served(node(rogue), 'eth0', '10.77.66.1,10.77.66.9,1h')
    const fooled = await ask(node(victim), 3)
    assert.equal(obtained(fooled.stdout + fooled.stderr), undefined)
    await evil.stop()

    await served(east(), 'cw77', '10.77.0.0,static', `--dhcp-host=${rogue.mac},${rogue.address}`)
    const right = await ask(node(rogue), 10)
    assert.equal(obtained(right.stdout + right.stderr), rogue.address)
  })

  it('cannot become a router or the root of a spanning tree by its kernel either', async (t) => {
    const rogueHost = node(rogue)
    t.after(async () => {
      await rogueHost.exec(['ip', 'link', 'del', 'dev', 'br0'])
      await rogueHost.run('ip link set dev eth0 up')
    })
    const before = (await readDrops(east(), overlay.vni)).kinds.bpdu
    await rogueHost.run('ip link add name br0 type bridge stp_state 1 hello_time 100')
    await rogueHost.run('ip link set dev eth0 master br0')
    await rogueHost.run('ip link set dev br0 up')
    await until('spanning tree is dropped', patience, async () => {
      return (await readDrops(east(), overlay.vni)).kinds.bpdu > before
    })
  })

  it('cannot make frames of others by wrapping them up itself, neither for its gateway nor for another', async (t) => {
    const [from, head] = [node(rogue), who('head')]
    t.after(() => segment.apply(overlay))
    for (const [remote, reached] of [
      ['10.77.1.254', third],
      ['10.250.1.2', third],
      ['10.250.2.2', who('west-1')],
    ] as const) {
      const heard = await pingsFrom(node(reached), head)
      const wrapped = async () => {
        await from.run(
          `ip link add name vx0 address ${head.mac} type vxlan id 77 remote ${remote} dstport 4789 nolearning`,
        )
        await from.run('ip link set dev vx0 up')
        await from.run(`ip address add ${head.address}/32 dev vx0`)
        await from.run(`ip neigh replace ${reached.address} lladdr ${reached.mac} dev vx0`)
        await from.exec(['ping', '-c', '2', '-i', '0.2', '-W', '1', '-I', 'vx0', reached.address])
        await from.run('ip link del dev vx0')
      }
      await wrapped()
      assert.equal(await heard(), 0, remote)
      for (const chain of ['isolate', 'inward']) await east().run(`nft flush chain ip causeway_77 ${chain}`)
      await wrapped()
      assert.ok((await heard()) > 0, `${remote} without the rules`)
      await segment.apply(overlay)
    }
  })

  it('can shout only so much, and speaks with its neighbours meanwhile', async () => {
    const shouts = Array.from({ length: storm * 10 }, (_, k) => arp(1, rogue, `10.77.${9 + (k >> 8)}.${k & 255}`))
    const start = performance.now()
    const arrived = await whichArrive(node(rogue), node(victim), shouts, marker)
    const seconds = (performance.now() - start) / 1000
    const count = arrived.filter((one) => one).length
    assert.ok(count >= storm / 2, `${count} pass`)
    assert.ok(count <= storm * (1 + seconds), `${count} of ${shouts.length} in ${seconds} s`)
    assert.ok((await readDrops(east(), overlay.vni)).kinds.storm >= shouts.length - count)
    // The one that was quiet is not limited by the other.
    const own = [arp(1, third, victim.address)]
    assert.deepEqual(await whichArrive(node(third), node(victim), own, udp(third, victim, 1, 1)), [true])
    assert.ok(await reaches(node(rogue), victim.address))
  })

  it('passes nothing from a port that nobody has taken in, and leaves those of other clusters alone', async (t) => {
    const site = east()
    t.after(async () => {
      await site.exec(['ip', 'link', 'del', 'dev', 'cwp00000999'])
      await segment.apply(overlay)
    })
    await site.run(`ip link add name cwp00000999 type veth peer name eth1 netns ${node(rogue).netns}`)
    await site.run('ip link set dev cwp00000999 master cw77 up')
    await node(rogue).run('sysctl -qw net.ipv6.conf.eth1.disable_ipv6=1')
    await node(rogue).run('ip link set dev eth1 up')
    const hello = [ethernet('ff:ff:ff:ff:ff:ff', unknown, 0x0800, Buffer.alloc(46, 7))]
    const heard = async () => {
      await sendFrames(node(rogue), hello, 'eth1')
      // The marker goes another way: only after it has come is the first one surely through the bridge.
      return whichArrive(node(rogue), node(victim), [], marker)
    }
    const before = (await readDrops(site, overlay.vni)).kinds.unknown
    await heard()
    assert.equal((await readDrops(site, overlay.vni)).kinds.unknown, before + 1)
    await site.run('ip link set dev cwp00000999 group 78')
    await heard()
    assert.equal((await readDrops(site, overlay.vni)).kinds.unknown, before + 1)
    await site.run('ip link set dev cwp00000999 group 77')
    await heard()
    assert.equal((await readDrops(site, overlay.vni)).kinds.unknown, before + 2)
  })

  it('loses its place with its membership', async (t) => {
    t.after(() => segment.apply(overlay))
    await segment.apply(withMembers(overlay, (members) => members.filter((one) => one.name !== third.name)))
    assert.equal(await reaches(node(third), victim.address, 1), false)
    await segment.apply(overlay)
    assert.ok(await reaches(node(third), victim.address))
  })

  it('does not bring the segment down by joining two of its ports', async (t) => {
    // `third` gets a second card, the port of one more member, and bridges the two.
    const second = { ...member('east-4', '10.77.1.4', 'east', 'cwp000000e4'), address6: 'fd77::a4d:104' }
    const grown = withMembers(overlay, (members) => [...members, second])
    const [site, looped] = [east(), node(third)]
    t.after(async () => {
      await looped.exec(['ip', 'link', 'del', 'dev', 'br0'])
      await site.exec(['ip', 'link', 'del', 'dev', 'cwp000000e4'])
      await segment.apply(overlay)
    })
    await site.run(`ip link add name cwp000000e4 type veth peer name eth1 netns ${looped.netns}`)
    await site.run('ip link set dev cwp000000e4 master cw77 up')
    await looped.run(`ip link set dev eth1 address ${second.mac} up`)
    await segment.apply(grown)
    await looped.run('ip link add name br0 type bridge stp_state 0')
    await looped.run('ip link set dev br0 up')
    for (const device of ['eth0', 'eth1']) await looped.run(`ip link set dev ${device} master br0`)

    // What others send does not come back from it; its own goes round, but no more of it than it may shout.
    await sendFrames(node(rogue), [arp(1, rogue, '10.77.9.9'), neighbour(135, rogue, victim.address6, rogue.mac)])
    await sendFrames(looped, [arp(1, third, '10.77.9.9'), udp(third, { ...victim, mac: unknown }, 1, 1)], 'eth0')
    const heard = async () => Number(await node(victim).run('cat /sys/class/net/eth0/statistics/rx_packets'))
    const [start, before] = [performance.now(), await heard()]
    for (const from of [rogue, victim]) {
      assert.ok(await reaches(node(from), '10.77.1.254'), from.name)
      assert.ok(await reaches(node(from), who('west-1').address), from.name)
    }
    const seconds = (performance.now() - start) / 1000
    const count = (await heard()) - before
    assert.ok(count <= 2 * storm * (1 + seconds) + 100, `${count} frames in ${seconds} s`)
    assert.equal((await readDrops(site, overlay.vni)).kinds.mac > 0, true)
  })

  // The last one: the victims believe it.
  it('would get through with all that without the guard', async (t) => {
    t.after(() => segment.apply(overlay))
    await east().run('nft delete table bridge causeway_77')
    const all = Object.assign({}, ...Object.values(wrong)) as Record<string, Buffer>
    assert.deepEqual(await arrives(all), Object.keys(all))
  })
})

/** Counts the pings that a node gets from another from now on. */
async function pingsFrom(node: NetnsHost, { address }: Pick<Member, 'address'>): Promise<() => Promise<number>> {
  const rules = [
    'add table inet seen',
    'flush table inet seen',
    'add chain inet seen in { type filter hook input priority 0; }',
    `add rule inet seen in ip saddr ${address} icmp type echo-request counter`,
  ]
  await node.run('nft -f -', rules.join('\n'))
  return async () => Number(/packets (\d+)/.exec(await node.run('nft list table inet seen'))?.[1])
}
