import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { until } from '../../lab/until.ts'
import { CausewayError } from '../../src/base/errors.ts'
import type { Host } from '../../src/base/host.ts'
import { applyGateway } from '../../src/network/apply.ts'
import { KeyKeeper } from '../../src/network/wireguard/key-keeper.ts'
import { wireguardPart } from '../../src/network/wireguard/wireguard-part.ts'
import { openStore } from '../../src/store/open.ts'
import { TunnelKeyStore } from '../../src/store/tunnel-key-store.ts'
import { FakeKernel } from './fake-kernel.ts'
import { bareOverlay, gateway } from './sample.ts'

const gateways = [
  gateway('head', '10.250.0.2', '10.77.0.1'),
  gateway('east', '10.250.1.2', '10.77.1.254'),
  gateway('west', '10.250.2.2', '10.77.2.254'),
]

/** Gateways whose kernels are models, a clock that stands until it is told to go on, and a keeper that may start again. */
async function stage(t: TestContext, rotateAfterMs: number | null = null) {
  const db = await openStore(':memory:')
  const kernels = new Map(gateways.map(({ name }) => [name, new FakeKernel(name)]))
  const away = new Set<string>()
  const held = new Map<string, Promise<void>>()
  const hosts = new Map(
    [...kernels].map(([name, kernel]): [string, Host] => [
      name,
      {
        name,
        exec: async (...args) => {
          if (away.has(name)) throw new CausewayError('HostUnreachable', `${name}: no connection`)
          const answer = await kernel.exec(...args)
          await held.get(args[0].slice(1).join(' '))
          return answer
        },
        close: async () => undefined,
      },
    ]),
  )
  let now = 0
  const sleepers = new Set<() => void>()
  const clock = {
    now: () => now,
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        if (signal?.aborted) return resolve()
        const finish = () => {
          sleepers.delete(finish)
          resolve()
        }
        sleepers.add(finish)
        signal?.addEventListener('abort', finish, { once: true })
      }),
  }
  let changes = 0
  const store = new TunnelKeyStore(db)
  const newKeeper = () =>
    new KeyKeeper({
      vni: 77,
      gateways,
      hosts,
      clock,
      rotateAfterMs,
      store,
      onChange: () => void changes++,
    })
  let keeper = newKeeper()
  t.after(async () => {
    await keeper.stop()
    await db.destroy()
  })
  const asleep = () => until('all have been asked', 120_000, () => sleepers.size === gateways.length)
  return {
    kernels,
    away,
    store,
    /** Answers come after this only; by the words of the call. */
    held,
    keeper: () => keeper,
    changes: () => changes,
    start: async () => {
      await keeper.start()
      await asleep()
    },
    restart: async () => {
      await keeper.stop()
      keeper = newKeeper()
      await keeper.start()
      await asleep()
    },
    /** Lets time pass, and every gateway be asked once more. */
    pass: async (ms: number) => {
      now += ms
      for (const finish of sleepers) finish()
      await asleep()
    },
    asleep,
    /** Lets time pass, and every gateway be asked that is not being asked already. */
    passFor: (ms: number) => {
      now += ms
      for (const finish of sleepers) finish()
    },
    /** Applies what follows from the facts at gateways, and lets all shake hands with those that they have as peers. */
    apply: async (...names: string[]) => {
      const encryption = { subnet: '198.18.0.0/15', port: 51_820, relay: 'head', ...keeper.facts }
      for (const name of names) {
        const kernel = kernels.get(name) ?? assert.fail(name)
        await applyGateway(kernel, { ...bareOverlay, gateways, encryption }, name, [wireguardPart])
        for (const ofGateway of keeper.facts.keys.values())
          for (const key of ofGateway.values()) kernel.tunnels.shaken.add(key)
      }
    },
  }
}

const all = gateways.map((one) => one.name)

