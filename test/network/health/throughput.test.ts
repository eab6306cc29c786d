import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classify } from '../../../src/network/health/throughput.ts'

for (const [mbit, name] of [
  [9.99, '<10'],
  [10, '<100'],
  [99.9, '<100'],
  [941, '<1000'],
  [1000, '>=1000'],
  [11_400, '>=1000'],
] as const) {
  test(`${mbit} Mbit/s are of class ${name}`, () => {
    assert.deepEqual(classify(mbit * 1e6), { bitsPerSecond: mbit * 1e6, class: name })
  })
}
