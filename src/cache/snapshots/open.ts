import type { CacheDatabase } from '../database.ts'
import type { Fetches } from '../fill/fetches.ts'
import { formats } from '../formats/formats.ts'
import type { CacheSettings } from '../settings.ts'
import type { Upstream } from '../upstream/ask.ts'
import { DiskCatalogue } from '../verify/disk-catalogue.ts'
import { verifySignature } from '../verify/signature.ts'
import { Bringer } from './bringer.ts'
import { type KeeperDeps, SnapshotKeeper } from './keeper.ts'
import { Learner } from './learner.ts'
import { SnapshotTables } from './tables.ts'
import { Tops, type TopsDeps } from './tops.ts'

export interface SnapshotParts extends Pick<KeeperDeps, 'store' | 'origins' | 'events' | 'counters' | 'clock' | 'log'> {
  /** With `snapshotTables`. */
  readonly database: CacheDatabase
  readonly fetches: Pick<Fetches, 'join'>
  readonly upstream: Upstream
  readonly traffic: TopsDeps['traffic']
  readonly settings: Pick<CacheSettings, 'store' | 'indexes' | 'clusters'>
}

/** The snapshots of a cache as they were when it ended last, and the catalogue of what their indexes say. Close both. */
export function openSnapshots(parts: SnapshotParts): { snapshots: SnapshotKeeper; catalogue: DiskCatalogue } {
  const catalogue = new DiskCatalogue(parts.settings.store, parts.clock, parts.events)
  const snapshots = new SnapshotKeeper({
    ...parts,
    formats,
    tops: new Tops({ ...parts, verify: verifySignature }),
    bringer: new Bringer(parts),
    learner: new Learner({ ...parts, catalogue }),
    tables: new SnapshotTables(parts.database, (error) => parts.store.failed(error)),
  })
  return { snapshots, catalogue }
}
