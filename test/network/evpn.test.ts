import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../../lab/until.ts'
import { HostScript } from '../../src/base/host-script.ts'
import { tunnelName } from '../../src/network/addressing.ts'
import { removeOverlay } from '../../src/network/apply.ts'
import type { Member, Overlay } from '../../src/network/overlay.ts'
import type { NetnsHost } from './netns-host.ts'
import { bareOverlay, gateway, member, sample, withMembers } from './sample.ts'
import { reaches, Segment } from './segment.ts'

const evpn: Overlay = { ...sample, mode: { kind: 'evpn', asn: 64_512, reflectors: ['head'] } }

describe('the overlay over three gateways by BGP EVPN', () => {
  let segment: Segment
  let close = async () => {}

  before(async () => {
    segment = await Segment.populated(evpn, (how) => {
      close = how
    })
    await converged(segment, evpn)
  })
  after(() => close())

  it('writes nothing when nothing differs', async () => {
    assert.deepEqual(await segment.apply(evpn), [])
  })

  it('joins all members, the head and the gateways', async () => {
    const addresses = [...evpn.members, ...evpn.gateways].map((one) => one.address)
    for (const from of [...segment.nodes.values(), segment.gateway('head')]) {
      for (const address of addresses) assert.ok(await reaches(from, address), `${from.name} to ${address}`)
    }
  })

  it('answers ARP for a known member at home, and sends no broadcasts over the WAN', async () => {
    const node = segment.node('east-1')
    let answers = ''
    const packets = await segment.wanPackets(async () => {
      answers = await node.run('arping -b -c 3 -w 5 -I eth0 10.77.2.1')
      await node.exec(['ping', '-q', '-c', '5', '-i', '0.01', '-W', '0.1', '-b', '10.77.255.255'])
      await node.exec(['ping', '-q', '-c', '5', '-i', '0.01', '-W', '0.1', '10.77.9.10'])
    })
    assert.match(answers, /02:43:0a:4d:02:01/i)
    assert.equal(packets, 0)
    assert.ok((await segment.wanPackets(() => node.run('ping -c 3 -i 0.1 10.77.2.1'))) >= 6, 'the counter counts')
  })

  it('tells the others of a member that comes, and again when it goes', async () => {
    const newcomer = member('east-3', '10.77.1.3', 'east', 'cwp000000e3')
    const more = withMembers(evpn, (members) => [...members, newcomer])
    await segment.plug(more, newcomer)
    const commands = await segment.apply(more)
    assert.ok(!commands.some((line) => line.startsWith('frr')), 'BGP needs no telling')
    await converged(segment, more)
    for (const name of ['west-1', 'east-1']) assert.ok(await reaches(segment.node(name), newcomer.address), name)
    await segment.apply(evpn)
    await until('west has forgotten it', 120_000, async () => !(await knows(segment.gateway('west'), newcomer.mac)))
  })

  it('is repaired after its daemons died, were tampered with, or its entries were flushed', async () => {
    const west = segment.gateway('west')
    const breakages: [string, () => Promise<unknown>][] = [
      ['zebra dies', () => killDaemon(west, 'zebra')],
      ['bgpd dies', () => killDaemon(west, 'bgpd')],
      ['both die', () => Promise.all([killDaemon(west, 'zebra'), killDaemon(west, 'bgpd')])],
      ['the folder is gone', () => west.run('rm -rf /run/frr/causeway-77')],
      [
        'the configuration is another',
        () => west.run('sed -i s/head/tail/;s/clients/others/ /run/frr/causeway-77/bgpd.conf'),
      ],
      ['its own entries are flushed', () => west.exec(['bridge', 'fdb', 'flush', 'dev', 'cwx77'])],
      ['the neighbours are flushed', () => west.exec(['ip', 'neigh', 'flush', 'dev', 'cw77', 'nud', 'all'])],
      ['the VXLAN device is gone', () => west.run('ip link del dev cwx77')],
      ['a stale entry of an earlier zebra', () => leaveStale(west)],
    ]
    for (const [what, happen] of breakages) {
      await happen()
      await segment.apply(evpn)
      await converged(segment, evpn)
      assert.deepEqual(await segment.apply(evpn), [], what)
      assert.ok(await reaches(segment.node('west-1'), '10.77.1.1'), what)
      assert.equal((await daemons(west)).length, 2, what)
    }
    assert.equal(await knows(west, '02:43:0a:4d:01:77'), false, 'the stale entry went with its daemon')
  })

  it('has a gateway join without a restart of the reflector', async () => {
    const head = segment.gateway('head')
    const earlier = await daemons(head)
    const fewer = { ...evpn, gateways: evpn.gateways.filter((one) => one.name !== 'west') }
    const without = withMembers(fewer, (members) => members.filter((one) => one.gateway !== 'west'))
    await segment.apply(without)
    await until('west is forgotten', 120_000, async () => !(await knows(segment.gateway('east'), '02:43:0a:4d:02:01')))
    const commands = await segment.apply(evpn)
    assert.ok(commands.includes('frr: neighbor 10.250.2.2 peer-group clients'))
    await converged(segment, evpn)
    assert.deepEqual(await daemons(head), earlier)
  })

  it('goes on by itself after a cut', async () => {
    const west = segment.gateway('west')
    await west.run('ip link set dev wan0 down')
    assert.equal(await reaches(segment.node('east-1'), '10.77.2.1', 1), false)
    await west.run('ip link set dev wan0 up')
    await west.run('ip route replace default via 10.250.2.1')
    assert.ok(await reaches(segment.node('east-1'), '10.77.2.1', 60))
  })

  it('keeps the sites together while the reflector is cut off', async () => {
    const head = segment.gateway('head')
    await head.run('ip link set dev wan0 down')
    const { stdout } = await segment.node('east-1').exec(['ping', '-q', '-c', '6', '-i', '1', '-W', '2', '10.77.2.1'])
    await head.run('ip link set dev wan0 up')
    await head.run('ip route replace default via 10.250.0.1')
    assert.match(stdout, / 6 received/)
    assert.ok(await reaches(segment.node('east-1'), '10.77.0.1', 60))
  })

  it('keeps the sites together while one of two reflectors is dead', async () => {
    const two: Overlay = { ...evpn, mode: { kind: 'evpn', asn: 64_512, reflectors: ['head', 'west'] } }
    await segment.apply(two)
    await converged(segment, two)
    for (const name of ['bgpd', 'zebra']) await killDaemon(segment.gateway('head'), name)
    await until(
      'east misses the head',
      120_000,
      async () => !(await knows(segment.gateway('east'), '02:43:0a:4d:00:01')),
    )
    const { stdout } = await segment.node('east-1').exec(['ping', '-q', '-c', '3', '-i', '0.2', '-W', '2', '10.77.2.1'])
    assert.match(stdout, / 3 received/)
    for (const overlay of [two, evpn]) {
      await segment.apply(overlay)
      await converged(segment, overlay)
    }
  })

  it('floods when it may', async () => {
    const flooding: Overlay = { ...evpn, flood: { broadcast: true, unknown: false } }
    await segment.apply(flooding)
    const everyone = async () => (await segment.gateway('east').run('bridge fdb show dev cwx77')).match(/^00:.* dst/gm)
    await until('both others want floods', 120_000, async () => (await everyone())?.length === 2)
    await segment.apply(evpn)
    await until('nobody wants floods', 120_000, async () => (await everyone()) === null)
  })

  it('becomes static and EVPN again, and leaves nothing of the other', async () => {
    await segment.apply(sample)
    assert.deepEqual(await segment.apply(sample), [])
    for (const host of segment.gateways.values()) {
      assert.deepEqual(await daemons(host), [])
      assert.doesNotMatch(await host.run('bridge -d fdb show dev cwx77'), /extern_learn/)
      assert.doesNotMatch(await host.run('ip neigh show dev cw77'), /extern_learn/)
    }
    assert.ok(await reaches(segment.node('west-1'), '10.77.1.1'))
    await segment.apply(evpn)
    await converged(segment, evpn)
    assert.ok(await reaches(segment.node('west-1'), '10.77.1.1'))
  })

  it('is removed whole', async () => {
    for (const host of segment.gateways.values()) {
      await removeOverlay(host, 77)
      assert.deepEqual(await daemons(host), [])
      assert.equal((await host.exec(['test', '-e', '/run/frr/causeway-77'])).code, 1)
      assert.doesNotMatch(await host.run('ip -o link'), /cwx?77/)
      assert.equal(await host.run('ip nexthop'), '')
      assert.deepEqual((await removeOverlay(host, 77)).commands, [])
    }
  })
})

