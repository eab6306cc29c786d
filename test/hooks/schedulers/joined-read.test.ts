import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import * as fc from 'fast-check'
import { JoinedRead } from '../../../src/hooks/schedulers/joined-read.ts'

/** A list that is read when told; `begun` are its readings, numbered from 0. */
function sharedList() {
  const begun: { readonly end: PromiseWithResolvers<number> }[] = []
  const shared = new JoinedRead(() => {
    const end = Promise.withResolvers<number>()
    begun.push({ end })
    return end.promise
  })
  const finish = async (error?: Error) => {
    const last = begun.length - 1
    if (error) begun[last]?.end.reject(error)
    else begun[last]?.end.resolve(last)
    await setImmediate()
  }
  return { shared, begun, finish }
}

test('calls of one turn share one reading', async () => {
  const { shared, begun, finish } = sharedList()
  const calls = Promise.all([shared.read(), shared.read(), shared.read()])
  await setImmediate()
  await finish()
  assert.deepEqual(await calls, [0, 0, 0])
  assert.equal(begun.length, 1)
})

test('who asks while a reading runs is given the next one, which begins when that has ended', async () => {
  const { shared, begun, finish } = sharedList()
  const first = shared.read()
  await setImmediate()
  const later = [shared.read(), shared.read()]
  await setImmediate()
  later.push(shared.read())
  assert.equal(begun.length, 1)
  await finish()
  assert.equal(await first, 0)
  assert.equal(begun.length, 2)
  await finish()
  assert.deepEqual(await Promise.all(later), [1, 1, 1])
  assert.equal(begun.length, 2)
})

test('a reading that fails fails for those who share it, and the next begins all the same', async () => {
  const { shared, finish } = sharedList()
  const first = [shared.read(), shared.read()].map((call) => assert.rejects(call, /away/))
  await setImmediate()
  const second = shared.read()
  await finish(new Error('away'))
  await Promise.all(first)
  await finish()
  assert.equal(await second, 1)
})

test('a reader that throws at once is a failed reading like any other', async () => {
  let calls = 0
  const shared = new JoinedRead(async () => {
    calls += 1
    return calls
  })
  const throws = new JoinedRead<number>(() => {
    throw new Error('at once')
  })
  await assert.rejects(throws.read(), /at once/)
  await assert.rejects(throws.read(), /at once/)
  assert.equal(await shared.read(), 1)
  assert.equal(await shared.read(), 2)
})

test('whatever comes when: no reading is older than its call, no two run at once, none is superfluous', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant('call' as const) },
    { weight: 2, arbitrary: fc.constant('turn' as const) },
    { weight: 2, arbitrary: fc.constant('end' as const) },
    { weight: 1, arbitrary: fc.constant('fail' as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      let [begun, running] = [0, 0]
      let end: PromiseWithResolvers<number> | undefined
      const shared = new JoinedRead(async () => {
        assert.equal(running, 0)
        running += 1
        const number = begun++
        end = Promise.withResolvers<number>()
        await end.promise.finally(() => {
          running -= 1
        })
        return number
      })
      const askedAt: number[] = []
      const given: Promise<number | 'failed'>[] = []
      const failed = new Error('failed')
      for (const what of steps) {
        if (what === 'call') {
          askedAt.push(begun)
          given.push(shared.read().catch(() => 'failed'))
        } else if (what === 'end') end?.resolve(begun - 1)
        else if (what === 'fail') end?.reject(failed)
        if (what !== 'call') await setImmediate()
      }
      // The one under way and the one after it.
      for (let left = 2; left > 0; left -= 1) {
        end?.resolve(begun - 1)
        await setImmediate()
      }
      const readings = await Promise.all(given)
      for (const [index, reading] of readings.entries()) {
        if (reading === 'failed') continue
        assert.ok(reading >= (askedAt[index] ?? 0), `asked before reading ${askedAt[index]}, given ${reading}`)
        assert.ok(reading <= (askedAt[index] ?? 0), `waited for more than the next reading: ${reading}`)
      }
      assert.equal(begun, new Set(askedAt).size)
    }),
  )
})
