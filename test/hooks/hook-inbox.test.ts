import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../src/base/log.ts'
import { HookInbox } from '../../src/hooks/hook-inbox.ts'
import type { NewEvent } from '../../src/store/event-store.ts'

const clock = { now: () => 0, sleep: async () => undefined }

function event(job: number): NewEvent {
  const rest = { kind: 'hook', site: null, nodeId: null, nodeName: null, code: 'epilog', text: '', facts: {} } as const
  return { atMs: 0, ...rest, jobs: [String(job)] }
}

/** A store whose writes end when the test says so. */
function slowStore() {
  const recorded: string[][] = []
  const pending: { resolve(): void; reject(error: Error): void }[] = []
  const record = (events: readonly NewEvent[]) =>
    new Promise<void>((resolve, reject) => {
      const batch = events.map(({ jobs }) => jobs[0] ?? '')
      pending.push({
        resolve: () => {
          recorded.push(batch)
          resolve()
        },
        reject,
      })
    })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return { recorded, pending, record, turn }
}

test('what comes while the store is busy goes together into the next batch, in order', async () => {
  const { recorded, pending, record, turn } = slowStore()
  const inbox = new HookInbox({ record, clock, log: silentLog })
  inbox.offer('a', event(1))
  await turn()
  for (const job of [2, 3, 4]) inbox.offer(String(job), event(job))
  assert.equal(inbox.queued, 4)
  let all = false
  const done = inbox.recorded().then(() => {
    all = true
  })
  pending[0]?.resolve()
  await turn()
  assert.deepEqual([recorded, all, inbox.queued], [[['1']], false, 3])
  pending[1]?.resolve()
  await done
  assert.deepEqual([recorded, inbox.queued], [[['1'], ['2', '3', '4']], 0])
})

test('a batch that the store refuses is tried again, in order; nothing is lost', async () => {
  const { recorded, pending, record, turn } = slowStore()
  const inbox = new HookInbox({ record, clock, log: silentLog })
  inbox.offer(null, event(1))
  await turn()
  inbox.offer(null, event(2))
  pending[0]?.reject(new Error('the disk is full'))
  await turn()
  pending[1]?.resolve()
  await inbox.recorded()
  assert.deepEqual(recorded, [['1', '2']])
})

test('beyond its bound it takes nothing, and what it did not take is not known either', async () => {
  const { pending, record, turn } = slowStore()
  const inbox = new HookInbox({ record, clock, log: silentLog, limit: 2 })
  inbox.offer('1', event(1))
  inbox.offer('2', event(2))
  assert.throws(() => inbox.offer('3', event(3)), { code: 'Overloaded' })
  await turn()
  assert.throws(() => inbox.offer('3', event(3)), { code: 'Overloaded' })
  assert.equal(inbox.offer('2', event(2)), false)
  pending[0]?.resolve()
  await inbox.recorded()
  assert.equal(inbox.offer('3', event(3)), true)
})

test('ids are remembered up to a bound, the latest ones', () => {
  const inbox = new HookInbox({ record: async () => undefined, clock, log: silentLog, remembered: 3 })
  inbox.remember(['a', 'b', 'c', 'd'])
  assert.equal(inbox.offer('b', event(1)), false)
  assert.equal(inbox.offer('a', event(1)), true)
  assert.equal(inbox.offer('b', event(1)), true)
  assert.equal(inbox.offer(null, event(1)), true)
  assert.equal(inbox.offer(null, event(1)), true)
})

test('closing records what is left, and gives up on a store that takes nothing', async () => {
  const { recorded, pending, record, turn } = slowStore()
  const inbox = new HookInbox({ record, clock, log: silentLog })
  inbox.offer(null, event(1))
  const closed = inbox.close()
  await turn()
  pending[0]?.resolve()
  await closed
  assert.deepEqual(recorded, [['1']])

  const broken = new HookInbox({ record: () => Promise.reject(new Error('broken')), clock, log: silentLog })
  broken.offer(null, event(1))
  const recordedNever = assert.rejects(broken.recorded(), { code: 'Internal' })
  await broken.close()
  await recordedNever
  assert.equal(broken.queued, 1)
})
