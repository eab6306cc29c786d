import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { createTask } from 'node-cron'
import { stringify } from 'yaml'
import { parsePolicyFile } from '../../src/config/policy-file.ts'
import { PolicyClock } from '../../src/elastic/policy-clock.ts'
import { policyRules } from '../../src/elastic/policy-rules.ts'
import { siteModels } from '../../src/elastic/policy-simulation.ts'

const minute = 60_000
const hour = 60 * minute

const size = { cpus: 8, memory: '31GiB' }
const sites = {
  east: { order: 1, nodes: { maximum: 16, spare: 1, cost: 0.4, features: ['avx512'], ...size } },
  west: {
    order: 2,
    types: {
      small: { maximum: 20, cost: 0.1, ...size },
      big: { maximum: 4, cost: 6, ...size, gpus: 4 },
      first: { order: 1, maximum: 2, cost: 0.2, ...size },
    },
  },
}

function fileOf(policy: object, more: object = {}) {
  return parsePolicyFile(stringify({ sites, policy, ...more }), 'policy.yaml')
}

const clockOf = (policy: object) => new PolicyClock(policyRules(fileOf(policy)))

/** A window that raises the maximum of west's small nodes. */
const window = (name: string, cron: string, length: string, maximum: number) => ({
  name,
  cron,
  for: length,
  set: { sites: { west: { types: { small: { maximum } } } } },
})

const small = (clock: PolicyClock, at: number) => clock.at(at).types.find(({ type }) => type === 'small')