describe('the keeper of keys', () => {
  it('asks each gateway for its key, tells when it knows more, and remembers', async (t) => {
    const { keeper, start, restart, changes, away } = await stage(t)
    await start()
    const known = keeper().facts.keys
    assert.deepEqual([...known.keys()].sort(), ['east', 'head', 'west'])
    assert.equal(changes(), 3)
    assert.equal(keeper().report().changing, false)
    for (const name of all) away.add(name)
    await restart()
    assert.deepEqual(keeper().facts.keys, known, 'also of those that can not be asked now')
    assert.match(keeper().report().gateways[0]?.problem ?? '', /no connection/)
  })

  it('learns another key after a gateway has lost its own', async (t) => {
    const { keeper, start, pass, kernels } = await stage(t)
    await start()
    const before = keeper().facts.keys.get('east')?.get(0)
    kernels.get('east')?.tunnels.keys.clear()
    await pass(60_000)
    assert.notEqual(keeper().facts.keys.get('east')?.get(0), before)
  })

  it('takes no key that another gateway has', async (t) => {
    const { keeper, start, pass, kernels } = await stage(t)
    await start()
    const copied = keeper().facts.keys.get('east')?.get(0) ?? ''
    kernels.get('west')?.tunnels.keys.set('cwg77a.0', copied)
    const before = keeper().facts.keys.get('west')?.get(0)
    await pass(60_000)
    assert.equal(keeper().facts.keys.get('west')?.get(0), before)
    assert.match(keeper().report().gateways[2]?.problem ?? '', /same key as east/)
  })

  it('keeps the key that a device runs by when its file is gone', async (t) => {
    const { keeper, start, pass, kernels, apply } = await stage(t)
    await start()
    await apply(...all)
    const before = keeper().facts.keys.get('east')?.get(0)
    kernels.get('east')?.tunnels.keys.clear()
    await pass(60_000)
    assert.equal(keeper().facts.keys.get('east')?.get(0), before)
  })

  it('ends a change when all have moved, and a while after', async (t) => {
    const { keeper, start, pass, apply } = await stage(t)
    await start()
    await apply(...all)
    await keeper().rotate()
    await pass(0)
    await apply(...all)
    await pass(1000)
    assert.equal(keeper().facts.links.size, 3)
    assert.deepEqual(keeper().report().waitsFor, [])
    await apply('head', 'east')
    await pass(60_000)
    assert.ok(keeper().report().changing, 'the routes of west have not moved')
    await apply('west')
    await pass(1000)
    assert.ok(keeper().report().changing, 'what is on its way may still come')
    await pass(5000)
    assert.equal(keeper().report().changing, false)
    assert.deepEqual(
      [...keeper().facts.keys.values()].map((ofGateway) => [...ofGateway.keys()]),
      [[1], [1], [1]],
    )
  })

  it('takes no older key that is told as the change ends', async (t) => {
    const { keeper, start, restart, pass, passFor, apply, held, store, asleep } = await stage(t)
    await start()
    await apply(...all)
    await keeper().rotate()
    await pass(0)
    await apply(...all)
    await pass(1000)
    await apply(...all)
    await pass(1000)
    const older = keeper().facts.keys.get('west')?.get(0) ?? assert.fail('the older key is still known')
    const { promise, resolve: release } = Promise.withResolvers<void>()
    held.set(`key cwg77a 0 ${older}`, promise)
    passFor(5000)
    await until('the change has ended', 120_000, () => !keeper().report().changing)
    release()
    await asleep()
    const generations = () => [...keeper().facts.keys.values()].map((ofGateway) => [...ofGateway.keys()])
    assert.deepEqual(generations(), [[1], [1], [1]])
    await store.save({ gateway: 'west', generation: 0, publicKey: older, toldAtMs: 0 })
    await restart()
    assert.deepEqual(generations(), [[1], [1], [1]])
  })

  it('waits for who is away, also after a new start, and is told once at a time', async (t) => {
    const { keeper, start, restart, pass, apply, away } = await stage(t)
    await start()
    await apply(...all)
    away.add('west')
    await keeper().rotate()
    await pass(0)
    await apply('head', 'east')
    await pass(1000)
    await assert.rejects(keeper().rotate(), { code: 'Conflict' })
    await restart()
    assert.equal(keeper().report().generation, 1)
    assert.ok(keeper().report().changing)
    assert.ok(keeper().report().waitsFor.includes('a key of west'))
    assert.ok(keeper().facts.keys.get('west')?.has(0), 'its older key is still known')
    away.clear()
    await pass(5000)
    await apply(...all)
    await pass(1000)
    await apply(...all)
    await pass(1000)
    await pass(5000)
    assert.equal(keeper().report().changing, false)
  })

  it('changes keys by itself when they are old enough, and counts over a new start', async (t) => {
    const { keeper, start, restart, pass, asleep } = await stage(t, 3_600_000)
    await start()
    await pass(3_000_000)
    await restart()
    assert.equal(keeper().report().generation, 0)
    await pass(600_000)
    await asleep()
    assert.equal(keeper().report().generation, 1)
  })
})
