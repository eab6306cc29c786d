import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatAdminComment, parseAdminComment } from '../../../../src/hooks/schedulers/slurm/admin-comment.ts'

test('the parts of a comment are told apart', () => {
  const parts = { others: 'ticket 7', hold: 'cap of alice', why: 'CapReached: alice has 4 of 4 nodes' }
  const text = 'ticket 7 causeway:hold: cap of alice causeway:why: CapReached: alice has 4 of 4 nodes'
  assert.equal(formatAdminComment(parts), text)
  assert.deepEqual(parseAdminComment(text), parts)
  assert.deepEqual(parseAdminComment(''), { others: '', hold: null, why: null })
  assert.deepEqual(parseAdminComment('causeway: mine'), { others: 'causeway: mine', hold: null, why: null })
  assert.deepEqual(parseAdminComment('causeway:why: b causeway:hold: a'), { others: '', hold: 'a', why: 'b' })
  assert.deepEqual(parseAdminComment('causeway:hold:'), { others: '', hold: '', why: null })
  const forged = 'a\n causeway:why: causewaycauseway:hold::hold: b'
  assert.equal(formatAdminComment({ others: '', hold: null, why: forged }), 'causeway:why: a b')
})

test('whatever a text has in it, it stays in its part, short and on one line', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 400 }),
    fc
      .array(fc.constantFrom('causeway:', 'hold:', 'why:', '"', '\n', ' ', 'x', '\u0000', '\u{1f680}'), {
        maxLength: 60,
      })
      .map((words) => words.join('')),
  )
  const others = fc.constantFrom('', 'ticket 7')
  const maybe = fc.option(text)
  fc.assert(
    fc.property(others, maybe, maybe, (mine, hold, why) => {
      const comment = formatAdminComment({ others: mine, hold, why })
      const read = parseAdminComment(comment)
      assert.equal(read.others, mine)
      assert.deepEqual([read.hold === null, read.why === null], [hold === null, why === null])
      assert.equal(formatAdminComment(read), comment)
      for (const part of [read.hold ?? '', read.why ?? '']) {
        assert.ok(Array.from(part).length <= 200)
        assert.doesNotMatch(part, /[\p{C}"]/u)
      }
    }),
  )
})
