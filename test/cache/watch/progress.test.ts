import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { told } from '../../../src/cache/watch/progress.ts'

test('what a work tells comes as it tells it, its result last', async () => {
  const values: unknown[] = []
  const work = async (tell: (n: number) => void) => {
    for (const n of [1, 2, 3]) {
      tell(n)
      await turn()
    }
    return 'done'
  }
  for await (const value of told(work)) values.push(value)
  assert.deepEqual(values, [{ progress: 1 }, { progress: 2 }, { progress: 3 }, { result: 'done' }])
})

test('a reader that is slower than the work gets the latest only', async () => {
  const values: unknown[] = []
  const work = async (tell: (n: number) => void) => {
    for (let n = 1; n <= 1000; n += 1) {
      tell(n)
      if (n % 100 === 0) await turn()
    }
    return 'done'
  }
  for await (const value of told(work)) {
    values.push(value)
    await turn()
    await turn()
    await turn()
  }
  assert.ok(values.length < 20, `${values.length} values`)
  assert.deepEqual(values.at(-1), { result: 'done' })
})

test('a work that fails tells so at its end', async () => {
  const values: unknown[] = []
  const work = (tell: (n: number) => void): Promise<string> => {
    tell(1)
    return Promise.reject(new Error('no'))
  }
  await assert.rejects(async () => {
    for await (const value of told(work)) values.push(value)
  }, /no/)
})