describe('two clusters on the same gateways', () => {
  it('know nothing of each other', async (t) => {
    const gateways = (k: number) => [
      gateway('head', '10.250.0.2', `10.${k}.0.1`),
      gateway('east', '10.250.1.2', `10.${k}.1.254`),
    ]
    const cluster = (k: number): Overlay => ({
      ...bareOverlay,
      vni: k,
      subnet: `10.${k}.0.0/16`,
      mode: { kind: 'evpn', asn: 64_512, reflectors: ['head'] },
      gateways: gateways(k),
      members: [member('head', `10.${k}.0.1`, 'head', null), member(`e${k}`, `10.${k}.1.1`, 'east', `cwp0000000${k}`)],
    })
    const [one, other] = [cluster(77), cluster(78)]
    const segment = await Segment.create(one, (close) => t.after(close))
    for (const overlay of [one, other]) {
      await segment.apply(overlay)
      for (const each of overlay.members) if (each.port !== null) await segment.plug(overlay, each)
      await segment.apply(overlay)
    }
    for (const overlay of [one, other]) await converged(segment, overlay)
    for (const overlay of [one, other]) assert.deepEqual(await segment.apply(overlay), [])
    assert.ok(await reaches(segment.node('e77'), '10.77.0.1'))
    assert.ok(await reaches(segment.node('e78'), '10.78.0.1'))
    const show = ['--vty_socket', '/run/frr/causeway-77', '-c', 'show bgp l2vpn evpn neighbors 10.250.1.2 routes']
    const { stdout: told } = await segment.gateway('head').exec(['vtysh', ...show])
    assert.match(told, /02:43:0a:4d:01:01/)
    assert.doesNotMatch(told, /02:43:0a:4e/)
    await removeOverlay(segment.gateway('east'), 78)
    assert.deepEqual(await segment.apply(one), [])
    assert.ok(await reaches(segment.node('e77'), '10.77.0.1'))
  })
})

