import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { PacedDriver } from '../../src/sites/paced-driver.ts'
import { VirtualClock } from '../chaos/virtual-clock.ts'
import { type DriverCall, FakeDriver } from '../fakes/driver.ts'
import { machineSpec } from '../support/machine-spec.ts'

const start = 1_000_000
let clock: VirtualClock
let inner: FakeDriver
let paced: PacedDriver
/** When calls came through, ms from the start. */
let came: [call: DriverCall['call'], atMs: number][]
/** Lets the calls that are held back go on. */
let release: () => void
let held: Promise<void>

beforeEach(() => {
  clock = new VirtualClock(start)
  inner = new FakeDriver({ site: 'east', cluster: 'lab', clock })
  came = []
  held = Promise.resolve()
  inner.interfere = ({ call }, moment) => {
    if (moment === 'before') came.push([call, clock.now() - start])
    return moment === 'after' ? held : undefined
  }
  paced = new PacedDriver(inner, { inFlight: 2, perSecond: 10, burst: 2 }, clock)
})

function hold(): void {
  held = new Promise((resolve) => {
    release = resolve
  })
}

const spec = (id: string) => machineSpec(id, { image: '/images/base' })

/** Lets virtual time pass until all is done. */
async function run<T>(work: Promise<T>): Promise<T> {
  const over = work.then(
    () => true,
    () => true,
  )
  for (let steps = 0; !(await Promise.race([over, new Promise((resolve) => setImmediate(resolve, false))])); steps++) {
    assert.ok(steps < 1000, 'it never ends')
    await clock.step()
  }
  return await work
}

describe('a driver at the pace of its site', () => {
  test('calls are spaced out', async () => {
    await run(Promise.all(['a', 'b', 'c', 'd'].map((id) => paced.create(spec(id)))))
    assert.deepEqual(came, [
      ['create', 0],
      ['create', 0],
      ['create', 100],
      ['create', 200],
    ])
  })

  test('lists that wait are one; one that has begun tells nothing of what came after, and is not joined', async () => {
    hold()
    const first = paced.list()
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    inner.at.machines.set('x', { spec: spec('x'), createdAtMs: 0, running: true, printed: '' })
    const later = [paced.create(spec('y')), paced.list(), paced.list()] as const
    release()
    assert.deepEqual((await run(first)).machines, [])
    const [, second, third] = await run(Promise.all(later))
    assert.equal(second, third)
    assert.ok(second.machines.some(({ id }) => id === 'x'))
    assert.equal(came.filter(([call]) => call === 'list').length, 2)
  })

  test('a site that does not want a kind of calls is left alone with them for as long as it says', async () => {
    inner.at.refusal = new CausewayError('RateLimited', 'slow down', { facts: { retryAfterMs: 3000 } })
    await assert.rejects(run(paced.create(spec('a'))), { code: 'RateLimited' })
    inner.at.refusal = null
    const late = paced.create(spec('a'))
    await run(paced.list())
    await run(late)
    assert.deepEqual(came, [
      ['create', 0],
      ['list', 0],
      ['create', 3000],
    ])
  })

  test('who would have to wait for long is told so', async () => {
    inner.at.refusal = new CausewayError('RateLimited', 'slow down', { facts: { retryAfterMs: 60_000 } })
    const [first, second] = [paced.delete('a'), paced.delete('b')]
    const third = paced.delete('c')
    for (const call of [first, second]) await assert.rejects(run(call), { code: 'RateLimited' })
    await assert.rejects(run(third), { code: 'RateLimited', facts: { retryAfterMs: 60_000 } })
    assert.equal(came.length, 2)
    inner.at.refusal = null
    clock.after(60_000, () => undefined)
    await clock.step()
    await run(paced.delete('c'))
  })

  test('hosts that are to be avoided are told on', async () => {
    const avoiding = { ...spec('a'), avoidHosts: ['east'] }
    await assert.rejects(run(paced.create(avoiding)), { code: 'InsufficientCapacity' })
  })

  test('when it closes, what waits is turned away', async () => {
    hold()
    const running = [paced.create(spec('a')), paced.create(spec('b'))]
    const waiting = paced.create(spec('c'))
    const closed = paced.close()
    await assert.rejects(waiting, { code: 'HostUnreachable' })
    await closed
    await assert.rejects(paced.list(), { code: 'HostUnreachable' })
    release()
    await run(Promise.all(running))
    assert.equal(came.length, 2)
  })
})
