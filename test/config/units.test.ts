import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseDuration, parseSize } from '../../src/config/units.ts'

test('durations are whole numbers with a unit, in milliseconds', () => {
  assert.equal(parseDuration('250ms'), 250)
  assert.equal(parseDuration('20s'), 20_000)
  assert.equal(parseDuration('5m'), 300_000)
  assert.equal(parseDuration('2h'), 7_200_000)
  assert.equal(parseDuration('1d'), 86_400_000)
})

test('sizes are whole numbers with a unit, in bytes', () => {
  assert.equal(parseSize('0B'), 0)
  assert.equal(parseSize('1500MiB'), 1_572_864_000)
  assert.equal(parseSize('2GB'), 2_000_000_000)
  assert.equal(parseSize('1KiB'), 1024)
})

test('what is no duration or size is refused with what was expected', () => {
  for (const text of ['', '20', '20 parsecs', '1.5s', '-1s', ' 1s', '1S', 's', '99999999999999999d']) {
    assert.throws(() => parseDuration(text), { code: 'InvalidConfig', message: /expected a duration such as "20s"/ })
  }
  for (const text of ['', '1500', '1500M', '1mib', '1KB', '99999999999999TiB']) {
    assert.throws(() => parseSize(text), { code: 'InvalidConfig', message: /expected a size such as "1500MiB"/ })
  }
})

test('any text is either refused or an exact, non-negative number', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^\d{1,20}(ms|s|m|h|d|B|MiB|GB)$/))
  fc.assert(
    fc.property(text, fc.constantFrom(parseDuration, parseSize), (input, parse) => {
      let value: number
      try {
        value = parse(input)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'InvalidConfig')
        return
      }
      assert.ok(Number.isSafeInteger(value) && value >= 0)
    }),
  )
})
