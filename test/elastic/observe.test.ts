import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { Observer } from '../../src/elastic/observe.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'
import { FakeDriver, FakeSite } from '../fakes/driver.ts'
import { FakeScheduler } from '../fakes/scheduler.ts'
import { machineSpec } from '../support/machine-spec.ts'

const nothing = { inFlight: new Set<string>(), settledAtMs: new Map<string, number>() }

describe('the picture of a pool', () => {
  let db: Db
  let at: FakeSite
  let driver: FakeDriver
  let observer: Observer
  let nowMs: number
  beforeEach(async () => {
    db = await openStore(':memory:')
    nowMs = 1000
    const clock = { now: () => nowMs, sleep: () => new Promise<void>(() => undefined) }
    at = new FakeSite(['h1', 'h2'])
    driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at })
    const drains = async () => [{ site: 'east', host: 'h1', reason: '', sinceMs: 1 }]
    observer = new Observer(clock, new FakeScheduler([]), new Map([['east', driver]]), new NodeStore(db), { drains })
  })
  afterEach(() => db.destroy())

  const look = () => observer.observe(nothing, { failuresSinceMs: 0, goneSinceMs: 0 }, [])
  const create = (id: string, avoidHosts: string[]) =>
    driver.create({ ...machineSpec(id, { image: '/images/base' }), avoidHosts })

  test('has the hosts of its machines, what they are announced to, and the drains', async () => {
    await create('a', ['h2'])
    const leaving = { atMs: 9000, reason: 'spot' }
    at.announce('a', leaving)
    const { sites, drains } = await look()
    const east = sites.get('east')
    assert.ok(east?.ok)
    assert.deepEqual(
      east.value.map(({ id, host, leaving: announced }) => [id, host, announced]),
      [['a', 'h1', leaving]],
    )
    assert.equal(east.unread, undefined)
    assert.equal(drains?.length, 1)
  })

  test('names a host that is dark, and has the machines of the others', async () => {
    await create('a', ['h2'])
    await create('b', ['h1'])
    at.dark.add('h2')
    const east = (await look()).sites.get('east')
    assert.ok(east?.ok)
    assert.deepEqual(
      east.value.map(({ id }) => id),
      ['a'],
    )
    assert.deepEqual(
      east.unread?.map(({ host, code }) => [host, code]),
      [['h2', 'HostUnreachable']],
    )
  })

  test('since when a machine is unknown is not forgotten while its host is dark', async () => {
    await create('a', ['h1'])
    await look()
    at.dark.add('h2')
    nowMs = 2000
    assert.deepEqual([...(await look()).orphansSinceMs], [['a', 1000]])
    at.dark.clear()
    at.vanish('a')
    assert.deepEqual([...(await look()).orphansSinceMs], [])
  })

  test('a site that says when it may be read again is left alone until then', async () => {
    at.refusal = new CausewayError('RateLimited', 'slow down', { facts: { retryAfterMs: 5000 } })
    assert.equal((await look()).sites.get('east')?.ok, false)
    at.refusal = null
    nowMs = 5999
    const refused = (await look()).sites.get('east')
    assert.deepEqual(refused && !refused.ok && [refused.code, refused.text], ['RateLimited', 'slow down'])
    assert.equal(driver.calls.length, 1)
    nowMs = 6000
    assert.equal((await look()).sites.get('east')?.ok, true)
  })
})
