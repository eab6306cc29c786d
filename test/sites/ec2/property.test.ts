import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { CausewayError } from '../../../src/base/errors.ts'
import type { Ec2Driver } from '../../../src/sites/ec2/driver.ts'
import { Refusal } from '../../fakes/ec2/refusal.ts'
import type { Fault } from '../../fakes/ec2/server.ts'
import { Ec2Site, ec2Spec, SleeperClock } from './site.ts'

const ids = ['a', 'b', 'c'] as const
const places = ['c7i.large', 'c6i.large'].flatMap((type) => [`${type}/eu-test-1a`, `${type}/eu-test-1b`])

/** What happens, one after the other. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), id: fc.constantFrom(...ids) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), id: fc.constantFrom(...ids) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const), id: fc.constantFrom(...ids) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('vanish' as const), id: fc.constantFrom(...ids) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('sleep' as const), ms: fc.constantFrom(500, 10_000, 7_200_000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sell out' as const), places: fc.subarray(places) }) },
)

/** Faults of the next calls, in their order; then all goes well. */
const fault = fc.option(
  fc.oneof(
    fc.constantFrom<Fault>('cut before', 'cut after', { actsInMs: 3000 }, { body: '<html/>' }),
    fc
      .constantFrom('RequestLimitExceeded', 'InternalError', 'UnauthorizedOperation')
      .map((code) => new Refusal(code, code, 503)),
  ),
  { freq: 2 },
)

const life = fc.record({
  steps: fc.array(step, { maxLength: 12 }),
  faults: fc.array(fault, { maxLength: 40 }),
  lagsMs: fc.array(fc.constantFrom(0, 200, 2000, 8000), { minLength: 1, maxLength: 10 }),
  endsInMs: fc.constantFrom(0, 1000, 40_000),
})

test('whatever fails, no id ever has two live instances, and all are gone after delete', async () => {
  await fc.assert(
    fc.asyncProperty(life, async ({ steps, faults, lagsMs, endsInMs }) => {
      const clock = new SleeperClock()
      const site = await Ec2Site.start(clock)
      try {
        let calls = 0
        let lags = 0
        let liveMost = 0
        site.cloud.endsInMs = endsInMs
        site.cloud.lagMs = () => lagsMs[lags++ % lagsMs.length] ?? 0
        site.api.interfere = () => {
          liveMost = Math.max(liveMost, ...ids.map((id) => liveOf(site, id)))
          return faults[calls++] ?? null
        }
        let driver = site.driver()
        for (const one of steps) {
          if (one.do === 'restart') driver = site.driver()
          else await carryOut(one, site, clock, driver)
        }
        // Whatever was left undone ends well once nothing fails any more, and what was asked to go is gone.
        faults.length = 0
        site.cloud.soldOut.clear()
        const last = await driver.create(ec2Spec('a'))
        assert.ok(site.cloud.ofId('a').address === last.address)
        for (const id of ids) await driver.delete(id)
        // Nothing comes to be afterwards either.
        await clock.sleep(60_000)
        site.api.actLate()
        assert.ok(liveMost <= 1, `${liveMost} live instances of an id`)
        assert.deepEqual(site.cloud.remains(), [])
      } finally {
        await site.close()
      }
    }),
    { numRuns: 50 },
  )
})

type Step = Exclude<typeof step extends fc.Arbitrary<infer T> ? T : never, { do: 'restart' }>

async function carryOut(one: Step, site: Ec2Site, clock: SleeperClock, driver: Ec2Driver): Promise<void> {
  const { cloud } = site
  const alive = 'id' in one && cloud.alive().find(({ tags }) => tags.get('causeway:id') === one.id)
  try {
    if (one.do === 'create') {
      const machine = await driver.create(ec2Spec(one.id))
      assert.ok(cloud.alive().some(({ address }) => address === machine.address))
    } else if (one.do === 'delete') {
      await driver.delete(one.id)
      assert.ok(!cloud.alive().some(({ tags }) => tags.get('causeway:id') === one.id))
    } else if (one.do === 'sleep') {
      await clock.sleep(one.ms)
    } else if (one.do === 'sell out') {
      cloud.soldOut.clear()
      for (const place of one.places) cloud.soldOut.add(`${place}/on-demand`)
    } else if (alive) {
      if (one.do === 'stop') cloud.stop(one.id)
      else cloud.terminate(alive)
      // What others did, EC2 shows some time later.
      await clock.sleep(8000)
    }
  } catch (error) {
    // The driver may fail in its own way only, and never at something that can't be.
    assert.ok(error instanceof CausewayError && error.code !== 'Internal', String(error))
  }
}

function liveOf({ cloud }: Ec2Site, id: string): number {
  return cloud.alive().filter(({ tags }) => tags.get('causeway:id') === id).length
}
