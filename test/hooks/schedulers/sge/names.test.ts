import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeText, encodeContext, encodeValue } from '../../../../src/hooks/schedulers/sge/names.ts'

test('texts are kept without what lists are written with', () => {
  assert.equal(encodeContext('cap of alice, 5% used=all'), 'cap of alice%2C 5%25 used%3Dall')
  assert.equal(encodeValue('causeway: to shrink'), 'causeway:%20to%20shrink')
  assert.equal(encodeContext('two\n lines'), 'two lines')
})

test('what was written is read again, and is safe in a list', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
      const line = text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim()
      assert.match(encodeValue(text), /^[\w.:;/()+@%-]*$/)
      assert.equal(decodeText(encodeContext(text)), line)
      assert.equal(decodeText(encodeValue(text)), line)
    }),
    // What encodeURIComponent leaves as it is.
    { examples: [["!'()*~"]] },
  )
})

test('what somebody else wrote stays as it is', () => {
  assert.equal(decodeText('100% full'), '100% full')
})
