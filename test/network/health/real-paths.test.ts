import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../../../lab/until.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { PathMonitor, type PathReport } from '../../../src/network/health/path-monitor.ts'
import { measureThroughput } from '../../../src/network/health/throughput.ts'
import { sample } from '../sample.ts'
import { Segment } from '../segment.ts'

const overlay = { ...sample, members: [] }

/** The overlay as the kernel makes it; what befalls the WAN is done by its router. */
describe('paths between real gateways', () => {
  let segment: Segment
  let close = async () => {}
  let paths: PathMonitor

  const rounds = async (count: number) => {
    for (let i = 0; i < count; i++) await paths.round()
  }
  const path = (from: string, to: string): PathReport =>
    paths.paths().find((one) => one.from === from && one.to === to) ?? assert.fail(`no path from ${from} to ${to}`)
  const states = () => paths.paths().map(({ from, to, state }) => `${from} ${to} ${state}`)
  /** The router does this to what it forwards; '' lifts all. */
  const wan = (...rules: string[]) =>
    segment.wan.run(
      'nft -f -',
      `table inet trouble {
         chain forward { type filter hook forward priority 10; }
       }
       flush chain inet trouble forward
       ${rules.map((rule) => `add rule inet trouble forward ${rule}`).join('\n')}`,
    )
  const monitor = (findsPathMtu: boolean) =>
    new PathMonitor({
      clock: systemClock,
      log: silentLog,
      hosts: segment.gateways,
      head: 'head',
      findsPathMtu,
      overlay: () => overlay,
    })

  before(async () => {
    segment = await Segment.create(overlay, (how) => {
      close = how
    })
    await segment.apply(overlay)
    paths = monitor(false)
  })
  after(() => close())

  test('all are good, and carry what the MTU says', async () => {
    await rounds(1)
    for (const { from, to, state, rttMs, mtu } of paths.paths()) {
      assert.deepEqual([from, to, state, mtu], [from, to, 'good', 1450])
      assert.ok(rttMs !== null && rttMs > 0)
    }
    assert.equal(paths.unasked().size, 0)
  })

  test('one that the WAN cuts is broken in both directions, whichever was cut, and heals', async () => {
    // Only what east sends to the head: an echo needs both ways.
    await wan('ip saddr 10.250.1.2 ip daddr 10.250.0.2 drop')
    await rounds(3)
    assert.deepEqual(states(), [
      'head east broken',
      'head west good',
      'east head broken',
      'east west good',
      'west head good',
      'west east good',
    ])
    await wan()
    await rounds(2)
    assert.ok(states().every((state) => state.endsWith('good')))
    assert.ok((path('head', 'east').loss ?? 0) === 0, 'what was lost while it was broken is forgotten')
  })

  test('one that loses packets tells how many', async () => {
    // By chance: a counter would fall into step with what passes besides the probes.
    await wan('ip saddr 10.250.0.2 ip daddr 10.250.2.2 numgen random mod 3 0 drop')
    const told = () => {
      const { state, loss } = path('head', 'west')
      return state === 'good' && loss !== null && loss > 0.1 && loss < 0.6
    }
    await until('the loss is told', 120_000, async () => {
      await rounds(1)
      return told()
    })
    assert.equal(path('east', 'west').loss, 0)
    await wan()
  })

  test('one that swallows long packets is good, and tells which pass', async () => {
    // 50 of these are the encapsulation.
    await wan('ip saddr 10.250.1.2 ip daddr 10.250.2.2 udp dport 4789 ip length > 1420 drop')
    await rounds(2)
    assert.deepEqual([path('east', 'west').state, path('east', 'west').mtu], ['good', 1370])
    assert.equal(path('head', 'east').mtu, 1450)
    await wan()
  })

  test('the MTU of the underlay is found, too, where it is smaller on one leg', async () => {
    await segment.wan.run('ip link set dev w-west mtu 1444')
    await segment.gateway('west').run('ip link set dev wan0 mtu 1444')
    const finding = monitor(true)
    await finding.round()
    assert.equal(finding.pathMtu, 1444)
    assert.deepEqual(
      finding.paths().map(({ from, to, underlayMtu }) => `${from} ${to} ${underlayMtu}`),
      ['head east 1500', 'head west 1444', 'east head 1500', 'east west 1444', 'west head 1444', 'west east 1444'],
    )
    await segment.wan.run('ip link set dev w-west mtu 1500')
    await segment.gateway('west').run('ip link set dev wan0 mtu 1500')
  })

  test('a gateway without its bridge reaches nobody', async () => {
    await segment.gateway('west').run('ip link delete dev cw77')
    await rounds(3)
    assert.deepEqual([path('west', 'head').state, path('head', 'west').state], ['broken', 'broken'])
    assert.equal(path('head', 'east').state, 'good')
    await segment.apply(overlay)
    await rounds(2)
    assert.equal(path('west', 'head').state, 'good')
  })

  describe('throughput', () => {
    const end = (name: string) => ({
      host: segment.gateway(name),
      address: overlay.gateways.find((one) => one.name === name)?.address ?? '',
    })

    test('is measured from one gateway to another', async () => {
      const { bitsPerSecond, class: name } = await measureThroughput(end('head'), end('east'), {
        seconds: 1,
        port: 61_001,
      })
      assert.ok(bitsPerSecond > 1e6)
      assert.ok(['<10', '<100', '<1000', '>=1000'].includes(name))
    })

    test('or it is said why not', async () => {
      const wrong = { ...end('east'), address: '10.77.9.9' }
      await assert.rejects(measureThroughput(end('head'), wrong, { seconds: 1, port: 61_002 }), {
        code: 'CommandFailed',
      })
    })
  })
})
