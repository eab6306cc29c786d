import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lasting, patienceMs } from '../../src/elastic/patience.ts'

test('a pause is a twentieth of what has passed, and never too short', () => {
  assert.deepEqual(
    [0, 10_000, 20_000, 600_000].map((lastedMs) => patienceMs(500, lastedMs)),
    [500, 500, 1000, 30_000],
  )
})

test('the youngest counts: what is new, though others last', () => {
  const lasting = new Lasting()
  assert.equal(lasting.look([], 1000), null)
  assert.equal(lasting.look(['a'], 1000), 0)
  assert.equal(lasting.look(['a'], 3000), 2000)
  assert.equal(lasting.look(['a', 'b'], 4000), 0)
  assert.equal(lasting.look(['b', 'a'], 5000), 1000)
  assert.equal(lasting.look(['a'], 6000), 5000)
})

test('what was not seen for a short while has lasted all the same; for a long while, it begins anew', () => {
  const lasting = new Lasting()
  lasting.look(['a'], 0)
  assert.equal(lasting.look([], 30_000), null)
  assert.equal(lasting.look(['a'], 60_000), 60_000)
  lasting.look([], 100_000)
  assert.equal(lasting.look(['a'], 120_001), 0)
})
