import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Batch, Serial } from '../../../../src/hooks/schedulers/sge/serial.ts'

test('one thing is done after the other, whatever becomes of each', async () => {
  const serial = new Serial()
  const log: string[] = []
  const act = (name: string, fails: boolean) => async () => {
    log.push(`${name} begins`)
    await new Promise(setImmediate)
    log.push(`${name} ends`)
    if (fails) throw new Error(name)
    return name
  }
  const first = serial.run(act('a', true))
  const second = serial.run(act('b', false))
  await assert.rejects(first, /a/)
  assert.equal(await second, 'b')
  assert.deepEqual(log, ['a begins', 'a ends', 'b begins', 'b ends'])
})

test('what comes while something goes on is done at once for all, and fails for all', async () => {
  const serial = new Serial()
  const done: string[][] = []
  const batch = new Batch<string>(serial, async (items) => {
    done.push([...items])
    await new Promise(setImmediate)
    if (items.includes('bad')) throw new Error('refused')
  })
  const blocker = serial.run(() => new Promise((resolve) => setImmediate(resolve)))
  const calls = [batch.add(['a', 'b']), batch.add([]), batch.add(['bad'])]
  await blocker
  const results = await Promise.allSettled(calls)
  assert.deepEqual(
    results.map((result) => result.status),
    ['rejected', 'fulfilled', 'rejected'],
  )
  await batch.add(['c'])
  assert.deepEqual(done, [['a', 'b', 'bad'], ['c']])
})
