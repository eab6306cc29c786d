import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { resolve } from '../../../src/cache/ahead/resolve.ts'
import { Slices } from '../../../src/cache/ahead/slices.ts'
import type { Package } from '../../../src/cache/formats/format.ts'

/** A clock that a look-up moves by a millisecond: time is work done. */
function work() {
  const state = { now: 1_000_000, sinceTurn: 0, longest: 0, turns: 0 }
  const step = () => {
    state.now += 1
    state.sinceTurn += 1
    state.longest = Math.max(state.longest, state.sinceTurn)
  }
  /** What else the event loop has to do, until `done`. */
  const others = async (done: Promise<unknown>) => {
    const going = { on: true }
    void done.finally(() => {
      going.on = false
    })
    while (going.on) {
      await setImmediate()
      state.turns += 1
      state.sinceTurn = 0
    }
  }
  return { state, step, others, slices: new Slices({ now: () => state.now }) }
}

/** A row of packages, each needs the next. */
function row(length: number): Map<string, Package> {
  const none = { version: '1', architecture: 'all', host: undefined, expected: undefined, recommends: [], provides: [] }
  const needs = (at: number) => (at + 1 < length ? [[{ name: `p${at + 1}`, constraint: undefined }]] : [])
  return new Map(
    Array.from({ length }, (_, at) => [`p${at}`, { ...none, name: `p${at}`, path: `/p${at}.deb`, depends: needs(at) }]),
  )
}

test('while a thousand packages are resolved everything else has its turn, each ten milliseconds of work', async () => {
  const { state, step, others, slices } = work()
  const packages = row(1000)
  const named = (name: string) => {
    step()
    const found = packages.get(name)
    return found ? [found] : []
  }
  const installed = Array.from({ length: 500 }, (_, at) => `there-${at}`)
  const wish = { names: ['p0'], installed, recommends: false, compareVersions: () => 0 }
  const resolving = resolve(wish, named, slices)
  await others(resolving)
  assert.equal((await resolving).packages.length, 1000)
  assert.ok(state.turns >= 100, `${state.turns} turns`)
  assert.ok(state.longest <= 12, `${state.longest} look-ups in one go`)
})

test('what is short is done at once; a clock that is set back holds nobody up', async () => {
  const { state, slices } = work()
  state.now += 9
  assert.equal(slices.next(), undefined)
  state.now -= 3_600_000
  const turn = slices.next()
  assert.ok(turn)
  await turn
  assert.equal(slices.next(), undefined)
})
