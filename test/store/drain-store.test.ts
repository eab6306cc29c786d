import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DrainStore } from '../../src/store/drain-store.ts'
import { openStore } from '../../src/store/open.ts'

test('a site and each of its hosts are drained once, and taken back one by one', async () => {
  const db = await openStore(':memory:')
  try {
    const drains = new DrainStore(db)
    await drains.begin({ site: 'east', host: null, reason: 'move', sinceMs: 1 })
    await drains.begin({ site: 'east', host: 'h1', reason: 'disk', sinceMs: 2 })
    await drains.begin({ site: 'west', host: 'h1', reason: '', sinceMs: 3 })
    await drains.begin({ site: 'east', host: null, reason: 'power', sinceMs: 4 })
    assert.deepEqual(await drains.all(), [
      { site: 'east', host: null, reason: 'power', sinceMs: 1 },
      { site: 'east', host: 'h1', reason: 'disk', sinceMs: 2 },
      { site: 'west', host: 'h1', reason: '', sinceMs: 3 },
    ])
    assert.equal(await drains.end('east', 'h1'), true)
    assert.equal(await drains.end('east', 'h1'), false)
    assert.equal(await drains.end('east', null), true)
    assert.deepEqual(
      (await drains.all()).map(({ site, host }) => [site, host]),
      [['west', 'h1']],
    )
  } finally {
    await db.destroy()
  }
})
