import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { EventStore } from '../../src/store/event-store.ts'
import type { NodeRecord, Phase } from '../../src/store/node-record.ts'
import { NodeStore, type StartedLife } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'

const cause = { code: 'Test', text: 'because' }

function life(id: string): StartedLife {
  const at = { name: `east-${id}`, site: 'east', type: 'standard' }
  return { id, ...at, costPerHour: 1, billingMs: 0, jobs: [`job-${id}`], cause, tokenHash: `hash-${id}` }
}

const creating = ({ site }: { site: string }) => ({ code: 'Creating', text: `made at ${site}` })

describe('the live nodes that a store remembers', () => {
  let folder: string
  let file: string
  let db: Db
  let nodes: NodeStore
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-live-'))
    file = join(folder, 'causeway.db')
    db = await openStore(file)
    nodes = new NodeStore(db)
  })
  afterEach(async () => {
    await db.destroy()
    rmSync(folder, { recursive: true })
  })

  test('what did not change is the same object, and what did is new', async () => {
    await nodes.start([life('a'), life('b')], creating, 1000)
    const [a, b] = await nodes.live()
    await nodes.move('a', ['creating'], 'booting', cause, 2000)
    const again = new Map((await nodes.live()).map((node) => [node.id, node]))
    assert.equal(again.get('b'), b)
    assert.notEqual(again.get('a'), a)
    assert.equal(again.get('a')?.phase, 'booting')
  })

  test('what another process writes is seen', async () => {
    await nodes.start([life('a')], creating, 1000)
    await nodes.live()
    const other = await openStore(file)
    try {
      await new NodeStore(other).start([life('b')], creating, 2000)
      await new NodeStore(other).move('a', ['creating'], 'booting', cause, 2000)
    } finally {
      await other.destroy()
    }
    assert.deepEqual(
      (await nodes.live()).map(({ id, phase }) => [id, phase]),
      [
        ['a', 'booting'],
        ['b', 'creating'],
      ],
    )
  })

  test('what another repository of the same database writes is seen', async () => {
    await nodes.live()
    await new NodeStore(db).start([life('a')], creating, 1000)
    assert.deepEqual(
      (await nodes.live()).map(({ id }) => id),
      ['a'],
    )
  })

  test('of two that read at the same time both see what was written before', async () => {
    await nodes.start([life('a')], creating, 1000)
    await nodes.live()
    await nodes.move('a', ['creating'], 'booting', cause, 2000)
    const readings = await Promise.all([nodes.live(), nodes.live()])
    assert.deepEqual(
      readings.map(([node]) => node?.phase),
      ['booting', 'booting'],
    )
  })

  test('a reading that fails leaves nothing half read', async () => {
    await nodes.start([life('a'), life('b')], creating, 1000)
    await nodes.live()
    await nodes.move('a', ['creating'], 'booting', cause, 2000)
    await db.schema.alterTable('nodes').renameTo('elsewhere').execute()
    await assert.rejects(nodes.live())
    await db.schema.alterTable('elsewhere').renameTo('nodes').execute()
    assert.deepEqual((await nodes.live()).map(({ phase }) => phase).toSorted(), ['booting', 'creating'])
  })

  test('whatever is written, in whatever order and while it is read: it is what the database has', async () => {
    const phases: readonly Phase[] = ['creating', 'booting', 'ready', 'draining', 'deleting', 'gone']
    const act = fc.record({
      kind: fc.constantFrom('start', 'move', 'note', 'fail', 'attempt', 'read'),
      id: fc.integer({ min: 0, max: 5 }),
      phase: fc.constantFrom(...phases),
      waits: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 30 }), async (acts) => {
        await db.deleteFrom('nodes').execute()
        await db.deleteFrom('events').execute()
        const handle = await openStore(file)
        const store = new NodeStore(handle)
        try {
          const running: Promise<unknown>[] = []
          for (const { kind, id, phase, waits } of acts) {
            const key = String(id)
            const done = {
              start: () => store.start([life(key)], creating, 1000).catch(() => undefined),
              move: () => store.move(key, phases, phase, cause, 2000),
              note: () => store.note([{ id: key, idleSinceMs: 5 }]),
              fail: () => store.fail(key, { code: 'BootTimeout', text: 'late' }, breaker, 3000),
              attempt: () => store.attemptFailed({ ...nobody, id: key }, cause, 9, 4000),
              read: () => store.live(),
            }[kind]()
            running.push(done)
            if (waits) await done
          }
          await Promise.all(running)
          const whole = (await store.all()).filter((node) => node.phase !== 'gone')
          assert.deepEqual(byId(await store.live()), byId(whole))
        } finally {
          await handle.destroy()
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('lives that are started together', () => {
  test('each is planned and creating, with its token, in the order in which they are given', async () => {
    const db = await openStore(':memory:')
    try {
      const nodes = new NodeStore(db)
      const lives = Array.from({ length: 150 }, (_, index) => life(String(index)))
      const begun = await nodes.start(lives, creating, 1000)
      assert.deepEqual(
        begun.map(({ id, phase, phaseSinceMs, beganAtMs }) => [id, phase, phaseSinceMs, beganAtMs]),
        lives.map(({ id }) => [id, 'creating', 1000, 1000]),
      )
      assert.deepEqual(byId(await nodes.live()), byId(begun))
      assert.equal(await nodes.tokenHash('149'), 'hash-149')
      assert.deepEqual(
        (await new EventStore(db).ofNode('70')).map(({ code, text, facts, jobs }) => [code, text, facts, jobs]),
        [
          ['Test', 'because', { phase: 'planned' }, ['job-70']],
          ['Creating', 'made at east', { phase: 'creating' }, ['job-70']],
        ],
      )
    } finally {
      await db.destroy()
    }
  })

  test('all of them or none', async () => {
    const db = await openStore(':memory:')
    try {
      const nodes = new NodeStore(db)
      await nodes.start([life('a')], creating, 1000)
      await assert.rejects(nodes.start([life('b'), life('a')], creating, 2000))
      assert.deepEqual(
        (await nodes.live()).map(({ id }) => id),
        ['a'],
      )
      assert.deepEqual(await new EventStore(db).ofNode('b'), [])
    } finally {
      await db.destroy()
    }
  })
})

const breaker = { site: 'east', type: 'standard', failures: 1, closedUntilMs: null }

const nobody: NodeRecord = {
  id: '',
  name: '',
  site: 'east',
  type: 'standard',
  beganAtMs: 0,
  costPerHour: 0,
  billingMs: 0,
  phase: 'creating',
  phaseSinceMs: 0,
  unreachableSinceMs: null,
  host: null,
  address: null,
  leavingAtMs: null,
  idleSinceMs: null,
  failure: null,
  attempts: 0,
  nextAttemptAtMs: 0,
  jobs: [],
}

function byId(nodes: readonly NodeRecord[]): NodeRecord[] {
  return nodes.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