describe('BGP EVPN through tunnels', () => {
  it('joins the members as without, and goes on while keys are changed', async (t) => {
    const segment = await Segment.create(evpn, (close) => t.after(close))
    const keys = new Map<string, Map<number, string>>(evpn.gateways.map(({ name }) => [name, new Map()]))
    const make = async (generation: number) => {
      for (const { name } of evpn.gateways) {
        const script = new HostScript(segment.gateway(name), 'scripts/site/causeway-wireguard')
        keys
          .get(name)
          ?.set(generation, (await script.call(['key', tunnelName(77, generation), String(generation)])).trim())
      }
    }
    const names = evpn.gateways.map(({ name }) => name)
    const all = new Map(names.map((name) => [name, new Set(names.filter((other) => other !== name))]))
    const encrypted = (generation: number, links = all): Overlay => ({
      ...evpn,
      encryption: { subnet: '198.18.0.0/16', port: 51_820, relay: 'head', generation, keys, links },
    })
    await make(0)
    await segment.apply(encrypted(0))
    for (const one of evpn.members) if (one.port !== null) await segment.plug(encrypted(0), one)
    await segment.apply(encrypted(0))
    await converged(segment, evpn)
    assert.deepEqual(await segment.apply(encrypted(0)), [])
    const east = segment.node('east-1')
    let reached = false
    const beside = await segment.wanPackets(async () => {
      reached = (await reaches(east, '10.77.2.1')) && (await reaches(east, '10.77.0.1'))
    })
    assert.deepEqual([reached, beside], [true, 0])

    const before = await Promise.all([...segment.gateways.values()].map(daemons))
    await make(1)
    await segment.apply(encrypted(1, new Map()))
    await segment.apply(encrypted(1))
    assert.match(await segment.gateway('east').run('ip route show 198.18.2.254'), /cwg77b/)
    await converged(segment, evpn)
    assert.ok(await reaches(east, '10.77.2.1'))
    assert.deepEqual(await Promise.all([...segment.gateways.values()].map(daemons)), before)
  })
})

/** Waits until every gateway knows everyone who sits behind another one, and how to answer ARP for them. */
async function converged(segment: Segment, overlay: Overlay): Promise<void> {
  const stations: Pick<Member, 'gateway' | 'mac' | 'address'>[] = [
    ...overlay.members,
    ...overlay.gateways.map((one) => ({ gateway: one.name, mac: one.mac, address: one.address })),
  ]
  for (const { name } of overlay.gateways) {
    const host = segment.gateway(name)
    await until(`${name} knows everyone`, 120_000, async () => {
      const [entries, neighbours] = [
        await host.run(`bridge fdb show dev cwx${overlay.vni}`),
        await host.run(`ip neigh show dev cw${overlay.vni}`),
      ]
      const remote = stations.filter((one) => one.gateway !== name)
      return remote.every(
        ({ mac, address }) => entries.includes(`${mac} dst `) && neighbours.includes(`${address} lladdr ${mac}`),
      )
    })
  }
}

async function knows(host: NetnsHost, mac: string): Promise<boolean> {
  return (await host.run('bridge fdb show dev cwx77')).includes(mac)
}

/** The pids of FRR's daemons in a namespace. */
async function daemons(host: NetnsHost): Promise<readonly string[]> {
  const { stdout } = await host.exec([
    'sh',
    '-c',
    `for p in $(ip netns pids ${host.netns}); do cat /proc/$p/comm; echo $p; done`,
  ])
  return stdout.match(/(?<=^(zebra|bgpd)\n)\d+/gm) ?? []
}

async function killDaemon(host: NetnsHost, name: string): Promise<void> {
  const pid = (await host.run(`cat /run/frr/causeway-77/${name}.pid`)).trim()
  await host.run(`kill -9 ${pid}`)
}

async function leaveStale(host: NetnsHost): Promise<void> {
  await killDaemon(host, 'zebra')
  await host.run('bridge fdb replace 02:43:0a:4d:01:77 dev cwx77 dst 10.250.1.2 self extern_learn')
  await host.run('bridge fdb replace 02:43:0a:4d:01:77 dev cwx77 master extern_learn')
}
