import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { silentLog } from '../../src/base/log.ts'
import { CacheWarmer } from '../../src/elastic/cache-warmer.ts'
import type { NewEvent } from '../../src/store/event-store.ts'

const roles: Readonly<Record<string, readonly string[]>> = {
  'west/standard': ['slurm'],
  'west/gpu': ['slurm', 'cuda'],
}

function stage() {
  const calls: string[] = []
  const events: NewEvent[] = []
  const state = { now: 1_000_000, faults: [] as CausewayError[], pauses: [] as number[] }
  const warmer = new CacheWarmer({
    clock: {
      now: () => state.now,
      sleep: async (ms, signal) => {
        if (signal?.aborted) return
        state.pauses.push(ms)
        state.now += ms
      },
    },
    log: silentLog,
    events: { append: async (event) => void events.push(event) },
    warmCache: async (site, wanted) => {
      calls.push(`${site}: ${wanted.join(' ')}`)
      const fault = state.faults.shift()
      if (fault) throw fault
    },
    rolesOf: ({ site, type }) => roles[`${site}/${type}`] ?? [],
  })
  const come = async (...types: string[]) => {
    warmer.nodesCome(types.map((type) => ({ site: 'west', type })))
    await warmer.idle()
    return calls.splice(0)
  }
  return { state, events, warmer, come, calls }
}

const unreachable = () => new CausewayError('HostUnreachable', 'no route')

describe('caches are told what nodes to come will install', () => {
  it('each role once for all nodes of a round, and not again for a minute', async () => {
    const { state, events, come } = stage()
    assert.deepEqual(await come('standard', 'gpu', 'standard'), ['west: slurm cuda'])
    assert.deepEqual(await come('standard'), [])
    state.now += 60_000
    assert.deepEqual(await come('standard'), ['west: slurm'])
    // A clock that is set back holds nothing up.
    state.now -= 3_600_000
    assert.deepEqual(await come('standard'), ['west: slurm'])
    assert.deepEqual(
      events.map(({ kind, site, code }) => ({ kind, site, code })),
      Array.from({ length: 3 }, () => ({ kind: 'cache', site: 'west', code: 'CacheWarms' })),
    )
  })

  it('types without roles need no cache', async () => {
    const { come, events } = stage()
    assert.deepEqual(await come('bare'), [])
    assert.deepEqual(events, [])
  })

  it('what fails is tried again with growing pauses, and told as it ended', async () => {
    const { state, events, come } = stage()
    state.faults = [unreachable(), unreachable()]
    assert.equal((await come('standard')).length, 3)
    assert.deepEqual(state.pauses, [500, 1000])
    assert.deepEqual(
      events.map(({ code }) => code),
      ['CacheWarms'],
    )
  })

  it('five tries; then nodes that come later are a new reason', async () => {
    const { state, events, come } = stage()
    state.faults = Array.from({ length: 5 }, unreachable)
    assert.equal((await come('standard')).length, 5)
    assert.deepEqual(
      events.map(({ code }) => code),
      ['HostUnreachable'],
    )
    assert.equal((await come('standard')).length, 1)
  })

  it('what no retry helps is not tried again', async () => {
    const { state, events, come } = stage()
    state.faults = [new CausewayError('InvalidRequest', 'there is no role slurm')]
    assert.equal((await come('standard')).length, 1)
    assert.match(events[0]?.text ?? '', /role slurm.*there is no role slurm/)
  })

  it('stopping ends the tries, and nothing is told after it', async () => {
    const { state, warmer, calls } = stage()
    state.faults = Array.from({ length: 5 }, unreachable)
    warmer.nodesCome([{ site: 'west', type: 'standard' }])
    await warmer.stop()
    assert.equal(calls.length, 1)
    warmer.nodesCome([{ site: 'west', type: 'gpu' }])
    assert.equal(calls.length, 1)
  })

  it('a record that can not be written harms nobody', async () => {
    const warmer = new CacheWarmer({
      clock: { now: () => 0, sleep: async () => undefined },
      log: silentLog,
      events: { append: () => Promise.reject(new Error('disk full')) },
      warmCache: async () => undefined,
      rolesOf: () => ['slurm'],
    })
    warmer.nodesCome([{ site: 'west', type: 'standard' }])
    await warmer.idle()
  })
})
