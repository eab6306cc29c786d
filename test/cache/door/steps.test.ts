import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Step, Steps } from '../../../src/cache/door/steps.ts'

const nobody = () => {}

test('no more buffers are lent than there are; who finds none gets one in turn', async () => {
  const steps = new Steps(() => 0, 2)
  const [first, second] = [await steps.take(nobody), await steps.take(nobody)]
  const order: string[] = []
  const inTurn = async (name: string) => {
    const step = await steps.take(nobody)
    order.push(name)
    return step
  }
  const third = inTurn('third')
  const fourth = inTurn('fourth')
  await new Promise(setImmediate)
  assert.deepEqual([order, steps.lent], [[], 2])
  first.done()
  const given: Step = await third
  assert.equal(given.buffer, first.buffer, 'a buffer that was given back is lent again')
  second.lose()
  assert.notEqual((await fourth).buffer, second.buffer, 'one that was lost is not')
  assert.deepEqual([order, steps.lent], [['third', 'fourth'], 2])
})

test('who holds a buffer for long is cut off once, and only while others wait', async () => {
  let now = 0
  const steps = new Steps(() => now, 2)
  let cuts = 0
  const slow = await steps.take(() => (cuts += 1))
  now = 19_000
  const quick = await steps.take(() => assert.fail('the quick one was cut off'))
  now = 60_000
  steps.cutSlow()
  assert.equal(cuts, 0, 'nobody waits')
  now = 20_000
  const waiting = steps.take(nobody)
  steps.cutSlow()
  steps.cutSlow()
  assert.equal(cuts, 1)
  slow.lose()
  assert.ok((await waiting).buffer.length > 0)
  quick.done()
})
