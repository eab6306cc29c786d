import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { planGc } from '../../../src/sites/images/gc-plan.ts'

const hour = 3_600_000

const image = fc.record({
  digest: fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 4, maxLength: 4 }),
  name: fc.constantFrom('stock', 'golden'),
  addedAtMs: fc.integer({ min: 0, max: 10 * hour }),
})

test('only what nothing names, nothing uses, is old enough and not among the newest goes; all such goes', () => {
  const images = fc.uniqueArray(image, { selector: ({ digest }) => digest, maxLength: 12 })
  fc.assert(
    fc.property(images, fc.nat(3), fc.func(fc.nat(3)), (images, keep, lot) => {
      const some = (n: number) => new Set(images.map(({ digest }) => digest).filter((digest) => lot(digest) === n))
      const rules = { configured: some(0), used: some(1), keep, ageMs: hour }
      const now = 10 * hour
      for (const { digest, stays } of planGc(images, rules, now)) {
        const one = images.find((image) => image.digest === digest)
        assert.ok(one)
        const newer = images.filter(({ name, addedAtMs }) => name === one.name && addedAtMs > one.addedAtMs).length
        const same = images.filter(({ name, addedAtMs }) => name === one.name && addedAtMs === one.addedAtMs).length
        const mustStay = rules.configured.has(digest) || rules.used.has(digest) || now - one.addedAtMs < hour
        if (mustStay || newer + same <= keep) assert.notEqual(stays, null)
        else if (newer >= keep) assert.equal(stays, null)
      }
    }),
  )
})

test('the reason is told', () => {
  const images = [
    { digest: 'a', name: 'stock', addedAtMs: 0 },
    { digest: 'b', name: 'stock', addedAtMs: 1 },
    { digest: 'c', name: 'stock', addedAtMs: 2 },
    { digest: 'd', name: 'stock', addedAtMs: 3 },
    { digest: 'e', name: 'stock', addedAtMs: 2 * hour },
  ]
  const rules = { configured: new Set(['a']), used: new Set(['b']), keep: 2, ageMs: hour }
  assert.deepEqual(
    planGc(images, rules, 2.5 * hour).map(({ stays }) => stays),
    ['the configuration names it', 'a machine uses it', null, 'it is one of the 2 newest stock', 'it is new'],
  )
})
