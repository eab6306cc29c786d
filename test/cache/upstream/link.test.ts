import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Events } from '../../../src/cache/events.ts'
import { Link } from '../../../src/cache/upstream/link.ts'
import { Names } from '../../../src/cache/upstream/names.ts'
import { atEnd } from '../cleanup.ts'
import { serve } from './rig.ts'

test('a server that comes and goes is waited for once at a time', async (t) => {
  const origin = await serve(t, (_req, res) => res.end('here'))
  /** Waits for its return, which never end by themselves here; looks at what is under way are shorter. */
  let waits = 0
  const clock: Clock = {
    now: () => systemClock.now(),
    sleep: async (ms, signal) => {
      if (ms <= 500) return systemClock.sleep(ms, signal)
      waits += 1
      if (signal && !signal.aborted) await once(signal, 'abort')
      waits -= 1
    },
  }
  const events = new Events({ clock, log: silentLog })
  const endpoint = {
    scheme: 'http',
    host: 'mirror.lab',
    address: '127.0.0.1',
    port: origin.port,
    private: true,
  } as const
  const names = new Names({ clock: systemClock })
  const link = new Link(endpoint, { names, clock, events, random: () => 1 })
  atEnd(t, () => link.close())
  const ask = () => link.ask({ method: 'GET', path: '/', headers: {}, patienceMs: 15_000, signal: undefined })
  for (let round = 0; round < 4; round += 1) {
    const { body } = await ask()
    for await (const _ of body);
    link.noteAnswer(1)
    await origin.close()
    await assert.rejects(ask())
    assert.equal(link.health.state, 'away')
    await origin.reopen()
  }
  assert.equal(waits, 1)
  await link.close()
  assert.equal(waits, 0, 'nothing is waited for when it is closed')
})
