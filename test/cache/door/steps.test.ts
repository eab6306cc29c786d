import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Loan, Steps, type Want } from '../../../src/cache/door/steps.ts'

/** Bytes that are wanted; what is read says how often reading was asked for. */
function want(name?: string, more: Partial<Want> = {}): Want & { reads: () => number } {
  let reads = 0
  return {
    name,
    lasting: true,
    readAtHand: () => undefined,
    read: (into) => {
      reads += 1
      return Promise.resolve(into.write(name ?? 'unnamed'))
    },
    gone: () => false,
    cut: () => assert.fail('cut off'),
    ...more,
    reads: () => reads,
  }
}

async function lent(steps: Steps, wanted: Want): Promise<Loan> {
  const loan = await steps.lend(wanted)
  assert.ok(loan)
  return loan
}

test('no more buffers are lent than there are; who finds none gets one in turn', async () => {
  const steps = new Steps(() => 0, 2)
  const [first, second] = [await lent(steps, want()), await lent(steps, want())]
  const order: string[] = []
  const inTurn = async (name: string) => {
    const loan = await lent(steps, want())
    order.push(name)
    return loan
  }
  const third = inTurn('third')
  const left = steps.lend(want('left', { gone: () => true, read: () => assert.fail('read for nobody') }))
  const fourth = inTurn('fourth')
  await new Promise(setImmediate)
  assert.deepEqual([order, steps.lent], [[], 2])
  first.done()
  assert.equal((await third).bytes.buffer, first.bytes.buffer, 'a buffer that was given back is lent again')
  second.lose()
  assert.notEqual((await fourth).bytes.buffer, second.bytes.buffer, 'one that was lost is not')
  assert.deepEqual([order, steps.lent, await left], [['third', 'fourth'], 2, undefined])
})

test('who wants the same bytes shares what was read once, also later, until its buffer is needed', async () => {
  const steps = new Steps(() => 0, 2)
  const wants = [want('a'), want('a'), want('a'), want('b'), want('a')] as const
  const [one, two] = await Promise.all([lent(steps, wants[0]), lent(steps, wants[1])])
  assert.deepEqual([one.bytes.toString(), two.bytes.buffer === one.bytes.buffer, steps.lent], ['a', true, 1])
  one.done()
  two.done()
  const three = await lent(steps, wants[2])
  const four = await lent(steps, wants[3])
  assert.deepEqual([three.bytes.toString(), four.bytes.toString(), steps.lent], ['a', 'b', 2])
  // All are lent, but what is there can be shared.
  const five = await lent(steps, wants[4])
  for (const loan of [three, four, five]) loan.done()
  assert.deepEqual(
    wants.map(({ reads }) => reads()),
    [1, 0, 0, 1, 0],
  )
  const [c, a, b] = [want('c'), want('a'), want('b')]
  for (const each of [c, a, b]) (await lent(steps, each)).done()
  assert.deepEqual([c.reads(), a.reads(), b.reads()], [1, 0, 1], 'what was unused for longest gave way')
})

test('what only one wants, once, leaves its buffer to the next; what a second one came for stays', async () => {
  const steps = new Steps(() => 0, 8)
  const passing = (name: string) => want(name, { lasting: false })
  const buffers = new Set<ArrayBufferLike>()
  for (const name of ['a', 'b', 'c', 'd']) {
    const loan = await lent(steps, passing(name))
    buffers.add(loan.bytes.buffer)
    loan.done()
  }
  assert.equal(buffers.size, 1, 'the buffer that was used last is used again')
  const again = passing('d')
  const [first, second] = [await lent(steps, again), await lent(steps, passing('d'))]
  first.done()
  second.done()
  const third = passing('d')
  const loan = await lent(steps, third)
  assert.deepEqual([again.reads(), third.reads(), loan.bytes.toString()], [1, 0, 'd'])
  loan.done()
})

test('what can be read without waiting is lent at once', async () => {
  const steps = new Steps(() => 0, 1)
  const loan = steps.lend(
    want('a', { readAtHand: (into) => into.write('at hand'), read: () => assert.fail('waited for') }),
  )
  assert.ok(!(loan instanceof Promise))
  assert.equal(loan.bytes.toString(), 'at hand')
  const shared = await lent(steps, want('a', { readAtHand: () => assert.fail('read twice') }))
  assert.equal(shared.bytes.toString(), 'at hand')
  loan.done()
  shared.done()
  assert.equal(steps.lent, 0)
})

test('a shared buffer is never used for anything else while one of its readers holds it, or may', async () => {
  const steps = new Steps(() => 0, 2)
  const [one, two] = [await lent(steps, want('a')), await lent(steps, want('a'))]
  one.lose()
  for (const name of ['b', 'c', 'd']) (await lent(steps, want(name))).done()
  assert.equal(two.bytes.toString(), 'a', 'the other one still reads from it')
  two.done()
  for (const name of ['e', 'f', 'g']) (await lent(steps, want(name))).done()
  assert.equal(one.bytes.toString(), 'a', 'it was lost: somebody may still read from it')
  assert.equal(steps.lent, 0)
})

test('what can not be read fails for all who wait for it, and is read again for the next', async () => {
  const steps = new Steps(() => 0, 1)
  const read = () => Promise.reject(new Error('broken'))
  const failing = [steps.lend(want('a', { read })), steps.lend(want('a')), steps.lend(want('b'))] as const
  await assert.rejects(async () => failing[0], /broken/)
  await assert.rejects(async () => failing[1], /broken/)
  const other = await failing[2]
  assert.equal(other?.bytes.toString(), 'b', 'its buffer is free for others')
  other?.done()
  const next = await lent(steps, want('a'))
  assert.deepEqual([next.bytes.toString(), steps.lent], ['a', 1])
})

test('who holds a buffer for long is cut off once, and only while others wait', async () => {
  let now = 0
  const steps = new Steps(() => now, 2)
  let cuts = 0
  const slow = await lent(steps, want(undefined, { cut: () => (cuts += 1) }))
  now = 19_000
  const quick = await lent(steps, want())
  now = 60_000
  steps.cutSlow()
  assert.equal(cuts, 0, 'nobody waits')
  now = 20_000
  const waiting = steps.lend(want())
  steps.cutSlow()
  steps.cutSlow()
  assert.equal(cuts, 1)
  slow.lose()
  assert.ok((await waiting)?.bytes)
  quick.done()
})
