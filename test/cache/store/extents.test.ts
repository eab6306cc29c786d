import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { bytesOf, covers, type Extents, holes, reach, withExtent } from '../../../src/cache/store/extents.ts'

const extent = fc.tuple(fc.nat(60), fc.nat(20)).map(([start, length]) => ({ start, end: start + length }))

const extents = fc
  .array(extent, { maxLength: 8 })
  .map((all) => all.reduce<Extents>((some, each) => withExtent(some, each), []))

function positions(extents: Extents): Set<number> {
  const found = new Set<number>()
  for (const { start, end } of extents) for (let at = start; at < end; at += 1) found.add(at)
  return found
}

test('extents together hold each byte that one of them held, in order and apart', () => {
  fc.assert(
    fc.property(fc.array(extent, { maxLength: 8 }), (all) => {
      const together = all.reduce<Extents>((some, each) => withExtent(some, each), [])
      const expected = new Set(all.flatMap((each) => [...positions([each])]))
      assert.deepEqual(positions(together), expected)
      assert.equal(bytesOf(together), expected.size)
      for (const [index, { start, end }] of together.entries()) {
        assert.ok(start < end)
        assert.ok(index === 0 || start > (together[index - 1]?.end ?? 0))
      }
    }),
  )
})

test('holes are what is missing, and nothing else', () => {
  fc.assert(
    fc.property(extents, extent, (all, within) => {
      const missing = holes(all, within)
      const have = positions(all)
      assert.deepEqual(positions(missing), new Set([...positions([within])].filter((at) => !have.has(at))))
      assert.equal(covers(all, within), missing.length === 0)
      const filled = missing.reduce<Extents>((some, each) => withExtent(some, each), all)
      assert.ok(covers(filled, within))
    }),
  )
})

test('reach ends at the first byte that is missing', () => {
  fc.assert(
    fc.property(extents, fc.nat(80), (all, position) => {
      const have = positions(all)
      let at = position
      while (have.has(at)) at += 1
      assert.equal(reach(all, position), at)
    }),
  )
})
