import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SnapshotRow } from '../../../src/cache/snapshots/routes.ts'
import { snapshotRoutes } from '../../../src/cache/snapshots/routes.ts'
import { buildAdmin } from '../../../src/cache/watch/admin.ts'
import { showPinned, showSnapshots } from '../../../src/cli/cache-snapshots.ts'
import { atEnd } from '../cleanup.ts'
import { releaseOf } from './fake-mirror.ts'
import { startRig } from './rig.ts'

const top = '/debian/dists/lab/InRelease'

test('snapshots are listed, pinned and let go over the socket', async (t) => {
  const rig = await startRig(t, { settings: { clusters: { blue: { clients: ['10.1.0.0/16'] } } } })
  rig.mirror.put(top, releaseOf({}, Date.UTC(2029, 0, 1)))
  await rig.get(top)
  const admin = buildAdmin([snapshotRoutes(rig.keeper)])
  atEnd(t, () => admin.close())
  const post = (url: string, cluster: string) => admin.inject({ method: 'POST', url, payload: { cluster } })

  const pinned = await post('/v1/pin', 'blue')
  assert.equal(pinned.statusCode, 200)
  assert.match(showPinned('blue', pinned.json()), /^blue is pinned to 1 snapshot\b.*\n {2}[0-9a-f]{12} {2}mirror[.]lab/)
  const rows = (await admin.inject('/v1/snapshots')).json<SnapshotRow[]>()
  assert.deepEqual(
    rows.map(({ host, suite, inUse, pinnedBy }) => ({ host, suite, inUse, pinnedBy })),
    [{ host: 'mirror.lab', suite: top, inUse: true, pinnedBy: ['blue'] }],
  )
  assert.match(showSnapshots(rows, Date.UTC(2030, 0, 1)), /yes +blue +2029-01-01T00:00:00 .* mirror[.]lab\/debian/)
  assert.equal((await post('/v1/unpin', 'blue')).statusCode, 200)
  assert.deepEqual((await admin.inject('/v1/snapshots')).json<SnapshotRow[]>()[0]?.pinnedBy, [])
  const unknown = await post('/v1/pin', 'green')
  assert.equal(unknown.statusCode, 400)
  assert.match(unknown.body, /names no cluster green/)
})
