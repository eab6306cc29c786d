import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { answered, asked, failed, type Health, unknownHealth } from '../../../src/cache/upstream/health.ts'
import { type Asking, type Candidate, costOf, isWorthAsking, orderOf } from '../../../src/cache/upstream/order.ts'
import type { Place } from '../../../src/cache/upstream/places.ts'

const nowMs = 1_000_000

function place(role: Place['role'], name: string): Place {
  const endpoint = { scheme: 'http', host: name, address: name, port: 80, private: false } as const
  return { role, name, endpoint, authority: name, prefix: '' }
}

function measured(headMs: number): Health {
  return answered(unknownHealth, headMs, nowMs)
}

function away(verdictMs: number): Health {
  return failed(unknownHealth, { state: 'away', why: 'x', verdictMs }, nowMs, 1)
}

const poor = failed(unknownHealth, { state: 'poor', why: 'x', verdictMs: 5 }, nowMs, 1)

function names(healths: Record<string, Health>, asking: Partial<Asking> = {}): string[] {
  const role = (name: string) => name.replace(/\d$/, '') as Place['role']
  const candidates = Object.entries(healths).map(([name, health]) => ({ place: place(role(name), name), health }))
  const defaults: Asking = { kind: 'package', personal: false, pinned: false, nowMs }
  return orderOf(candidates, { ...defaults, ...asking }).map(({ name }) => name)
}

test('siblings, the parent, the origin, its mirrors, as configured', () => {
  const all = { mirror1: unknownHealth, origin: unknownHealth, parent: unknownHealth, sibling: unknownHealth }
  assert.deepEqual(names(all), ['sibling', 'parent', 'mirror1', 'origin'])
  assert.deepEqual(names(all, { kind: 'index' }), ['parent', 'mirror1', 'origin'])
  assert.deepEqual(names(all, { personal: true }), ['parent', 'origin'])
})

test('the nearest sibling first, and none that is clearly farther than the origin', () => {
  const had = (headMs: number) => asked(measured(headMs), true, nowMs)
  assert.deepEqual(names({ sibling1: had(40), sibling2: had(10), origin: measured(50) }), [
    'sibling2',
    'sibling1',
    'origin',
  ])
  assert.deepEqual(names({ sibling1: had(200), origin: measured(50) }), ['origin'])
  assert.deepEqual(names({ sibling1: had(200), origin: away(3000) }), ['sibling1'])
})

test('a sibling that never has anything is not asked, and after a while asked again', () => {
  let empty = measured(40)
  for (let round = 0; round < 10; round += 1) empty = asked(empty, false, nowMs)
  assert.deepEqual(names({ sibling: empty, origin: measured(60) }), ['origin'])
  assert.deepEqual(names({ sibling: empty, origin: measured(60) }, { nowMs: nowMs + 120_000 }), ['sibling', 'origin'])
})

test('what is clearly slower comes later, but only for files that never change', () => {
  const slow = { origin: measured(500), mirror1: measured(20) }
  assert.deepEqual(names(slow), ['mirror1', 'origin'])
  assert.deepEqual(names(slow, { kind: 'index' }), ['origin', 'mirror1'])
  assert.deepEqual(names({ origin: measured(60), mirror1: measured(20) }), ['origin', 'mirror1'])
})

test('what answers badly comes last; what is away only where it says so at once', () => {
  assert.deepEqual(names({ origin: poor, mirror1: unknownHealth }), ['mirror1', 'origin'])
  assert.deepEqual(names({ origin: away(2), mirror1: poor }), ['mirror1', 'origin'])
  assert.deepEqual(names({ origin: away(3000), mirror1: unknownHealth }), ['mirror1'])
  assert.deepEqual(names({ origin: away(3000) }), [])
})

test('what one place began it goes on with, poor or slow', () => {
  assert.deepEqual(names({ sibling1: measured(900) }, { pinned: true }), ['sibling1'])
  assert.deepEqual(names({ mirror1: poor }, { pinned: true }), ['mirror1'])
  assert.deepEqual(names({ mirror1: away(3000) }, { pinned: true }), [])
})

const health = fc
  .record({
    headMs: fc.option(fc.nat({ max: 3000 }), { nil: undefined }),
    had: fc.double({ min: 0, max: 1, noNaN: true }),
    state: fc.constantFrom('well' as const, 'poor' as const, 'away' as const),
    verdictMs: fc.constantFrom(1, 3000),
  })
  .map((some): Health => ({ ...unknownHealth, hadAsOfMs: nowMs, untilMs: nowMs + 1000, ...some }))

const candidates = fc
  .array(fc.tuple(fc.constantFrom('sibling' as const, 'parent' as const, 'mirror' as const), health), { maxLength: 8 })
  .chain((others) =>
    health.map((own): Candidate[] => [
      { place: place('origin', 'origin'), health: own },
      ...others.map(([role, each], index) => ({ place: place(role, `${role}${index}`), health: each })),
    ]),
  )

const asking: fc.Arbitrary<Asking> = fc.record({
  kind: fc.constantFrom('package' as const, 'index' as const, 'other' as const),
  personal: fc.boolean(),
  pinned: fc.constant(false),
  nowMs: fc.constant(nowMs),
})

test('no place twice, no credentials to others, nothing that is away and slow to say so', () => {
  fc.assert(
    fc.property(candidates, asking, (all, how) => {
      const order = orderOf(all, how)
      assert.equal(new Set(order).size, order.length)
      const healthOf = (each: Place) => (all.find(({ place }) => place === each) as Candidate).health
      for (const each of order) {
        if (how.personal) assert.ok(each.role === 'origin' || each.role === 'parent')
        if (how.kind === 'index') assert.notEqual(each.role, 'sibling')
        const { state, verdictMs } = healthOf(each)
        assert.ok(state !== 'away' || verdictMs <= 250)
      }
      const states = order.map((each) => ['well', 'poor', 'away'].indexOf(healthOf(each).state))
      assert.deepEqual(
        states,
        states.toSorted((a, b) => a - b),
        'what does well comes first',
      )
      for (const { place, health } of all) {
        const may = place.role !== 'sibling' && !(how.personal && place.role === 'mirror')
        if (may && health.state !== 'away') assert.ok(order.includes(place), `${place.name} was left out`)
      }
    }),
  )
})

test('the farther the origin and the more it has, the more a sibling is worth', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const cost = fc.nat({ max: 3000 })
  fc.assert(
    fc.property(cost, cost, cost, share, share, (own, near, farther, some, more) => {
      const [low = 0, high = 0] = [near, farther].toSorted((a, b) => a - b)
      const [less = 0, most = 0] = [some, more].toSorted((a, b) => a - b)
      const sibling = (had: number): Health => ({ ...measured(own), had, hadAsOfMs: nowMs })
      const worth = (had: number, origin: number) => isWorthAsking(sibling(had), measured(origin), nowMs)
      if (worth(less, low)) assert.ok(worth(less, high))
      if (worth(less, low) && own <= 1.5 * low) assert.ok(worth(most, low))
      if (own <= low) assert.ok(worth(1, low))
    }),
  )
  assert.equal(costOf(unknownHealth), undefined)
})
