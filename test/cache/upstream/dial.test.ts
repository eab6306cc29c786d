import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { patienceFor } from '../../../src/cache/upstream/connector.ts'
import { dial, interleaved } from '../../../src/cache/upstream/dial.ts'
import { VirtualClock } from '../../chaos/virtual-clock.ts'

/** What becomes of a connection to an address: milliseconds until it is there, or is refused; undefined: nothing comes. */
interface Fate {
  readonly connectsMs?: number | undefined
  readonly refusedMs?: number | undefined
}

class FakeSocket extends EventEmitter {
  readonly address: string
  destroyed = false

  constructor(address: string) {
    super()
    this.address = address
  }

  destroy(): void {
    this.destroyed = true
  }

  refuse(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit('error', new Error(`${this.address} refuses`))
  }
}

/** Connects, each address by its fate, in virtual time. */
async function dialed(fates: Record<string, Fate>, patienceMs: number, givenUpMs?: number) {
  const clock = new VirtualClock(0)
  const opened: { socket: FakeSocket; atMs: number }[] = []
  const leave = new AbortController()
  const open = ({ address }: LookupAddress) => {
    const socket = new FakeSocket(address)
    opened.push({ socket, atMs: clock.now() })
    const { connectsMs, refusedMs } = fates[address] ?? {}
    if (connectsMs !== undefined) clock.after(connectsMs, () => socket.destroyed || socket.emit('connect'))
    if (refusedMs !== undefined) clock.after(refusedMs, () => socket.refuse())
    return socket as unknown as Socket
  }
  if (givenUpMs !== undefined) clock.after(givenUpMs, () => leave.abort())
  const addresses = Object.keys(fates).map((address) => ({ address, family: 4 }))
  const ends: { to?: string; why?: string; atMs: number }[] = []
  dial(addresses, { open, clock, patienceMs, signal: leave.signal }).then(
    (socket) => ends.push({ to: (socket as unknown as FakeSocket).address, atMs: clock.now() }),
    (error: Error) => ends.push({ why: error.message, atMs: clock.now() }),
  )
  while (ends.length === 0) {
    await clock.step()
    // Whoever was too late looks once more for what came.
    await new Promise((looked) => setImmediate(looked))
  }
  const [ended = { atMs: -1 }] = ends
  for (const { socket } of opened) {
    assert.equal(socket.destroyed, socket.address !== ended.to, `${socket.address} ${JSON.stringify(ended)}`)
  }
  return { ...ended, opened: opened.map(({ socket, atMs }) => [socket.address, atMs]) }
}

test('an address that is far away is not given up for the next one', async () => {
  const { to, atMs } = await dialed({ far: { connectsMs: 600 }, nowhere: {} }, 3000)
  assert.deepEqual([to, atMs], ['far', 600])
})

test('one that says nothing costs a quarter of a second, one that refuses nothing', async () => {
  const silent = await dialed({ silent: {}, there: { connectsMs: 20 } }, 3000)
  assert.deepEqual([silent.to, silent.atMs], ['there', 270])
  const refused = await dialed({ closed: { refusedMs: 5 }, there: { connectsMs: 20 } }, 3000)
  assert.deepEqual([refused.to, refused.atMs], ['there', 25])
})

test('when all refuse, that is said; when nothing comes, how long was waited', async () => {
  const one = await dialed({ a: { refusedMs: 5 } }, 3000)
  assert.deepEqual([one.why, one.atMs], ['a refuses', 5])
  const two = await dialed({ a: { refusedMs: 5 }, b: { refusedMs: 400 } }, 3000)
  assert.deepEqual([two.why, two.atMs], ['a refuses; b refuses', 405])
  const none = await dialed({ a: { refusedMs: 5 }, b: {} }, 2000)
  assert.deepEqual([none.why, none.atMs], ['no connection to a, b in 2000 ms', 2000])
  assert.equal((await dialed({ a: {} }, 2000, 700)).why, 'the connection was given up')
})

const fate: fc.Arbitrary<Fate> = fc.oneof(
  fc.record({ connectsMs: fc.integer({ min: 1, max: 4000 }) }),
  fc.record({ refusedMs: fc.integer({ min: 1, max: 4000 }) }),
  fc.constant({}),
)

test('it is the first that comes about; nothing is left open, and nobody waits longer than said', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fate, { minLength: 1, maxLength: 6 }), async (fates) => {
      const patienceMs = 2001
      const named = Object.fromEntries(fates.map((each, index) => [`a${index}`, each]))
      const { to, atMs, opened } = await dialed(named, patienceMs)
      assert.ok(atMs <= patienceMs)
      const ends = opened.map(([name, sinceMs]) => {
        const { connectsMs = Number.POSITIVE_INFINITY } = named[String(name)] ?? {}
        return Number(sinceMs) + connectsMs
      })
      const first = Math.min(...ends)
      // What comes in the very last millisecond is heard of or not: both timers are due then, and either may be first.
      if (first !== patienceMs) assert.equal(to !== undefined, first < patienceMs)
      if (to !== undefined) assert.equal(atMs, first)
      for (const [index, [, sinceMs]] of opened.entries()) assert.ok(Number(sinceMs) <= 250 * index)
    }),
    { examples: [[[{}, { refusedMs: 250 }, { refusedMs: 250 }, { connectsMs: 1251 }]]] },
  )
})

test('two families take turns, and none is lost', () => {
  const address = (text: string) => ({ address: text, family: text.startsWith('v6') ? 6 : 4 })
  const names = (...all: string[]) => interleaved(all.map(address)).map((each) => each.address)
  assert.deepEqual(names('v6a', 'v6b', 'v6c', 'v4a', 'v4b'), ['v6a', 'v4a', 'v6b', 'v4b', 'v6c'])
  assert.deepEqual(names('v4a', 'v6a', 'v6b'), ['v4a', 'v6a', 'v6b'])
  assert.deepEqual(names('v4a', 'v4b'), ['v4a', 'v4b'])
  assert.deepEqual(names(), [])
})

/** When the kernel sends the first packet of a connection: RFC 6298, section 2.1 and 5.5. */
const sentMs = [0, 1000, 3000]

test('a first packet may be lost on any way of up to 600 ms, and a verdict comes in two or three seconds', async () => {
  for (const roundTripMs of [1, 20, 250, 600]) {
    const lostOnce: Fate = { connectsMs: Number(sentMs[1]) + roundTripMs }
    for (const usualMs of [undefined, roundTripMs]) {
      const known = await dialed({ a: lostOnce }, patienceFor(usualMs, 1000))
      assert.equal(known.to, 'a', `${roundTripMs} ms, of which ${usualMs} is known`)
    }
  }
  assert.equal(patienceFor(undefined, 1000), 3000)
  assert.equal(patienceFor(20, 1000), 2000)
  assert.equal(patienceFor(20, 250), 1250)
  assert.equal(patienceFor(600, 250), 3000)
})