describe('the policy by the time', () => {
  test('types are sorted by order, cost and name, with sizes, features and prefixes', () => {
    const { types } = clockOf({}).at(0)
    assert.deepEqual(
      types.map(({ prefix }) => prefix),
      ['west-first', 'east', 'west-small', 'west-big'],
    )
    assert.deepEqual(types[1], {
      site: 'east',
      type: 'standard',
      prefix: 'east',
      names: 16,
      size: { cpus: 8, memoryMiB: 31_744, gpus: 0 },
      features: ['site-east', 'type-standard', 'avx512'],
      minimum: 0,
      maximum: 16,
      spare: 1,
      idleMs: 5 * minute,
      lifetimeMs: 0,
      billingMs: 0,
      costPerHour: 0.4,
    })
  })

  test('a window changes what it names for its time; names are as many as any window wants', () => {
    const clock = clockOf({ windows: [window('nights', '0 20 * * *', '10h', 32)] })
    const eight = Date.parse('2026-05-04T20:00Z')
    for (const [at, maximum] of [
      [eight - 1, 20],
      [eight, 32],
      [eight + 10 * hour - 1, 32],
      [eight + 10 * hour, 20],
    ] as const) {
      assert.equal(small(clock, at)?.maximum, maximum)
      assert.equal(small(clock, at)?.names, 32)
    }
    assert.equal(clock.nextChangeMs(eight - 5), eight)
    assert.equal(clock.nextChangeMs(eight), eight + 10 * hour)
  })

  test('of windows in force the later in the list wins, key by key, and preferences change with them', () => {
    const set = { sites: { west: { types: { small: { maximum: 7, cost: 0.01 } } } } }
    const clock = clockOf({
      windows: [
        { name: 'a', cron: '0 8 * * *', for: '4h', set },
        {
          name: 'b',
          cron: '0 9 * * *',
          for: '1h',
          set: { sites: { west: { order: 1, types: { small: { maximum: 9 } } } } },
        },
        { name: 'c', cron: '0 9 * * *', for: '2h', set: { caps: [{ user: 'a', nodes: 1 }], budgets: [] } },
        { name: 'd', cron: '35 9 * * *', for: '9m', set: { caps: [{ user: 'b', nodes: 2 }] } },
      ],
      caps: [{ queue: 'q', nodes: 2 }],
      budgets: [{ period: 'day', amount: 5 }],
    })
    const at = (time: string) => clock.at(Date.parse(`2026-05-04T${time}Z`))
    const of = (time: string) => {
      const type = at(time).types.find(({ prefix }) => prefix === 'west-small')
      return [type?.maximum, type?.costPerHour, at(time).types[0]?.prefix]
    }
    assert.deepEqual(of('07:59'), [20, 0.1, 'west-first'])
    assert.deepEqual(of('08:30'), [7, 0.01, 'west-first'])
    assert.deepEqual(of('09:30'), [9, 0.01, 'west-small'])
    assert.deepEqual(of('10:30'), [7, 0.01, 'west-first'])
    assert.deepEqual(at('09:30').caps, [{ of: 'user', name: 'a', nodes: 1 }])
    assert.deepEqual(at('09:40').caps, [{ of: 'user', name: 'b', nodes: 2 }])
    assert.deepEqual(at('09:30').budgets, [])
    assert.deepEqual(at('11:30').caps, [{ of: 'queue', name: 'q', nodes: 2 }])
    assert.equal(at('11:30').budgets.length, 1)
    assert.deepEqual(clock.windowsInForce(Date.parse('2026-05-04T09:30Z')), ['a', 'b', 'c'])
  })

  test('where windows overlap, minimum and spare nodes are cut to the maximum', () => {
    const set = (limits: object) => ({ sites: { east: { nodes: limits } } })
    const clock = clockOf({
      windows: [
        { name: 'many', cron: '0 8 * * *', for: '4h', set: set({ minimum: 10, spare: 12 }) },
        { name: 'few', cron: '0 9 * * *', for: '1h', set: set({ maximum: 3 }) },
      ],
    })
    const east = (time: string) => clock.at(Date.parse(`2026-05-04T${time}Z`)).types.find(({ site }) => site === 'east')
    assert.partialDeepStrictEqual(east('08:30'), { minimum: 10, spare: 12, maximum: 16 })
    assert.partialDeepStrictEqual(east('09:30'), { minimum: 3, spare: 3, maximum: 3, names: 16 })
  })

  test('budgets are for the day and the month of the zone, also when clocks change', () => {
    const budgets = [
      { period: 'day', amount: 5 },
      { period: 'month', site: 'west', amount: 50 },
    ]
    const clock = clockOf({ timezone: 'Europe/Berlin', budgets })
    const periods = (at: string) =>
      clock
        .at(Date.parse(at))
        .budgets.map(({ startMs, endMs }) => [startMs, endMs].map((ms) => new Date(ms).toISOString()))
    assert.deepEqual(periods('2026-03-29T12:00Z'), [
      ['2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
      ['2026-02-28T23:00:00.000Z', '2026-03-31T22:00:00.000Z'],
    ])
    assert.deepEqual(periods('2026-10-24T22:00Z'), [
      ['2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
      ['2026-09-30T22:00:00.000Z', '2026-10-31T23:00:00.000Z'],
    ])
    assert.deepEqual(periods('2026-12-31T22:59:59.999Z')[1], ['2026-11-30T23:00:00.000Z', '2026-12-31T23:00:00.000Z'])
    assert.equal(clock.nextChangeMs(Date.parse('2026-03-29T12:00Z')), Date.parse('2026-03-29T22:00Z'))
    const monthly = clockOf({ budgets: [{ period: 'month', amount: 5 }] })
    assert.equal(monthly.nextChangeMs(Date.parse('2026-05-04T12:00Z')), Date.parse('2026-06-01T00:00Z'))
    assert.equal(monthly.at(Date.parse('2026-05-04T12:00Z')), monthly.at(Date.parse('2026-05-06T12:00Z')))
  })

  test('without windows and budgets it is one object for ever', () => {
    const clock = clockOf({ caps: [{ user: 'a', nodes: 1 }] })
    assert.equal(clock.at(0), clock.at(Date.UTC(2100, 0)))
    assert.equal(clock.nextChangeMs(0), null)
  })

  test('a window that its own begins keep open changes never before its end is in sight', () => {
    const clock = clockOf({ windows: [window('w', '* * * * *', '5m', 30)] })
    const now = Date.parse('2026-05-04T12:00:30Z')
    assert.equal(clock.at(now), clock.at(now + hour))
    assert.ok((clock.nextChangeMs(now) ?? 0) > now + 24 * hour)
  })

  test('at every minute the windows in force are those that node-cron, asked minute by minute, has begun', () => {
    const crons = fc.constantFrom(
      '0 20 * * *',
      '30 2 * * *',
      '*/30 1-3 * * *',
      '0 0 * * sun',
      '45 1 29 3 *',
      '15 */2 * * *',
    )
    const lengths = fc.constantFrom(5, 45, 61, 120, 600, 1500)
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe')
    const begins = fc.constantFrom('2026-03-28', '2026-10-24', '2026-03-07', '2026-04-04', '2026-06-20')
    fc.assert(
      fc.property(
        fc.array(fc.tuple(crons, lengths), { minLength: 1, maxLength: 3 }),
        zones,
        begins,
        (specs, zone, begin) => {
          const windows = specs.map(([cron, length], index) => window(`w${index}`, cron, `${length}m`, 30 + index))
          const clock = clockOf({ timezone: zone, windows, budgets: [{ period: 'day', amount: 5 }] })
          const from = Date.parse(`${begin}T00:00Z`)
          const step = 5 * minute
          const fires = specs.map(([cron]) => {
            const task = createTask(cron, () => undefined, { timezone: zone })
            void task.destroy()
            const found: number[] = []
            for (let at = from - 1500 * minute; at < from + 40 * hour; at += step)
              if (task.match(new Date(at))) found.push(at)
            return found
          })
          let before = clock.at(from)
          let change = clock.nextChangeMs(from)
          for (let at = from; at < from + 40 * hour; at += step) {
            const open = specs.map(
              ([, length], i) => fires[i]?.some((b) => b <= at && at < b + length * minute) ?? false,
            )
            const last = open.lastIndexOf(true)
            const policy = clock.at(at)
            assert.equal(policy.types.find(({ type }) => type === 'small')?.maximum, last < 0 ? 20 : 30 + last)
            assert.deepEqual(
              clock.windowsInForce(at),
              specs.flatMap((_, i) => (open[i] ? [`w${i}`] : [])),
            )
            const budget = policy.budgets[0]
            assert.ok(budget && budget.startMs <= at && at < budget.endMs)
            // Nothing changes before the time that was said, and nothing is said that lies in the past.
            if (change !== null && at < change) assert.equal(policy, before)
            change = clock.nextChangeMs(at)
            assert.ok(change !== null && change > at)
            before = policy
          }
        },
      ),
      { numRuns: 25 },
    )
  })

  test('the answer does not depend on what was asked before', () => {
    const policy = {
      timezone: 'Europe/Berlin',
      windows: [window('a', '0 20 * * *', '10h', 32), window('b', '*/15 8-17 * * 1-5', '10m', 25)],
      budgets: [{ period: 'month', amount: 5 }],
    }
    const one = clockOf(policy)
    const start = Date.UTC(2026, 2, 1)
    fc.assert(
      fc.property(fc.integer({ min: start, max: start + 60 * 24 * hour }), (at) => {
        assert.deepEqual(one.at(at), clockOf(policy).at(at))
        assert.equal(one.nextChangeMs(at), clockOf(policy).nextChangeMs(at))
      }),
      { numRuns: 100 },
    )
  })
})

test('sites of a simulation behave as said, or as usual', () => {
  const file = fileOf({}, { simulation: { sites: { east: { boot: '2m', failures: 0.01, capacity: 12 } } } })
  const models = siteModels(file)
  assert.deepEqual(models.get('east'), { bootMs: 120_000, spread: 1.3, failures: 0.01, capacity: 12 })
  assert.deepEqual(models.get('west'), { bootMs: 90_000, spread: 1.3, failures: 0, capacity: null })
})
