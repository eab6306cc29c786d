import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { CausewayError } from '../../../src/base/errors.ts'
import { cutAfter, cutBefore, instead } from './faults.ts'
import { ScratchCloud } from './scratch-cloud.ts'

const ids = ['a', 'b'] as const

/** What may happen to a request; `good` of `good + 1` go well. */
const mishap = (good: number) =>
  fc.oneof(
    { weight: good, arbitrary: fc.constant('none' as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('cut', 'lost', 'broken', 'lost to a proxy', 'too often', 'token ended' as const),
    },
  )

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), id: fc.constantFrom(...ids) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), id: fc.constantFrom(...ids) }) },
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1_000, max: 70_000 }) }),
  fc.record({ do: fc.constant('fill' as const), zones: fc.subarray(['zone-a', 'zone-b']) }),
  fc.record({ do: fc.constant('list' as const) }),
  fc.record({ do: fc.constant('restart' as const) }),
)

const history = fc.record({
  steps: fc.array(step, { minLength: 3, maxLength: 9 }),
  /** Of requests that change nothing, and of those that do, in turn. */
  looking: fc.array(mishap(30), { minLength: 1, maxLength: 80 }),
  acting: fc.array(mishap(2), { minLength: 1, maxLength: 20 }),
  // A server shows up, one way or the other, within the minute that the driver gives it.
  delays: fc.record({
    listed: fc.integer({ min: 0, max: 50_000 }),
    bound: fc.integer({ min: 0, max: 50_000 }),
    built: fc.integer({ min: 0, max: 90_000 }),
    gone: fc.integer({ min: 0, max: 40_000 }),
  }),
  keepsDeleted: fc.boolean(),
  pageSize: fc.constantFrom(1, 1000),
})

type History = typeof history extends fc.Arbitrary<infer T> ? T : never

const mayThrow = new Set([
  'HostUnreachable',
  'InsufficientCapacity',
  'RateLimited',
  'Unauthorized',
  'CommandFailed',
  'CommandTimeout',
])

it('whatever goes wrong, there are never two servers of an id, and delete leaves nothing', async () => {
  await fc.assert(fc.asyncProperty(history, live), { numRuns: 60, seed: 20261123 })
})

async function live({ steps, looking, acting, delays, keepsDeleted, pageSize }: History): Promise<void> {
  const scratch = await ScratchCloud.create(undefined, 10_000)
  const { cloud, clock } = scratch
  Object.assign(cloud, { delays, keepsDeleted, pageSize })
  const turns = { looking: 0, acting: 0 }
  const goWrong = () => {
    cloud.interfere = ({ method }) => {
      const kind = method === 'GET' ? 'looking' : 'acting'
      const mishaps = { looking, acting }[kind]
      return faultOf(mishaps[turns[kind]++ % mishaps.length] ?? 'none')
    }
  }
  const faultOf = (kind: History['acting'][number]) => {
    if (kind === 'token ended') cloud.tokens.clear()
    return {
      none: null,
      'token ended': null,
      cut: cutBefore,
      lost: cutAfter,
      broken: instead(500),
      'lost to a proxy': { moment: 'after', answer: { status: 503 } } as const,
      'too often': instead(429, '', { 'retry-after': '1' }),
    }[kind]
  }
  try {
    let driver = scratch.driver()
    for (const one of steps) {
      goWrong()
      if (one.do === 'wait') clock.skip(one.ms)
      else if (one.do === 'restart') driver = scratch.driver()
      else if (one.do === 'fill') {
        cloud.fullZones.clear()
        for (const zone of one.zones) cloud.fullZones.add(zone)
      } else if (one.do === 'list') await orRefused(driver.list())
      else if (one.do === 'create') {
        const machine = await orRefused(driver.create(scratch.spec(one.id)))
        if (machine) assert.deepEqual(ofId(scratch, one.id), ['ACTIVE', `port of ${cloud.serverOf(one.id).portId}`])
      } else if (await orRefused(driver.delete(one.id).then(() => true))) {
        assert.deepEqual(ofId(scratch, one.id), [])
      }
      assert.deepEqual(cloud.doubles, [])
    }
    cloud.interfere = () => null
    cloud.fullZones.clear()
    clock.skip(120_000)
    for (const id of ids) assert.equal((await driver.create(scratch.spec(id))).state, 'running')
    const { machines } = await driver.list()
    assert.deepEqual(machines.map(({ id }) => id).toSorted(), ids)
    for (const id of ids) await driver.delete(id)
    assert.deepEqual(cloud.remains(), [])
    assert.deepEqual(cloud.doubles, [])
  } finally {
    await scratch.close()
  }
}

/** Null where the driver refused, in a way that its contract names. */
async function orRefused<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    assert.ok(error instanceof CausewayError && mayThrow.has(error.code), String(error))
    return null
  }
}

/** The states of a machine's servers, and its ports. */
function ofId({ cloud }: ScratchCloud, id: string): string[] {
  cloud.settle()
  const servers = [...cloud.servers.values()].filter(({ metadata }) => metadata.causeway_id === id)
  const ports = [...cloud.ports.values()].filter(({ name }) => name === `causeway-${id}`)
  return [
    ...servers.map(({ status, fault }) => status ?? (fault === null ? 'ACTIVE' : 'ERROR')),
    ...ports.map((port) => `port of ${port.id}`),
  ]
}
