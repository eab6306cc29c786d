import assert from 'node:assert/strict'
import type { Overlay } from '../../src/network/overlay.ts'
import { bareOverlay, gateway, member, overIpv6, sample, withGateway, withIpv6, withMembers } from './sample.ts'
import type { Transcript } from './transcript.ts'

const plug = async (play: Transcript, port: string) => {
  await play.run(`ip link add name ${port} type veth peer name x${port.slice(3)}`)
  await play.run(`ip link set dev ${port} master cw77 up`)
}

/** Second apply: nothing differs, so nothing is written. */
const settled = async (play: Transcript, overlay = sample) => {
  const report = await play.apply(overlay, 'east')
  assert.deepEqual([...report.commands, ...report.failures, ...report.missing], [])
}

const encryption = {
  subnet: '198.18.0.0/15',
  port: 51_820,
  relay: 'head',
  generation: 0,
  keys: new Map(),
  links: new Map(),
}
const byBgp: Overlay = { ...sample, mode: { kind: 'evpn', asn: 64_512, reflectors: ['head'] } }

/** Another cluster, of which the same hosts are gateways. */
const neighbour: Overlay = {
  ...bareOverlay,
  vni: 78,
  subnet: '10.78.0.0/16',
  gateways: [
    gateway('head', '10.250.0.2', '10.78.0.1'),
    gateway('east', '10.250.1.2', '10.78.1.254', { routes: true }),
  ],
  members: [member('head', '10.78.0.1', 'head', null), member('blue-1', '10.78.1.1', 'east', 'cwp00000b01')],
}

