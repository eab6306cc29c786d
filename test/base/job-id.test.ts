import assert from 'node:assert/strict'
import { test } from 'node:test'
import { arrayOf, elementsOf, isJobOrElement, isUnsplitArray } from '../../src/base/job-id.ts'

test('elements of arrays are told from jobs, in the words of all three schedulers', () => {
  const ids = ['12', '12_3', '12_[3-9]', '12.3', '12.3-9:1', '12[3]', '12[]', '12+1', '12.head', 'x_3']
  assert.deepEqual(ids.map(arrayOf), ['12', '12', '12', '12', '12', '12', '12', '12+1', '12.head', 'x_3'])
  assert.deepEqual(ids.filter(isUnsplitArray), ['12_[3-9]', '12.3-9:1', '12[]'])
})

test('an array is taken apart as far as its id says', () => {
  assert.deepEqual(elementsOf('12_[3-9:2,11]'), ['12_3', '12_5', '12_7', '12_9', '12_11'])
  assert.deepEqual(elementsOf('12_[1-2%1]'), ['12_1', '12_2'])
  assert.deepEqual(elementsOf('12.5,7-9:2'), ['12.5', '12.7', '12.9'])
  for (const id of ['12', '12_3', '12.3', '12[3]', '12[]', '12+1']) assert.deepEqual(elementsOf(id), [id])
})

test('who asks for an array gets its elements, and not those of another', () => {
  for (const id of ['12', '12_3', '12_[3-9]', '12.3', '12[3]', '12[]']) {
    assert.ok(isJobOrElement(id, '12'), id)
    assert.ok(!isJobOrElement(id, '1'), id)
    assert.ok(!isJobOrElement(id, '123'), id)
  }
  assert.ok(isJobOrElement('12[3]', '12[]'))
  assert.ok(isJobOrElement('12_3', '12_3'))
  assert.ok(!isJobOrElement('12_33', '12_3'))
})
