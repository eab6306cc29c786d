import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { applyOverlay, removeOverlay } from '../../src/network/apply.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import { member, sample, withGateway, withMembers } from './sample.ts'
import { reaches, Segment, whoAnswers } from './segment.ts'

describe('the overlay over three gateways', () => {
  let segment: Segment
  let close = async () => {}
  const restored = () => segment.apply(sample)

  before(async () => {
    segment = await Segment.populated(sample, (how) => {
      close = how
    })
  })
  after(() => close())

  it('writes nothing when nothing differs', async () => {
    assert.deepEqual(await segment.apply(sample), [])
  })

  it('joins all members, the head and the gateways', async () => {
    const addresses = [...sample.members, ...sample.gateways].map((one) => one.address)
    for (const from of [...segment.nodes.values(), segment.gateway('head')]) {
      for (const address of addresses) assert.ok(await reaches(from, address), `${from.name} to ${address}`)
    }
  })

  it('answers ARP for a known member at home', async () => {
    const node = segment.node('east-1')
    let answers = ''
    const packets = await segment.wanPackets(async () => {
      answers = await node.run('arping -b -c 3 -w 5 -I eth0 10.77.2.1')
    })
    assert.match(answers, /02:43:0a:4d:02:01/i)
    assert.equal(packets, 0)
  })

  it('sends neither broadcast, nor multicast, nor what is for nobody over the WAN', async () => {
    const node = segment.node('east-1')
    await node.run('ip neigh replace 10.77.9.9 lladdr 02:43:0a:4d:09:09 dev eth0 nud permanent')
    const shout = (...argv: string[]) => node.exec(['ping', '-q', '-n', '-c', '5', '-i', '0.01', '-W', '0.1', ...argv])
    const packets = await segment.wanPackets(async () => {
      await shout('-b', '10.77.255.255')
      await shout('-I', 'eth0', '224.0.0.1')
      await shout('10.77.9.9')
      await shout('10.77.9.10') // ARP for an unknown address
    })
    assert.equal(packets, 0)
    assert.ok((await segment.wanPackets(() => shout('10.77.2.1'))) >= 10, 'the counter sees what does pass')
  })

  it('carries packets of 1450 bytes whole, refuses longer ones, and carries bulk', async () => {
    const node = segment.node('east-1')
    const ping = (payload: number) =>
      node.exec(['ping', '-c', '1', '-W', '5', '-M', 'do', '-s', `${payload}`, '10.77.2.1'])
    assert.equal((await ping(1450 - 28)).code, 0)
    const tooLong = await ping(1451 - 28)
    assert.match(tooLong.stdout + tooLong.stderr, /too long/i)
    await segment.serve(segment.node('west-1'), 'west-1', 8080)
    const bytes = await node.run('curl -sS -o /dev/null -w %{size_download} http://10.77.2.1:8080/bytes/50000000')
    assert.equal(bytes, '50000000')
  })

  it('tells a node that believes in 1500 bytes what fits', async (t) => {
    const ends = [
      { node: segment.node('east-1'), gateway: segment.gateway('east'), port: 'cwp000000e1' },
      { node: segment.node('west-1'), gateway: segment.gateway('west'), port: 'cwp00000071' },
    ]
    const believeIn = async (mtu: number, segments: number) => {
      for (const { node, gateway, port } of ends) {
        // Without segmentation offload, as on real network cards: each packet must fit by itself.
        await node.run(`ip link set dev eth0 mtu ${mtu} gso_max_segs ${segments}`)
        await gateway.run(`ip link set dev ${port} mtu ${mtu}`)
      }
    }
    t.after(() => believeIn(1450, 65_535))
    await believeIn(1500, 1)
    await segment.serve(segment.node('east-1'), 'east-1', 8081)
    const get = 'curl -sS --max-time 120 -o /dev/null -w %{size_download} http://10.77.1.1:8081/bytes/5000000'
    assert.equal(await segment.node('west-1').run(get), '5000000')
  })

  it('is repaired after flushes and deletions', async () => {
    const breakages = [
      ['east', 'bridge fdb flush dev cwx77'],
      ['east', 'bridge fdb flush dev cw77'],
      ['west', 'ip link del dev cwx77'],
      ['west', 'bridge fdb del 02:43:0a:4d:01:01 dev cwx77 master'],
    ] as const
    for (const [gateway, command] of breakages) {
      await segment.gateway(gateway).run(command)
      assert.equal(await reaches(segment.node('east-1'), '10.77.2.1', 1), false, `${command} must break it`)
      await restored()
      for (const address of ['10.77.2.1', '10.77.1.254', '10.77.0.1']) {
        assert.ok(await reaches(segment.node('east-1'), address), `${address} after ${command}`)
      }
      assert.deepEqual(await restored(), [])
    }
  })

  it('takes in a member, and forgets it', async () => {
    const late = member('west-2', '10.77.2.2', 'west', 'cwp00000072')
    const grown = withMembers(sample, (members) => [...members, late])
    const [first] = [...(await segment.applyRaw(grown)).values()]
    assert.ok(first !== undefined && !(first instanceof Error))
    await segment.plug(grown, late)
    assert.equal(await reaches(segment.node('west-2'), '10.77.2.254'), true)
    await segment.apply(grown)
    assert.ok(await reaches(segment.node('east-1'), late.address))
    assert.ok(await reaches(segment.gateway('head'), late.address))
    const given = await segment.apply(sample)
    assert.ok(given.length > 0 && given.every((command) => / del(ete)? /.test(command)), given.join('\n'))
    assert.equal(await reaches(segment.node('east-1'), late.address, 1), false)
  })

  it("does not let a member take over another's MAC", async (t) => {
    const thief = segment.node('east-2')
    t.after(() => thief.run('ip link set dev eth0 address 02:43:0a:4d:01:02'))
    await thief.run('ip link set dev eth0 address 02:43:0a:4d:02:01')
    await thief.exec(['ping', '-q', '-c', '3', '-i', '0.05', '-W', '0.1', '10.77.1.1'])
    assert.ok(await reaches(segment.node('east-1'), '10.77.2.1'))
    assert.deepEqual(await segment.apply(sample), [])
  })

  it('reports a gateway that fails and serves the others', async () => {
    const grown = withMembers(sample, (members) => [...members, member('west-3', '10.77.2.3', 'west', 'cwp00000073')])
    const broken = {
      name: 'west',
      exec: () => Promise.reject(new CausewayError('HostUnreachable', 'west: no route')),
      close: () => Promise.resolve(),
    }
    const reports = await applyOverlay(grown, ({ name }) => (name === 'west' ? broken : segment.gateway(name)))
    const codes = [...reports].map(([name, one]) => [
      name,
      one instanceof CausewayError ? one.code : one.commands.length,
    ])
    assert.deepEqual(codes, [
      ['head', 3],
      ['east', 3],
      ['west', 'HostUnreachable'],
    ])
    await restored()
  })

  it('goes without a trace', async () => {
    const west = segment.gateway('west')
    const foreign = () => west.run('ip -br address show dev wan0')
    const before = await foreign()
    const report = await removeOverlay(west, sample.vni)
    assert.deepEqual([report.failures, report.missing], [[], []])
    assert.doesNotMatch(await west.run('ip -br link'), /cwx?77/)
    assert.equal(await west.run('nft list ruleset'), '')
    assert.equal(await foreign(), before)
    assert.deepEqual((await removeOverlay(west, sample.vni)).commands, [])
    await restored()
    await west.run('ip link set dev cwp00000071 master cw77')
    await restored()
    assert.ok(await reaches(segment.node('east-1'), '10.77.2.1'))
  })
})

