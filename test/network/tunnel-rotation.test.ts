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
    await until('the keys are changed', 90_000, () => !rig.keeper.report().changing)
    await rig.settled()
    for (const ping of pings) {
      const { sent, lost } = await ping.stop()
      assert.ok(sent > 100)
      t.diagnostic(`${sent} sent, ${lost} lost`)
      assert.equal(lost, 0)
    }
    assert.deepEqual(rig.problems, [])
    for (const { host } of rig.hosts.values()) {
      assert.deepEqual((await host.run('wg show interfaces')).trim(), 'cwg77b')
      assert.deepEqual((await host.run('ls /var/lib/causeway/wireguard')).trim(), 'cwg77b.1.key')
    }
    assert.notEqual(rig.keeper.facts.keys.get('east')?.get(1), before)
    await rig.connected()
  })
})
