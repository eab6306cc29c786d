import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { until } from '../../lab/until.ts'
import { gateway } from './sample.ts'
import { TunnelRig } from './tunnel-rig.ts'

const three = [
  gateway('head', '10.250.0.2', '10.77.0.1'),
  gateway('east', '10.250.1.2', '10.77.1.254'),
  gateway('west', '10.250.2.2', '10.77.2.254'),
]

describe('a change of keys', () => {
  it('loses no packet, and leaves nothing of the older keys', async (t) => {
    const rig = await TunnelRig.create(three, (close) => t.after(close))
    await rig.start()
    await rig.connected()
    const pings = [rig.ping('east', 'west'), rig.ping('head', 'east'), rig.ping('west', 'head')]
    const before = rig.keeper.facts.keys.get('east')?.get(0)
    await rig.keeper.rotate()
    await until('the keys are changed', 120_000, () => !rig.keeper.report().changing)
    await rig.settled()
    for (const ping of pings) {
      const sent = await ping.allAnswered()
      assert.ok(sent > 100)
      t.diagnostic(`${sent} sent, none lost`)
    }
    assert.deepEqual(rig.problems, [])
    await rig.onlyNewKeys()
    for (const { host } of rig.hosts.values()) {
      assert.deepEqual((await host.run('ls /var/lib/causeway/wireguard')).trim(), 'cwg77b.1.key')
    }
    assert.notEqual(rig.keeper.facts.keys.get('east')?.get(1), before)
    await rig.connected()
  })

  it('waits for a gateway that is away, over a restart of the controller, and cuts nobody off', async (t) => {
    const rig = await TunnelRig.create(three, (close) => t.after(close))
    await rig.start()
    await rig.connected()
    const pings = [rig.ping('east', 'west'), rig.ping('head', 'east'), rig.ping('west', 'head')]
    const routes = (name: string) => rig.host(name).host.run('ip route')
    const moved = async () =>
      /198.18.0.1 dev cwg77b/.test(await routes('east')) && /198.18.1.254 dev cwg77b/.test(await routes('head'))

    rig.host('west').away = true
    await rig.keeper.rotate()
    await assert.rejects(rig.keeper.rotate(), { code: 'Conflict', message: /a key of west/ })
    await until('the two others use the new keys', 120_000, moved)
    assert.match(await routes('east'), /198.18.2.254 dev cwg77a/)
    assert.deepEqual(rig.keeper.report().waitsFor, ['a key of west'])

    await rig.restart()
    assert.equal(rig.keeper.report().generation, 1)
    await until('they use them again', 120_000, async () => rig.keeper.facts.links.size === 2 && (await moved()))
    assert.match(await routes('east'), /198.18.2.254 dev cwg77a/)
    assert.ok(rig.keeper.report().changing)

    rig.host('west').away = false
    await until('the keys are changed', 120_000, () => !rig.keeper.report().changing)
    await rig.settled()
    for (const ping of pings) await ping.allAnswered()
    await rig.onlyNewKeys()
    assert.deepEqual(rig.problems, [])
  })

  it('begins by itself when they are old', async (t) => {
    const rig = await TunnelRig.create(three.slice(0, 2), (close) => t.after(close), { rotateAfterMs: 1 })
    await rig.start()
    await until('it has begun', 120_000, () => rig.keeper.report().generation > 0)
    await until('a second one, too', 120_000, () => rig.keeper.report().generation > 1)
    await rig.connected()
    assert.deepEqual(rig.problems, [])
  })
})
