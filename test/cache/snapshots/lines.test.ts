import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CausewayError } from '../../../src/base/errors.ts'
import { silentLog } from '../../../src/base/log.ts'
import { openDatabase } from '../../../src/cache/database.ts'
import { debian } from '../../../src/cache/formats/debian.ts'
import { Lines, type LinesDeps } from '../../../src/cache/snapshots/lines.ts'
import { SnapshotTables, snapshotTables } from '../../../src/cache/snapshots/tables.ts'
import { newCounters } from '../../../src/cache/watch/counters.ts'
import { wanted } from '../ahead/fake-bringing.ts'
import { atEnd } from '../cleanup.ts'
import { MemoryStore } from '../memory-store.ts'
import { scratchFolder } from '../start.ts'

test('a suite that there is not leaves nothing behind, but for who asks just now', async (t) => {
  const { origin } = wanted('any')
  const database = openDatabase(await scratchFolder(t), [snapshotTables])
  atEnd(t, () => database.close())
  let now = 1_000_000
  const look = Promise.withResolvers<never>()
  const lines = new Lines({
    origins: new Map([[origin.host, origin]]),
    formats: [debian],
    tables: new SnapshotTables(database, (error) => assert.fail(error as Error)),
    store: new MemoryStore(),
    tops: { look: () => look.promise } as unknown as LinesDeps['tops'],
    bringer: {} as LinesDeps['bringer'],
    learner: {} as LinesDeps['learner'],
    events: {} as LinesDeps['events'],
    counters: newCounters(),
    clock: { now: () => now, sleep: () => Promise.resolve() },
    log: silentLog,
  })
  const suite = debian.suiteOf('/debian/dists/no/InRelease')
  assert.ok(suite)
  const line = await lines.of(origin, suite, debian)
  const { done } = line.look()
  now += 600_000
  await lines.retain(new Set())
  assert.equal(await lines.of(origin, suite, debian), line)
  look.reject(new CausewayError('NotFound', 'there is none'))
  await assert.rejects(done, { code: 'NotFound' })
  await lines.retain(new Set())
  assert.notEqual(await lines.of(origin, suite, debian), line)
})
