import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { costWithin } from '../../src/elastic/plan/cost.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'

const hour = 3_600_000
const all = { startMs: 0, endMs: 1e15 }

describe('what a life costs', () => {
  test('by the ms, or begun charged times whole', () => {
    const life = { beganAtMs: 10 * hour, costPerHour: 2 }
    assert.equal(costWithin({ ...life, billingMs: 0 }, 10.5 * hour, all), 1)
    assert.equal(costWithin({ ...life, billingMs: hour }, 10.5 * hour, all), 2)
    assert.equal(costWithin({ ...life, billingMs: hour }, 11 * hour, all), 2)
    assert.equal(costWithin({ ...life, billingMs: hour }, 11 * hour + 1, all), 4)
  })

  test('only what lies within the period counts', () => {
    const life = { beganAtMs: 10 * hour, costPerHour: 1, billingMs: 0 }
    assert.equal(costWithin(life, 14 * hour, { startMs: 12 * hour, endMs: 13 * hour }), 1)
    assert.equal(costWithin(life, 11 * hour, { startMs: 12 * hour, endMs: 13 * hour }), 0)
    assert.equal(costWithin(life, Infinity, { startMs: 12 * hour, endMs: 13 * hour }), 1)
  })

  test('periods that follow each other share it out completely', () => {
    fc.assert(
      fc.property(
        fc.nat(1e8),
        fc.nat(1e8),
        fc.constantFrom(0, 60_000, hour),
        fc.nat(2e8),
        (began, lived, billingMs, cut) => {
          const life = { beganAtMs: began, costPerHour: 3.5, billingMs }
          const part = (startMs: number, endMs: number) => costWithin(life, began + lived, { startMs, endMs })
          const whole = part(0, 1e12)
          assert.ok(Math.abs(part(0, cut) + part(cut, 1e12) - whole) < 1e-6 * Math.max(1, whole))
        },
      ),
    )
  })
})

describe('the store adds up what is over as the planner does what goes on', () => {
  let db: Db
  let nodes: NodeStore
  beforeEach(async () => {
    db = await openStore(':memory:')
    nodes = new NodeStore(db)
  })
  afterEach(() => db.destroy())

  test('for any lives and any period', async () => {
    const reason = { code: 'Test', text: 'test' }
    const someLife = fc.record({
      site: fc.constantFrom('east', 'west'),
      beganAtMs: fc.nat(5 * hour),
      livedMs: fc.nat(3 * hour),
      billingMs: fc.constantFrom(0, 60_000, hour),
      costPerHour: fc.constantFrom(0, 0.25, 4),
    })
    let count = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(someLife, { maxLength: 6 }),
        fc.nat(9 * hour),
        fc.nat(9 * hour),
        async (lives, a, b) => {
          await db.deleteFrom('nodes').execute()
          const period = { startMs: Math.min(a, b), endMs: Math.max(a, b) }
          let expected = 0
          for (const { site, beganAtMs, livedMs, billingMs, costPerHour } of lives) {
            const id = `life-${count++}`
            const life = {
              id,
              name: id,
              site,
              type: 'standard',
              costPerHour,
              billingMs,
              jobs: [],
              phase: 'booting',
            } as const
            await nodes.begin(life, reason, beganAtMs)
            await nodes.move(id, ['booting'], 'gone', reason, beganAtMs + livedMs)
            if (site === 'east')
              expected += costWithin({ beganAtMs, costPerHour, billingMs }, beganAtMs + livedMs, period)
          }
          const spent = await nodes.spent({ ...period, site: 'east' })
          assert.ok(Math.abs(spent - expected) < 1e-6, `${spent} is not ${expected}`)
        },
      ),
      { numRuns: 60 },
    )
  })
})