/** What a gateway goes through, by name; each is played on the fake kernel and on a real one. */
export const plays: Readonly<Record<string, (play: Transcript) => Promise<void>>> = {
  'from nothing': async (play) => {
    await play.apply(sample, 'east')
    await settled(play)
  },

  'the head, whose only member is itself': async (play) => {
    await play.apply(sample, 'head')
    const again = await play.apply(sample, 'head')
    assert.deepEqual(again.commands, [])
  },

  'ports appear': async (play) => {
    await play.apply(sample, 'east')
    await plug(play, 'cwp000000e1')
    await play.apply(sample, 'east')
    await plug(play, 'cwp000000e2')
    const report = await play.apply(sample, 'east')
    assert.deepEqual(report.pending, [])
    await settled(play)
  },

  'members come, go and move': async (play) => {
    await play.apply(sample, 'east')
    await plug(play, 'cwp000000e1')
    await play.apply(sample, 'east')
    const grown = withMembers(sample, (members) => [...members, member('west-2', '10.77.2.2', 'west', 'cwp00000072')])
    await play.apply(grown, 'east')
    const moved = withMembers(grown, (members) =>
      members
        .map((one) => (one.name === 'west-1' ? { ...one, gateway: 'east', port: 'cwp000000e1' } : one))
        .filter((one) => one.name !== 'east-1'),
    )
    await play.apply(moved, 'east')
    await settled(play, moved)
    const away = withMembers(moved, (members) =>
      members.map((one) => (one.name === 'west-1' ? { ...one, gateway: 'head', port: 'cwp00000001' } : one)),
    )
    await play.apply(away, 'east')
    await play.apply(sample, 'east')
    await settled(play)
  },

  'flushed entries come back': async (play) => {
    await play.apply(sample, 'east')
    await play.run('bridge fdb flush dev cwx77')
    await play.apply(sample, 'east')
    await play.run('bridge fdb flush dev cw77')
    await play.run('ip neigh flush dev cw77 nud permanent')
    await play.apply(sample, 'east')
    await settled(play)
  },

  'deleted devices come back': async (play) => {
    await play.apply(sample, 'east')
    await plug(play, 'cwp000000e1')
    await play.apply(sample, 'east')
    await play.run('ip link del dev cwx77')
    await play.apply(sample, 'east')
    await play.run('ip link del dev cw77')
    await play.apply(sample, 'east')
    await play.run('ip link set dev cwp000000e1 master cw77')
    await play.apply(sample, 'east')
    await settled(play)
  },

  'bent settings are straightened': async (play) => {
    await play.apply(sample, 'east')
    await play.run('ip link set dev cw77 mtu 1400')
    await play.run('ip link set dev cwx77 mtu 1400')
    await play.run('ip link set dev cw77 address 02:43:0a:4d:01:fd')
    await play.run('ip link set dev cw77 type bridge stp_state 1')
    await play.run('ip link set dev cwx77 type bridge_slave learning on flood on')
    await play.run('ip address add 10.77.1.200/16 dev cw77')
    await play.run('ip address add 192.0.2.1/24 dev cw77')
    await play.run('ip link set dev cwx77 down')
    await play.run('bridge fdb replace 02:43:0a:4d:02:01 dev cwx77 dst 10.250.0.2 self static')
    await play.run('bridge fdb append 00:00:00:00:00:00 dev cwx77 dst 10.250.2.2 self')
    await play.run('ip neigh replace 10.77.2.1 lladdr 02:43:0a:4d:02:99 dev cw77 nud permanent')
    await play.run('ip neigh replace 10.77.9.9 lladdr 02:43:0a:4d:09:09 dev cw77 nud permanent')
    await play.run('sysctl -w net.ipv4.ip_forward=0')
    await play.apply(sample, 'east')
    await settled(play)
  },

  'the address or the underlay changes': async (play) => {
    await play.apply(sample, 'east')
    const renumbered = withGateway(sample, 'east', {
      underlay: '10.250.1.9',
      address: '10.77.1.253',
      mac: '02:43:0a:4d:01:fd',
    })
    await play.apply(renumbered, 'east')
    await settled(play, renumbered)
  },

  'rules change, the set of living caches stays': async (play) => {
    await play.apply(sample, 'east')
    await play.nft('add element ip causeway_77 cache_alive { 80 timeout 1h }')
    const origins = ['10.250.9.3', '10.250.9.2', '10.77.2.1']
    const moved = withGateway(sample, 'east', { interception: { port: 3129, origins } })
    await play.apply(moved, 'east')
    await settled(play, moved)
    await play.apply(withGateway(sample, 'east', { interception: null }), 'east')
    await play.apply(withGateway(sample, 'east', { interception: null, routes: false }), 'east')
    await play.apply(sample, 'east')
    await settled(play)
  },

  'flushed and tampered rules come back': async (play) => {
    await play.apply(sample, 'east')
    await play.nft('flush ruleset')
    await play.apply(sample, 'east')
    await play.nft('flush chain ip causeway_77 intercept')
    await play.apply(sample, 'east')
    await play.nft('add rule ip causeway_77 outward tcp dport 22 accept')
    await play.apply(sample, 'east')
    await play.nft(
      'delete table ip causeway_77\nadd table ip causeway_77\nadd set ip causeway_77 cache_alive { type mark; flags timeout; }',
    )
    await play.apply(sample, 'east')
    await settled(play)
  },

  'a bent guard is straightened': async (play) => {
    await play.apply(sample, 'east')
    await play.nft('flush chain bridge causeway_77 guard')
    await play.apply(sample, 'east')
    await play.nft('flush set bridge causeway_77 members4')
    await play.nft('add element bridge causeway_77 ports { "eth0" }')
    await play.nft('add element bridge causeway_77 macs { "cwp000000e1" . 02:00:00:00:00:99 }')
    await play.nft('delete element bridge causeway_77 links6 { "cwp000000e2" . 02:43:0a:4d:01:02 . 0x02430a4d0102 }')
    await play.apply(sample, 'east')
    await play.nft('add set bridge causeway_77 mine { type ether_addr; }')
    await play.nft('insert rule bridge causeway_77 guard ether saddr @mine accept')
    await play.apply(sample, 'east')
    await plug(play, 'cwp000000e1')
    await play.apply(sample, 'east')
    await play.run('ip link set dev cwp000000e1 group 0')
    await play.run('ip link set dev cwp000000e1 type bridge_slave flood on')
    await play.apply(sample, 'east')
    await play.apply({ ...sample, storm: 50 }, 'east')
    await settled(play, { ...sample, storm: 50 })
  },

  'what is taken is a conflict': async (play) => {
    await play.run('ip link add name cw77 type veth peer name other')
    await play.refused(play.apply(sample, 'east'))
    await play.remove(77)
  },

  'a refusal leaves the rest done and is reported': async (play) => {
    await play.run('ip link add name taken type vxlan id 77 local 10.250.1.2 dstport 4789 nolearning')
    const report = await play.apply(sample, 'east')
    assert.ok(report.missing.length > 0)
    await play.run('ip link del dev taken')
    await play.apply(sample, 'east')
    await settled(play)
  },

  'removal leaves what is not ours': async (play) => {
    await play.run('ip link add name br0 address 02:00:00:00:00:01 type bridge')
    await play.run('ip link set dev br0 type bridge mcast_snooping 0')
    await play.run('ip link add name p0 type veth peer name p1')
    await play.run('ip link set dev p0 master br0')
    await play.run('bridge fdb replace 02:00:00:00:00:02 dev p0 master static')
    await play.run('ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:03 dev br0 nud permanent')
    await play.run('ip link add name cwx78 mtu 1500 type vxlan id 78 local 10.250.1.2 dstport 4789 nolearning')
    await play.nft(
      'add table ip causeway_78\nadd table ip filter\nadd chain ip filter input { type filter hook input priority 0; policy accept; }\nadd rule ip filter input tcp dport 9 drop',
    )
    await play.apply(sample, 'east')
    await plug(play, 'cwp000000e1')
    await play.apply(sample, 'east')
    await play.remove(77)
    const again = await play.remove(77)
    assert.deepEqual(again.commands, [])
  },

  'IPv6 inside comes and goes': async (play) => {
    const both = withIpv6(sample)
    await play.apply(both, 'east')
    await settled(play, both)
    await play.run('ip link set dev cw77 down')
    await play.run('ip address add fd77::99/64 dev cw77')
    await play.run('ip address add 2001:db8::1/64 dev cw77')
    await play.apply(both, 'east')
    await settled(play, both)
    const renumbered = withIpv6(sample, 'fd78::/64')
    await play.apply(renumbered, 'east')
    await settled(play, renumbered)
    await play.apply(sample, 'east')
    await settled(play)
  },

  'IPv6 inside where devices start without it': async (play) => {
    const both = withIpv6(sample)
    await play.run('sysctl -w net.ipv6.conf.default.disable_ipv6=1')
    await play.apply(sample, 'east')
    await settled(play)
    await play.apply(both, 'east')
    await settled(play, both)
    await play.run('ip link del dev cw77')
    await play.apply(both, 'east')
    await settled(play, both)
    await play.run('sysctl -w net.ipv6.conf.cw77.disable_ipv6=1')
    await play.apply(both, 'east')
    await settled(play, both)
    await play.run('ip link set dev cw77 mtu 1200')
    await play.apply(both, 'east')
    await settled(play, both)
  },

  'a gateway that begins to forward still hears its own routers': async (play) => {
    await play.run('ip link add name up0.5 type veth peer name up1')
    await play.run('ip link add name up2 type veth peer name up3')
    await play.run('sysctl -w net.ipv6.conf.up1.accept_ra=0')
    await play.run('sysctl -w net.ipv6.conf.up2.forwarding=1')
    const both = withIpv6(sample)
    await play.apply(both, 'east')
    await settled(play, both)
    await play.run('sysctl -w net.ipv6.conf.up1.accept_ra=1')
    await settled(play, both)
  },

  'over an IPv6 WAN': async (play) => {
    const overlay = overIpv6(sample)
    await play.apply(overlay, 'east')
    await settled(play, overlay)
    await play.apply(sample, 'east')
    await play.apply(overlay, 'east')
    await settled(play, overlay)
  },

  'between the addresses in the tunnels': async (play) => {
    await play.apply(sample, 'east')
    const encrypted = { ...sample, encryption }
    await play.apply(encrypted, 'east')
    await settled(play, encrypted)
    await play.apply(sample, 'east')
    await settled(play)
  },

  'flooding is allowed and no longer': async (play) => {
    const some = { ...sample, flood: { broadcast: true, unknown: false } }
    const all = { ...sample, flood: { broadcast: true, unknown: true } }
    await play.apply(some, 'east')
    await settled(play, some)
    await play.apply(all, 'east')
    await play.run('bridge fdb del 00:00:00:00:00:00 dev cwx77 dst 10.250.2.2 self')
    await play.run('bridge fdb append 00:00:00:00:00:00 dev cwx77 dst 10.250.9.9 self')
    await play.apply(all, 'east')
    const fewer = { ...all, gateways: all.gateways.filter((one) => one.name !== 'west'), members: [] }
    await play.apply(fewer, 'east')
    await settled(play, fewer)
    await play.apply(sample, 'east')
    await settled(play)
  },

  "BGP's entries are left alone as long as they are right": async (play) => {
    const learn = (address: string, mac: string) =>
      play.run(`ip neigh replace ${address} lladdr ${mac} dev cw77 nud noarp extern_learn protocol zebra`)
    await play.apply(sample, 'east')
    await plug(play, 'cwp000000e1')
    await play.apply(byBgp, 'east')
    await settled(play, byBgp)
    await play.run('bridge fdb append 00:00:00:00:00:00 dev cwx77 dst 10.250.2.2 self extern_learn')
    await play.run('bridge fdb replace 02:43:0a:4d:02:01 dev cwx77 dst 10.250.2.2 self static')
    await play.run('bridge fdb replace 02:43:0a:4d:02:01 dev cwx77 master static sticky extern_learn')
    await play.run('bridge fdb replace 02:43:0a:4d:02:fe dev cwx77 dst 10.250.2.2 self extern_learn')
    await play.run('bridge fdb replace 02:43:0a:4d:02:fe dev cwx77 master dynamic extern_learn')
    await learn('10.77.2.1', '02:43:0a:4d:02:01')
    await learn('fe80::43:aff:fe4d:201', '02:43:0a:4d:02:01')
    await settled(play, byBgp)
    // What others left, and what the daemon would not notice.
    await play.run('bridge fdb replace 02:43:0a:4d:02:0a dev cwx77 master dynamic extern_learn')
    await play.run('bridge fdb append 00:00:00:00:00:00 dev cwx77 dst 10.250.9.9 self extern_learn')
    await play.run('bridge fdb replace 02:43:0a:4d:02:09 dev cwx77 dst 10.250.2.2 self static')
    await play.run('bridge fdb replace 02:43:0a:4d:02:09 dev cwx77 master static sticky')
    await play.run('ip neigh replace 10.77.2.9 lladdr 02:43:0a:4d:02:09 dev cw77 nud permanent')
    await play.run('ip neigh replace 10.77.2.254 lladdr 02:43:0a:4d:02:01 dev cw77 nud permanent')
    await play.apply(byBgp, 'east')
    await settled(play, byBgp)
    await play.apply(sample, 'east')
    await settled(play)
  },

  'fixed members share a port': async (play) => {
    const fixed = (name: string, address: string) => ({ ...member(name, address, 'east', 'lan0'), fixed: true })
    const overlay = withMembers(sample, (members) => [
      ...members,
      fixed('files', '10.77.1.201'),
      fixed('backup', '10.77.1.202'),
    ])
    await play.apply(overlay, 'east')
    await play.run('ip link add name lan0 type veth peer name xlan0')
    const report = await play.apply(overlay, 'east')
    assert.deepEqual(report.commands, [], 'a port that is no port of the bridge is its owner’s')
    await play.run('ip link set dev lan0 master cw77')
    await play.apply(overlay, 'east')
    await settled(play, overlay)
    await play.apply(sample, 'east')
    await settled(play)
    await play.remove(77)
  },

  'two clusters on one gateway stay apart': async (play) => {
    await play.apply(sample, 'east')
    await play.apply(neighbour, 'east')
    await plug(play, 'cwp000000e1')
    await play.run('ip link add name cwp00000b01 type veth peer name x00000b01')
    await play.run('ip link set dev cwp00000b01 master cw78 up')
    await play.apply(sample, 'east')
    await play.apply(neighbour, 'east')
    await settled(play)
    await settled(play, neighbour)
    await play.remove(77)
    await settled(play, neighbour)
    await play.apply(sample, 'east')
    await play.remove(78)
    await play.run('ip link set dev cwp000000e1 master cw77')
    await play.apply(sample, 'east')
    await settled(play)
  },
}
