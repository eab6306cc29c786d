import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import Database from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'
import type { Schema } from '../../src/store/schema.ts'

const cause = { code: 'Test', text: 'because' }

describe('the store', () => {
  let folder: string
  let db: Db
  let nodes: NodeStore
  let events: EventStore
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-store-'))
    db = await openStore(join(folder, 'state', 'causeway.db'))
    nodes = new NodeStore(db)
    events = new EventStore(db)
    await nodes.begin(
      {
        id: 'a',
        name: 'east-1',
        site: 'east',
        type: 'standard',
        costPerHour: 0,
        billingMs: 0,
        jobs: ['7_1'],
        phase: 'planned',
      },
      cause,
      1000,
    )
  })
  afterEach(async () => {
    await db.destroy()
    rmSync(folder, { recursive: true })
  })

  test('a life is there after the database was opened anew', async () => {
    await db.destroy()
    db = await openStore(join(folder, 'state', 'causeway.db'))
    const [life] = await new NodeStore(db).live()
    assert.deepEqual(life, {
      id: 'a',
      name: 'east-1',
      site: 'east',
      type: 'standard',
      beganAtMs: 1000,
      costPerHour: 0,
      billingMs: 0,
      phase: 'planned',
      phaseSinceMs: 1000,
      unreachableSinceMs: null,
      host: null,
      address: null,
      leavingAtMs: null,
      idleSinceMs: null,
      failure: null,
      attempts: 0,
      nextAttemptAtMs: 0,
      jobs: ['7_1'],
    })
  })

  test('a move counts only from the phases that it names, and leaves an event each time it counts', async () => {
    assert.equal(await nodes.move('a', ['booting'], 'ready', cause, 2000), false)
    assert.equal(await nodes.move('a', ['planned', 'creating'], 'booting', cause, 2000), true)
    assert.equal(await nodes.move('a', ['planned'], 'creating', cause, 3000), false)
    assert.equal((await nodes.get('a'))?.phase, 'booting')
    assert.deepEqual(
      (await events.ofNode('a')).map((e) => [e.atMs, e.facts.phase]),
      [
        [1000, 'planned'],
        [2000, 'booting'],
      ],
    )
  })

  test('two lives can not have one id', async () => {
    await assert.rejects(
      nodes.begin(
        { id: 'a', name: 'x-1', site: 'x', type: 'standard', costPerHour: 0, billingMs: 0, jobs: [], phase: 'planned' },
        cause,
        1,
      ),
    )
    assert.equal((await events.ofNode('a')).length, 1)
  })

  test('a failure is recorded once, with the breaker that follows, and not for what is past failing', async () => {
    const breaker = { site: 'east', type: 'standard', failures: 2, closedUntilMs: 9000 }
    assert.equal(await nodes.fail('a', { code: 'BootTimeout', text: 'late' }, breaker, 4000), true)
    assert.equal(await nodes.fail('a', { code: 'MachineLost', text: 'gone' }, { ...breaker, failures: 3 }, 5000), false)
    assert.deepEqual((await nodes.breakers()).get('east/standard'), breaker)
    assert.deepEqual((await nodes.get('a'))?.failure, { code: 'BootTimeout', text: 'late' })
    assert.deepEqual([...(await nodes.lastFailures(3999))], [['east-1', 4000]])
    assert.deepEqual([...(await nodes.lastFailures(4000))], [])
  })

  test('a failure that says nothing against the type leaves its breaker as it is', async () => {
    await nodes.setBreaker({ site: 'east', type: 'standard', failures: 1, closedUntilMs: null })
    assert.equal(await nodes.fail('a', { code: 'MachineLost', text: 'taken' }, null, 4000), true)
    assert.equal((await nodes.breakers()).get('east/standard')?.failures, 1)
    assert.equal((await nodes.get('a'))?.phase, 'failed')
  })

  test('the host of a machine, and that it is going to be taken away, are kept until something else is told', async () => {
    await nodes.move('a', ['planned'], 'booting', cause, 2000, { host: 'h1' })
    await nodes.move('a', ['booting'], 'ready', cause, 3000)
    await nodes.note([{ id: 'a', leavingAtMs: 9000 }])
    const { host, leavingAtMs } = (await nodes.get('a')) ?? {}
    assert.deepEqual({ host, leavingAtMs }, { host: 'h1', leavingAtMs: 9000 })
    await nodes.note([{ id: 'a', host: 'h2', leavingAtMs: null }])
    assert.deepEqual(
      (await nodes.live()).map((life) => [life.host, life.leavingAtMs]),
      [['h2', null]],
    )
  })

  test('names whose lives ended lately are known', async () => {
    await nodes.move('a', ['planned'], 'gone', cause, 4000)
    assert.deepEqual([...(await nodes.lastGone(3999))], [['east-1', 4000]])
    assert.deepEqual([...(await nodes.lastGone(4000))], [])
  })

  test('the token is good until the node is ready, has failed or is gone', async () => {
    for (const end of ['ready', 'gone'] as const) {
      await nodes.setTokenHash('a', 'hash')
      assert.equal(await nodes.tokenHash('a'), 'hash')
      await nodes.move('a', ['planned', 'ready'], end, cause, 2000)
      assert.equal(await nodes.tokenHash('a'), null)
    }
    assert.equal(await nodes.tokenHash('nobody'), null)
  })

  test('attempts count up and are forgotten in the next phase', async () => {
    const node = await nodes.get('a')
    assert.ok(node)
    await nodes.attemptFailed(node, cause, 5000, 3000)
    await nodes.attemptFailed(node, cause, 6000, 4000)
    assert.deepEqual([(await nodes.get('a'))?.attempts, (await nodes.get('a'))?.nextAttemptAtMs], [2, 6000])
    await nodes.move('a', ['planned'], 'creating', cause, 7000)
    assert.deepEqual([(await nodes.get('a'))?.attempts, (await nodes.get('a'))?.nextAttemptAtMs], [0, 0])
  })

  test('notes change facts, not phases', async () => {
    await nodes.note([{ id: 'a', idleSinceMs: 5 }])
    await nodes.note([{ id: 'a', unreachableSinceMs: 6 }])
    const node = await nodes.get('a')
    assert.deepEqual([node?.idleSinceMs, node?.unreachableSinceMs, node?.phase], [5, 6, 'planned'])
  })

  test('events are found by an element of an array, by the array, and by no prefix of a number', async () => {
    assert.equal((await events.ofJob('7_1')).length, 1)
    assert.equal((await events.ofJob('7')).length, 1)
    for (const other of ['7_', '7_11', '1', '_1', '%']) assert.equal((await events.ofJob(other)).length, 0, other)
  })

  test('notes of many nodes are written together, each with its own facts', async () => {
    await nodes.begin(
      {
        id: 'b',
        name: 'east-2',
        site: 'east',
        type: 'standard',
        costPerHour: 0,
        billingMs: 0,
        jobs: [],
        phase: 'planned',
      },
      cause,
      1000,
    )
    await nodes.note([
      { id: 'a', idleSinceMs: 5, unreachableSinceMs: 6 },
      { id: 'b', idleSinceMs: 7 },
    ])
    await nodes.note([{ id: 'a', idleSinceMs: null }, { id: 'b' }])
    const facts = (await nodes.all()).map((node) => [node.idleSinceMs, node.unreachableSinceMs])
    assert.deepEqual(facts, [
      [null, 6],
      [7, null],
    ])
  })

  test('the times of phases are those of each life, and past lives are only among all', async () => {
    await nodes.move('a', ['planned'], 'gone', cause, 2000)
    await nodes.begin(
      {
        id: 'b',
        name: 'east-1',
        site: 'east',
        type: 'standard',
        costPerHour: 0,
        billingMs: 0,
        jobs: [],
        phase: 'planned',
      },
      cause,
      3000,
    )
    await nodes.attemptFailed((await nodes.get('b')) ?? assert.fail(), cause, 3500, 3200)
    await nodes.move('b', ['planned'], 'creating', cause, 4000)
    const ofB = [
      { phase: 'planned', atMs: 3000 },
      { phase: 'creating', atMs: 4000 },
    ]
    assert.deepEqual([...(await events.phaseTimes('live'))], [['b', ofB]])
    const ofA = [
      { phase: 'planned', atMs: 1000 },
      { phase: 'gone', atMs: 2000 },
    ]
    assert.deepEqual(
      await events.phaseTimes('all'),
      new Map([
        ['a', ofA],
        ['b', ofB],
      ]),
    )
    assert.deepEqual(await events.livesOf('east-1', 5), ['b', 'a'])
    assert.deepEqual(await events.livesOf('east-1', 1), ['b'])
    assert.deepEqual(await events.livesOf('east-2', 5), [])
  })

  test('past lives cost nothing: live nodes and late failures are found by an index', async () => {
    const sqlite = new Database(join(folder, 'state', 'causeway.db'))
    const steps: string[] = []
    const watched = new Kysely<Schema>({
      dialect: new SqliteDialect({ database: sqlite }),
      log: ({ query: { sql, parameters } }) => {
        const plan = sqlite.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters) as { detail: string }[]
        steps.push(...plan.map(({ detail }) => detail))
      },
    })
    try {
      await new NodeStore(watched).live()
      await new NodeStore(watched).lastFailures(1000)
      await new NodeStore(watched).lastGone(1000)
      await new EventStore(watched).livesOf('east-1', 5)
    } finally {
      await watched.destroy()
    }
    const indexes = steps.flatMap((step) => /USING INDEX (\w+)/.exec(step)?.[1] ?? [])
    assert.deepEqual(indexes, ['nodes_live', 'nodes_failed_at', 'nodes_gone_at', 'nodes_name'], steps.join('; '))
  })

  test('jobs are remembered as last seen', async () => {
    const jobs = new JobStore(db)
    const job = {
      id: '7_1',
      name: 'j',
      user: 'alice',
      state: 'running',
      submittedAtMs: 1,
      startedAtMs: 2,
      endedAtMs: null,
      nodes: ['east-1'],
    }
    await jobs.save([job], 10)
    await jobs.save(
      [
        { ...job, state: 'ended', endedAtMs: 3 },
        { ...job, id: '71' },
      ],
      20,
    )
    assert.deepEqual(
      (await jobs.find('7')).map((j) => [j.id, j.state, j.endedAtMs]),
      [['7_1', 'ended', 3]],
    )
    assert.deepEqual((await jobs.find('71')).length, 1)
  })

  test('of a long queue all jobs are remembered, and again only those that changed', async () => {
    const jobs = new JobStore(db)
    const queue = Array.from({ length: 1201 }, (_, index) => ({
      id: String(index),
      name: 'j',
      user: 'alice',
      state: 'pending',
      submittedAtMs: index,
      startedAtMs: null,
      endedAtMs: null,
      nodes: [],
    }))
    await jobs.save(queue, 10)
    await jobs.save(
      queue.map((job) => (job.id === '700' ? { ...job, state: 'running', nodes: ['east-1'] } : job)),
      20,
    )
    const rows = await db.selectFrom('jobs').select(['id', 'state', 'nodes', 'seen_at']).execute()
    assert.equal(rows.length, 1201)
    assert.deepEqual(
      rows.filter((row) => row.seen_at !== 10),
      [{ id: '700', state: 'running', nodes: '["east-1"]', seen_at: 20 }],
    )
  })
})
