import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { until } from '../../lab/until.ts'
import { gateway } from './sample.ts'
import { TunnelRig } from './tunnel-rig.ts'

const head = gateway('head', '10.250.0.2', '10.77.0.1')
const east = gateway('east', '10.250.1.2', '10.77.1.254')
const west = gateway('west', '10.250.2.2', '10.77.2.254')
const nat = { nat: true }

/** A VXLAN frame of VNI 77 for everyone, as bash writes it. */
const frame =
  String.raw`\x08\0\0\0\0\0\x4d\0` +
  String.raw`\xff`.repeat(6) +
  String.raw`\x02\0\0\0\0\x01\x08\0` +
  String.raw`\0`.repeat(46)

describe('tunnels', () => {
  it('reach a gateway behind NAT, and from there', async (t) => {
    const rig = await TunnelRig.create([head, { ...east, ...nat }, west], (close) => t.after(close))
    await rig.start()
    await rig.connected()
    // Only who is behind NAT keeps it open, and nobody knows where to call it.
    assert.match(await rig.host('east').host.run('wg show cwg77a persistent-keepalive'), /\t25\n.*\t25\n/)
    assert.doesNotMatch(await rig.host('west').host.run('wg show cwg77a persistent-keepalive'), /\t25$/m)
    await rig.settled()
    assert.deepEqual(rig.problems, [])
  })

  it('of two gateways behind NAT go over the relay, also while keys are changed', async (t) => {
    const rig = await TunnelRig.create([head, { ...east, ...nat }, { ...west, ...nat }], (close) => t.after(close))
    // A head that masquerades what it passes on to the world.
    await rig
      .host('head')
      .host.run(
        'nft -f -',
        'table ip nat { chain out { type nat hook postrouting priority 100; oifname "wan0" masquerade; }; }',
      )
    await rig.start()
    await rig.connected()
    const pings = [rig.ping('east', 'west'), rig.ping('west', 'head')]
    await rig.keeper.rotate()
    await until('the keys are changed', 120_000, () => !rig.keeper.report().changing)
    await rig.settled()
    for (const ping of pings) await ping.allAnswered()
    await rig.onlyNewKeys()
    assert.deepEqual(rig.problems, [])
    // Nothing else is passed on at the relay.
    const onward = await rig.host('east').host.exec('ping -qnc 1 -W 1 -I cwg77b 10.250.2.1'.split(' '))
    assert.notEqual(onward.code, 0)
  })

  it('go over IPv6, and between gateways that are known by different families', async (t) => {
    const six = (name: string, k: number, address: string) => gateway(name, `fd00:250:${k}::2`, address)
    const rig = await TunnelRig.create([six('head', 0, '10.77.0.1'), six('east', 1, '10.77.1.254'), west], (close) =>
      t.after(close),
    )
    await rig.address2('head', '10.250.0.2')
    await rig.address2('east', '10.250.1.2')
    await rig.address2('west', 'fd00:250:2::2')
    await rig.start()
    await rig.connected()
    await rig.settled()
    const endpoints = await rig.host('east').host.run('wg show cwg77a endpoints')
    for (const one of ['10.250.2.2:51820', '[fd00:250::2]:51820']) assert.ok(endpoints.includes(`\t${one}\n`), one)
    assert.deepEqual(rig.problems, [])
  })

  it('come back after their process has died or hangs, with the same key', async (t) => {
    const rig = await TunnelRig.create([head, east], (close) => t.after(close))
    await rig.start()
    await rig.connected()
    for (const signal of ['-KILL', '-STOP']) {
      const [pid = ''] = await rig.processes('east')
      await rig.host('east').host.run(`kill ${signal} ${pid}`)
      assert.notDeepEqual(await rig.applyNow('east'), [], signal)
      await rig.settled()
      await rig.connected()
      assert.equal((await rig.processes('east')).length, 1)
    }
    assert.equal(rig.keeper.report().generation, 0)
    assert.deepEqual(rig.problems, [])
  })

  it('to a gateway that is removed end at once', async (t) => {
    const rig = await TunnelRig.create([head, east, west], (close) => t.after(close))
    await rig.start()
    await rig.connected()
    const gone = rig.address('west')
    rig.gateways = [head, east]
    for (const name of ['head', 'east']) {
      const commands = await rig.applyNow(name)
      assert.deepEqual(
        commands.map((line) => line.split(' ').at(-1)),
        ['cwg77a', 'remove'],
      )
      const { code } = await rig.host('west').host.exec(['ping', '-qnc', '1', '-W', '1', rig.address(name)])
      assert.notEqual(code, 0)
      assert.doesNotMatch(await rig.host(name).host.run('ip route'), new RegExp(gone))
    }
    assert.ok(await rig.reaches('head', 'east'))
  })

  it('are the only way in for frames of the cluster, and the only way out', async (t) => {
    const rig = await TunnelRig.create([head, east], (close) => t.after(close))
    await rig.start()
    await rig.connected()
    const { host } = rig.host('east')
    await host.run(
      `ip link add name cwx77 type vxlan id 77 local ${rig.address('east')} remote ${rig.address('head')} dstport 4789 nolearning`,
    )
    await host.run('ip link set dev cwx77 up')
    const count = async (direction: 'rx' | 'tx') =>
      Number(await host.run(`cat /sys/class/net/cwx77/statistics/${direction}_packets`))
    const inject = () => rig.wan.exec(['bash', '-c', `printf '${frame}' >/dev/udp/10.250.1.2/4789`])
    await rig.wan.run(
      'nft -f -',
      'add table ip seen; add counter ip seen clear; add chain ip seen f { type filter hook prerouting priority 0; }; add rule ip seen f udp dport 4789 counter name clear',
    )
    const clear = async () => Number(/packets (\d+)/.exec(await rig.wan.run('nft list counter ip seen clear'))?.[1])
    /** Frames that come in from the WAN, and frames that go out to it while the route into the tunnel is away. */
    const leaks = async () => {
      const [arrived, left] = [await count('rx'), await clear()]
      assert.equal((await inject()).code, 0)
      await host.run(`ip route del ${rig.address('head')}/32 dev cwg77a`)
      await host.exec('arping -qc 1 -w 1 -I cwx77 10.77.0.1'.split(' '))
      await rig.applyNow('east')
      return { arrived: (await count('rx')) - arrived, left: (await clear()) - left }
    }
    assert.deepEqual(await leaks(), { arrived: 0, left: 0 })
    // Through the tunnel they pass.
    const sent = await count('tx')
    await host.exec('arping -qc 1 -w 1 -I cwx77 10.77.0.1'.split(' '))
    assert.ok((await count('tx')) > sent)
    // Without the rules they would.
    await host.run('nft delete table inet causeway_77_tunnels')
    const { arrived, left } = await leaks()
    assert.ok(arrived > 0, 'the injected frame is one')
    assert.ok(left > 0, 'frames would leave')
  })
})
