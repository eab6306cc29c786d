import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { couldUse } from '../../src/elastic/plan/features.ts'

const known = new Set(['site-east', 'site-west', 'type-big', 'fast', 'gpu'])
const east = new Set(['site-east', 'type-big', 'fast'])

for (const [expression, expected] of [
  ['', true],
  ['site-east', true],
  ['site-west', false],
  ['site-north', false],
  ['somebody-elses', true],
  ['site-east&gpu', false],
  ['site-east|gpu', true],
  ['site-west|fast', true],
  ['(site-west|fast)&type-big', true],
  ['(site-west|gpu)&type-big', false],
  ['!site-west', true],
  ['!site-east', false],
  ['site-east*2', true],
  ['[site-east*1&site-west*1]', true],
  ['[site-west*1|gpu*1]', false],
  ['[site-east|site-west]&gpu', false],
  ['[site-east|site-west]', true],
  ['[site-west|site-north]', false],
  ['fast&[site-east|site-west]', true],
  ['(fast|gpu)&[site-west|site-east]', true],
  ['gpu&[site-east|site-west]', false],
  ['(gpu|type-small)&[site-east|site-west]', false],
  ['site-west&(', true],
] as const) {
  test(`"${expression}" ${expected ? 'leaves room for' : 'excludes'} a fast, big node of east`, () => {
    assert.equal(couldUse(expression, east, known), expected)
  })
}

test('whatever is written, there is an answer', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-c&|()[\]!*1 ]{0,20}$/), (text) => {
      assert.equal(typeof couldUse(text, east, known), 'boolean')
    }),
  )
})
