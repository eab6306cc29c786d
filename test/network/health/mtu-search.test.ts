import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { afterTries, type MtuSearch, newSearch, sizesToTry } from '../../../src/network/health/mtu-search.ts'

const hour = 3_600_000

/** Tries on a path with this MTU until it is found or known not to be there; at most so many steps. */
function search(start: MtuSearch, mtu: number, nowMs = 0, steps = 8): { state: MtuSearch; steps: number } {
  let state = start
  for (let step = 0; step < steps; step++) {
    state = afterTries(state, new Map(sizesToTry(state).map((size) => [size, size <= mtu])), nowMs)
    if (state.open === null) return { state, steps: step + 1 }
  }
  return { state, steps }
}

test('the largest packet that passes is found in five steps, whatever it is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1280, max: 9216 }), (mtu) => {
      const { state, steps } = search(newSearch(1280, 9216), mtu)
      assert.equal(state.bytes, mtu)
      assert.ok(steps <= 5, `${steps} steps`)
    }),
  )
})

test('most often the largest possible passes, and one step finds it', () => {
  assert.equal(search(newSearch(576, 1450), 1450).steps, 1)
})

test('where not even the least passes nothing is found, and it is looked for again when it does', () => {
  const { state } = search(newSearch(1280, 9216), 1000)
  assert.equal(state.bytes, null)
  assert.deepEqual(sizesToTry(state), [1280])
  const again = afterTries(state, new Map([[1280, true]]), 1)
  assert.equal(search(again, 1500).state.bytes, 1500)
})

test('a size that no longer passes is searched anew at the second time, and stays known until then', () => {
  const { state } = search(newSearch(1280, 9216), 1500)
  const once = afterTries(state, new Map([[1500, false]]), 1)
  assert.deepEqual([once.bytes, once.open], [1500, null])
  const recovered = afterTries(once, new Map([[1500, true]]), 2)
  assert.equal(recovered.failures, 0)
  const twice = afterTries(once, new Map([[1500, false]]), 2)
  assert.deepEqual([twice.bytes, twice.open], [1500, { passes: 1279, fails: 1501 }])
  assert.equal(search(twice, 1400).state.bytes, 1400)
  assert.equal(search(twice, 1500).state.bytes, 1500, 'it was chance')
})

test('after an hour a larger one is looked for', () => {
  const { state } = search(newSearch(1280, 9216), 1500)
  const fresh = afterTries(state, new Map([[1500, true]]), hour - 1)
  assert.equal(fresh.open, null)
  const old = afterTries(state, new Map([[1500, true]]), hour)
  const found = search(old, 9000, hour).state
  assert.deepEqual([found.bytes, found.foundAtMs], [9000, hour])
  assert.equal(afterTries(found, new Map([[9000, true]]), hour + 1).open, null)
})

test('the largest possible is trusted for ever', () => {
  const { state } = search(newSearch(576, 1450), 1450)
  assert.equal(afterTries(state, new Map([[1450, true]]), 10 * hour).open, null)
})

test('whatever is lost by chance, what is found passes, and the search ends', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1280, max: 9216 }), fc.infiniteStream(fc.nat(9)), (mtu, chance) => {
      let state = newSearch(1280, 9216)
      for (let step = 0; step < 12 && state.open; step++) {
        const passed = sizesToTry(state).map((size) => [size, size <= mtu && chance.next().value !== 0] as const)
        state = afterTries(state, new Map(passed), 0)
      }
      assert.equal(state.open, null)
      assert.ok(state.bytes === null || state.bytes <= mtu)
    }),
  )
})