describe('interception and routing', () => {
  const mirror = member('mirror', '10.77.2.9', 'west', 'cwp00000079')
  const overlay: Overlay = withMembers(
    withGateway(sample, 'east', { interception: { port: 3128, origins: ['10.250.9.2', mirror.address] } }),
    (members) => [...members, mirror],
  )
  let segment: Segment
  let close = async () => {}
  const alive = (timeout: string) =>
    segment.gateway('east').run('nft -f -', `add element ip causeway_77 cache_alive { 80 timeout ${timeout} }`)
  const dead = () => segment.gateway('east').run('nft flush set ip causeway_77 cache_alive')

  before(async () => {
    segment = await Segment.populated(overlay, (how) => {
      close = how
    })
    await segment.serve(segment.origin, 'origin', 80)
    await segment.serve(segment.node('mirror'), 'mirror', 80)
    await segment.serve(segment.gateway('east'), 'cache', 3128)
  })
  after(() => close())

  it('takes nodes to the origin behind the underlay address while no cache lives', async () => {
    const node = segment.node('east-1')
    assert.deepEqual(await whoAnswers(node, '10.250.9.2'), { server: 'origin', client: '10.250.1.2' })
    assert.deepEqual(await whoAnswers(node, mirror.address), { server: 'mirror', client: '10.77.1.1' })
  })

  it('takes nodes to the living cache, and the gateway itself to the origin', async () => {
    await alive('1h')
    const node = segment.node('east-1')
    assert.deepEqual(await whoAnswers(node, '10.250.9.2'), { server: 'cache', client: '10.77.1.1' })
    assert.deepEqual(await whoAnswers(node, mirror.address), { server: 'cache', client: '10.77.1.1' })
    assert.equal((await whoAnswers(segment.gateway('east'), '10.250.9.2')).server, 'origin')
    assert.equal((await whoAnswers(segment.gateway('east'), mirror.address)).server, 'mirror')
    assert.equal((await whoAnswers(segment.node('west-1'), '10.250.9.2')).server, 'origin', 'another site')
    await dead()
  })

  it('leaves the living cache in place when it is applied again', async () => {
    await alive('1h')
    assert.deepEqual(await segment.apply(overlay), [])
    await segment.apply(withGateway(overlay, 'east', { interception: { port: 3128, origins: ['10.250.9.2'] } }))
    assert.equal((await whoAnswers(segment.node('east-1'), '10.250.9.2')).server, 'cache')
    await segment.apply(overlay)
    assert.equal((await whoAnswers(segment.node('east-1'), mirror.address)).server, 'cache')
    await dead()
  })

  it('goes past a cache that stops saying that it lives', async () => {
    await alive('1h')
    const node = segment.node('east-1')
    assert.equal((await whoAnswers(node, '10.250.9.2')).server, 'cache')
    await dead()
    await alive('1s') // the last heartbeat
    const deadline = Date.now() + 120_000
    while ((await whoAnswers(node, '10.250.9.2')).server !== 'origin')
      assert.ok(Date.now() < deadline, 'still redirected')
  })

  it('comes back after nft flush ruleset', async () => {
    await segment.gateway('east').run('nft flush ruleset')
    await segment.apply(overlay)
    await alive('1h')
    assert.equal((await whoAnswers(segment.node('east-1'), '10.250.9.2')).server, 'cache')
    await dead()
    assert.equal((await whoAnswers(segment.node('east-1'), '10.250.9.2')).client, '10.250.1.2')
  })
})
