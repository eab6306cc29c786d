import { Type } from 'typebox'
import type { AdminRoutes } from '../watch/admin.ts'
import type { ListedSnapshot, Snapshot, Snapshots } from './snapshots.ts'

/** A snapshot as `causeway cache snapshots` shows it. */
export interface SnapshotLine {
  readonly id: string
  readonly host: string
  readonly format: string
  /** Path of the top index. */
  readonly suite: string
  /** Indexes that it names. */
  readonly files: number
  readonly madeAtMs: number | null
  readonly validatedAtMs: number
}

/** The same, of all that are kept. */
export interface SnapshotRow extends SnapshotLine {
  readonly inUse: boolean
  readonly pinnedBy: readonly string[]
}

/** What `causeway cache pin` did. */
export interface Pinned {
  readonly pinned: readonly SnapshotLine[]
}

/** `/v1/snapshots`: which states of suites are kept, and which clusters stay with one. */
export function snapshotRoutes(snapshots: Pick<Snapshots, 'list' | 'pin' | 'unpin'>): AdminRoutes {
  return (app) => {
    const body = Type.Object({ cluster: Type.String({ minLength: 1, maxLength: 64 }) })
    app.get('/v1/snapshots', async (): Promise<readonly SnapshotRow[]> => (await snapshots.list()).map(rowOf))
    app.post(
      '/v1/pin',
      { schema: { body } },
      async (request): Promise<Pinned> => ({ pinned: (await snapshots.pin(request.body.cluster)).map(lineOf) }),
    )
    app.post('/v1/unpin', { schema: { body } }, (request) => {
      snapshots.unpin(request.body.cluster)
      return {}
    })
  }
}

function lineOf({ id, origin, suite, files, madeAtMs, validatedAtMs }: Snapshot): SnapshotLine {
  const { host } = origin
  const { format, top } = suite
  return { id, host, format, suite: top, files: files.length, madeAtMs: madeAtMs ?? null, validatedAtMs }
}

function rowOf(snapshot: ListedSnapshot): SnapshotRow {
  const { inUse, pinnedBy } = snapshot
  return { ...lineOf(snapshot), inUse, pinnedBy }
}
