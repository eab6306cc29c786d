import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Clock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { PathMonitor, type PathMonitorOptions } from '../../../src/network/health/path-monitor.ts'
import type { Overlay } from '../../../src/network/overlay.ts'
import { gateway, sample } from '../sample.ts'
import { FakeGateways } from './fake-gateways.ts'

describe('the monitor of paths', () => {
  let now: number
  let fake: FakeGateways
  let overlay: Overlay
  let changes: number
  let late: () => void

  /** Sleeps never end by themselves: `late` ends those that are under way. */
  const clock: Clock = {
    now: () => now,
    sleep: (_, signal) =>
      new Promise((resolve) => {
        late = resolve
        if (signal?.aborted) resolve()
        signal?.addEventListener('abort', () => resolve())
      }),
  }
  const monitor = (over: Partial<PathMonitorOptions> = {}) =>
    new PathMonitor({
      clock,
      log: silentLog,
      hosts: fake.hosts,
      head: 'head',
      findsPathMtu: false,
      overlay: () => overlay,
      onChange: () => {
        changes++
      },
      ...over,
    })
  const rounds = async (paths: PathMonitor, count: number) => {
    for (let i = 0; i < count; i++) {
      now += 15_000
      await paths.round()
    }
  }
  const states = (paths: PathMonitor) =>
    Object.fromEntries(paths.paths().map(({ from, to, state }) => [`${from} ${to}`, state]))

  beforeEach(() => {
    now = 1_000_000
    overlay = sample
    fake = new FakeGateways(sample)
    changes = 0
  })

  test('tells of every ordered pair: nothing before the first round, all of it after', async () => {
    const paths = monitor()
    assert.deepEqual(paths.paths(), [])
    await rounds(paths, 4)
    assert.equal(paths.paths().length, 6)
    assert.deepEqual(paths.paths()[0], {
      from: 'head',
      to: 'east',
      state: 'good',
      measuredAtMs: now,
      rttMs: 20.5,
      leastRttMs: 20.5,
      loss: 0,
      mtu: 1450,
      underlayMtu: null,
    })
  })

  test('asks each gateway once a round', async () => {
    await rounds(monitor(), 3)
    assert.deepEqual([...fake.calls.values()], [3, 3, 3])
  })

  test('a cut path is broken after three rounds, good after two; each change is told once', async () => {
    const paths = monitor()
    await rounds(paths, 2)
    const before = changes
    fake.cut.add('head east')
    await rounds(paths, 2)
    assert.deepEqual([states(paths)['head east'], changes], ['good', before])
    await rounds(paths, 1)
    assert.equal(states(paths)['head east'], 'broken')
    assert.equal(states(paths)['east head'], 'broken')
    assert.equal(states(paths)['east west'], 'good')
    assert.ok(changes > before)
    const told = changes
    await rounds(paths, 2)
    assert.equal(changes, told)
    fake.cut.clear()
    await rounds(paths, 1)
    assert.equal(states(paths)['head east'], 'broken')
    await rounds(paths, 1)
    assert.equal(states(paths)['head east'], 'good')
  })

  test('a path that falls silent has the gateways at its ends named at once, and once', async () => {
    const told: string[][] = []
    const paths = monitor({ onSilence: (gateways) => told.push([...gateways].sort()) })
    await rounds(paths, 2)
    assert.deepEqual(told, [])
    fake.cut.add('head east')
    await rounds(paths, 4)
    assert.deepEqual(told, [['east', 'head']])
  })

  test('a gateway that nobody can log in to makes its row unknown, not its column', async () => {
    const paths = monitor()
    await rounds(paths, 1)
    fake.unreachable.add('east')
    await rounds(paths, 5)
    assert.deepEqual(states(paths), {
      'head east': 'good',
      'head west': 'good',
      'east head': 'unknown',
      'east west': 'unknown',
      'west head': 'good',
      'west east': 'good',
    })
    assert.deepEqual(
      [...paths.unasked()].map(([name, { code }]) => [name, code]),
      [['east', 'HostUnreachable']],
    )
    fake.unreachable.clear()
    await rounds(paths, 1)
    assert.equal(states(paths)['east head'], 'good')
    assert.equal(paths.unasked().size, 0)
  })

  test('what was broken before a gateway could not be asked is broken when it can be again', async () => {
    const paths = monitor()
    fake.cut.add('east west')
    await rounds(paths, 3)
    fake.unreachable.add('east')
    await rounds(paths, 1)
    assert.deepEqual([states(paths)['east west'], states(paths)['west east']], ['unknown', 'broken'])
    fake.unreachable.clear()
    await rounds(paths, 1)
    assert.equal(states(paths)['east west'], 'broken')
  })

  test('a gateway that hangs holds up nobody, and is not asked again meanwhile', async () => {
    const paths = monitor()
    await rounds(paths, 1)
    fake.hanging.add('west')
    for (let i = 0; i < 2; i++) {
      const round = paths.round()
      await new Promise((resolve) => setImmediate(resolve))
      late()
      await round
    }
    assert.equal(fake.calls.get('west'), 2)
    assert.equal(fake.calls.get('east'), 3)
    assert.equal(states(paths)['west head'], 'unknown')
    assert.match(paths.unasked().get('west')?.message ?? '', /has not said within 10 s/)
    fake.release()
    await paths.stop()
    assert.equal(states(paths)['west head'], 'good')
  })

  test('a gateway without a host is unknown; one that left is forgotten', async () => {
    const paths = monitor({ hosts: new Map([...fake.hosts].filter(([name]) => name !== 'west')) })
    await rounds(paths, 1)
    assert.deepEqual([...paths.unasked().keys()], ['west'])
    overlay = { ...sample, gateways: sample.gateways.slice(0, 2) }
    await rounds(paths, 1)
    assert.deepEqual(states(paths), { 'head east': 'good', 'east head': 'good' })
    assert.equal(paths.unasked().size, 0)
  })

  test('large packets that do not pass show in the MTU, and the path is good', async () => {
    const paths = monitor()
    fake.passes = ({ bytes }) => bytes <= 1372
    await rounds(paths, 1)
    const [first] = paths.paths()
    assert.deepEqual([first?.state, first?.mtu], ['good', 1372])
  })

  test("the underlay's MTU is asked for only where it is to be found", async () => {
    const asked: boolean[] = []
    fake.passes = ({ inSegment }) => asked.push(inSegment) > 0
    await rounds(monitor(), 1)
    assert.ok(asked.every(Boolean))
    await rounds(monitor({ findsPathMtu: true }), 1)
    assert.ok(!asked.every(Boolean))
  })

  describe('finds the MTU of the underlay', () => {
    let mtus: Record<string, number>
    beforeEach(() => {
      mtus = {}
      fake.passes = ({ from, to, inSegment, bytes }) =>
        inSegment || bytes <= (mtus[`${from} ${to}`] ?? mtus[`${to} ${from}`] ?? 1500)
    })

    test('the smallest of all pairs; lowered at once', async () => {
      const paths = monitor({ findsPathMtu: true })
      mtus['east west'] = 1400
      await rounds(paths, 1)
      assert.equal(paths.pathMtu, 1400)
      mtus['head east'] = 1390
      await rounds(paths, 2)
      assert.equal(paths.pathMtu, 1390)
    })

    test('raised only when every pair was measured from one side at least', async () => {
      for (const pair of ['head east', 'head west', 'east west']) mtus[pair] = 9000
      const paths = monitor({ findsPathMtu: true })
      fake.cut.add('east west')
      await rounds(paths, 2)
      assert.equal(paths.pathMtu, 1500)
      fake.cut.clear()
      fake.unreachable.add('west')
      await rounds(paths, 2)
      assert.equal(paths.pathMtu, 9000, 'east has seen it')
    })

    test('and keeps it while a gateway can not be asked, and from one run to the next', async () => {
      const paths = monitor({ findsPathMtu: true, pathMtu: 1420 })
      mtus['east west'] = 1400
      assert.equal(paths.pathMtu, 1420)
      await rounds(paths, 1)
      for (const { name } of sample.gateways) fake.unreachable.add(name)
      await rounds(paths, 5)
      assert.equal(paths.pathMtu, 1400)
    })

    test('where the families differ, none is found', async () => {
      overlay = {
        ...sample,
        gateways: [gateway('head', '10.250.0.2', '10.77.0.1'), gateway('east', 'fd00::2', '10.77.1.254')],
      }
      const paths = monitor({ findsPathMtu: true })
      await rounds(paths, 1)
      assert.deepEqual([paths.paths()[0]?.underlayMtu, paths.pathMtu], [null, 1500])
    })
  })

  test('goes round by itself until it is stopped', async () => {
    const paths = monitor()
    paths.start()
    const stopped = paths.stop()
    await stopped
    assert.equal(fake.calls.get('head'), 1)
  })
})
