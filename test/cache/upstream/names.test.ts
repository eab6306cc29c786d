import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { test } from 'node:test'
import type { Clock } from '../../../src/base/clock.ts'
import { Names } from '../../../src/cache/upstream/names.ts'

/** A clock that is set by hand; who sleeps wakes when it has been set far enough. */
function handClock() {
  let nowMs = 0
  const sleepers: { untilMs: number; wake: () => void }[] = []
  const clock: Clock = {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        sleepers.push({ untilMs: nowMs + ms, wake: resolve })
        signal?.addEventListener('abort', () => resolve())
      }),
  }
  const pass = (ms: number) => {
    nowMs += ms
    for (const { untilMs, wake } of sleepers) if (untilMs <= nowMs) wake()
  }
  return { clock, pass }
}

const at = (...addresses: string[]): LookupAddress[] => addresses.map((address) => ({ address, family: 4 }))

test('private addresses are left out, and a name with no other is refused', async () => {
  const answers: Record<string, LookupAddress[]> = {
    'mixed.lab': at('10.0.0.1', '93.184.216.34'),
    'inner.lab': at('10.0.0.1', '127.0.0.1'),
  }
  const names = new Names({ ...handClock(), lookup: (name) => Promise.resolve(answers[name] ?? []) })
  assert.deepEqual(await names.addressesOf('mixed.lab', false), at('93.184.216.34'))
  await assert.rejects(names.addressesOf('inner.lab', false), { code: 'TargetRefused', message: /10\.0\.0\.1, 127/ })
  assert.deepEqual(await names.addressesOf('inner.lab', true), at('10.0.0.1', '127.0.0.1'))
  await assert.rejects(names.addressesOf('169.254.169.254', false), { code: 'TargetRefused' })
  assert.deepEqual(await names.addressesOf('169.254.169.254', true), at('169.254.169.254'))
  await assert.rejects(names.addressesOf('nothing.lab', true), { code: 'OriginUnreachable', message: /no address/ })
})

test('a name is asked for once at a time, and again after half a minute', async () => {
  const { clock, pass } = handClock()
  let asked = 0
  const names = new Names({ clock, lookup: () => Promise.resolve(at(`9.9.9.${++asked}`)) })
  const many = await Promise.all([1, 2, 3].map(() => names.addressesOf('a.lab', false)))
  assert.deepEqual(many, [at('9.9.9.1'), at('9.9.9.1'), at('9.9.9.1')])
  pass(29_000)
  assert.deepEqual(await names.addressesOf('a.lab', false), at('9.9.9.1'))
  pass(2000)
  assert.deepEqual(await names.addressesOf('a.lab', false), at('9.9.9.2'))
})

test('when DNS is away, what it said before holds; without that, the failure has a name', async () => {
  const { clock, pass } = handClock()
  let works = true
  const lookup = () => (works ? Promise.resolve(at('9.9.9.9')) : Promise.reject(new Error('getaddrinfo EAI_AGAIN')))
  const names = new Names({ clock, lookup })
  await names.addressesOf('a.lab', false)
  works = false
  pass(3_600_000)
  assert.deepEqual(await names.addressesOf('a.lab', false), at('9.9.9.9'))
  await assert.rejects(names.addressesOf('b.lab', false), { code: 'OriginUnreachable', message: /b\.lab .*EAI_AGAIN/ })
  pass(24 * 3_600_000)
  await assert.rejects(names.addressesOf('a.lab', false), { code: 'OriginUnreachable' })
})

test('an answer that changes to a private address is refused', async () => {
  const { clock, pass } = handClock()
  const said = [at('9.9.9.9'), at('127.0.0.1')]
  const names = new Names({ clock, lookup: () => Promise.resolve(said.shift() ?? []) })
  assert.deepEqual(await names.addressesOf('a.lab', false), at('9.9.9.9'))
  pass(60_000)
  await assert.rejects(names.addressesOf('a.lab', false), { code: 'TargetRefused' })
})

test('nobody waits for a resolver that is silent longer than three seconds', async () => {
  const { clock, pass } = handClock()
  let asked = 0
  const silent = () => {
    asked += 1
    return new Promise<LookupAddress[]>(() => {})
  }
  const names = new Names({ clock, lookup: silent })
  const waiting = [names.addressesOf('a.lab', false), names.addressesOf('a.lab', false)]
  const refused = waiting.map((each) => assert.rejects(each, { code: 'OriginUnreachable', message: /did not answer/ }))
  pass(3000)
  await Promise.all(refused)
  await assert.rejects(names.addressesOf('a.lab', false), { code: 'OriginUnreachable' })
  assert.equal(asked, 1, 'the thread that is stuck is not joined by more')
})

test('what DNS said before is used after a moment when it is silent, and what it says late holds for the next', async () => {
  const { clock, pass } = handClock()
  const answers: ((addresses: LookupAddress[]) => void)[] = []
  const names = new Names({ clock, lookup: () => new Promise((resolve) => answers.push(resolve)) })
  const first = names.addressesOf('a.lab', false)
  answers[0]?.(at('9.9.9.1'))
  assert.deepEqual(await first, at('9.9.9.1'))
  pass(60_000)
  const second = names.addressesOf('a.lab', false)
  pass(300)
  assert.deepEqual(await second, at('9.9.9.1'))
  answers[1]?.(at('9.9.9.2'))
  assert.deepEqual(await names.addressesOf('a.lab', false), at('9.9.9.2'))
  assert.equal(answers.length, 2)
})
