import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { countTasks, jobArguments, splitTasks } from '../../../../src/hooks/schedulers/sge/tasks.ts'

/** Every element, one by one. */
function elements(tasks: string): number[] {
  if (tasks === '') return []
  return tasks.split(',').flatMap((item) => {
    const [, first, last, step] = /^(\d+)(?:-(\d+):(\d+))?$/.exec(item) ?? assert.fail(item)
    const all: number[] = []
    for (let k = Number(first); k <= Number(last ?? first); k += Number(step ?? 1)) all.push(k)
    return all
  })
}

const range = fc
  .record({
    first: fc.integer({ min: 1, max: 999 }),
    steps: fc.integer({ min: 0, max: 9 }),
    step: fc.integer({ min: 1, max: 7 }),
  })
  .map(({ first, steps, step }) => (steps === 0 ? `${first}` : `${first}-${first + steps * step}:${step}`))
const tasks = fc.array(range, { minLength: 1, maxLength: 4 }).map((ranges) => ranges.join(','))

test('elements are counted', () => {
  assert.deepEqual(['7', '3-9:2', '3-8:2', '1-3:1,9'].map(countTasks), [1, 4, 3, 4])
  fc.assert(fc.property(tasks, (text) => assert.equal(countTasks(text), elements(text).length)))
})

test('the first few and the rest are all elements, in order', () => {
  assert.deepEqual(splitTasks('3-9:2,12', 2), ['3-5:2', '7-9:2,12'])
  assert.deepEqual(splitTasks('3-9:2', 0), ['', '3-9:2'])
  assert.deepEqual(splitTasks('3-9:2', 9), ['3-9:2', ''])
  fc.assert(
    fc.property(tasks, fc.integer({ min: 0, max: 40 }), (text, count) => {
      const [first, rest] = splitTasks(text, count)
      assert.deepEqual([...elements(first), ...elements(rest)], elements(text))
      assert.equal(elements(first).length, Math.min(count, elements(text).length))
    }),
  )
})

test('ids are written as the commands take them, where a comma stands between jobs', () => {
  assert.deepEqual(jobArguments('12'), ['12'])
  assert.deepEqual(jobArguments('12.3-9:2'), ['12.3-9:2'])
  assert.deepEqual(jobArguments('12.3-5:1,9'), ['12.3-5:1', '12.9'])
})
