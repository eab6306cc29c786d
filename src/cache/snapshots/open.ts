import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { CacheDatabase } from '../database.ts'
import type { Events } from '../events.ts'
import type { Fetches } from '../fill/fetches.ts'
import type { Format } from '../formats/format.ts'
import type { Origin } from '../origins.ts'
import type { CacheSettings } from '../settings.ts'
import type { Store } from '../store/port.ts'
import type { Upstream } from '../upstream/ask.ts'
import type { Catalogue } from '../verify/catalogue.ts'
import type { Counters } from '../watch/counters.ts'
import { Bringer } from './bringer.ts'
import { SnapshotKeeper } from './keeper.ts'
import { Learner } from './learner.ts'
import { SnapshotTables } from './tables.ts'
import { Tops, type VerifySignature } from './tops.ts'

export interface SnapshotDeps {
  /** With `snapshotTables`. */
  readonly database: CacheDatabase
  readonly store: Store
  readonly fetches: Pick<Fetches, 'join'>
  readonly upstream: Upstream
  readonly catalogue: Pick<Catalogue, 'learn' | 'retain'>
  readonly verify: VerifySignature
  readonly origins: ReadonlyMap<string, Origin>
  readonly formats: readonly Format[]
  readonly settings: Pick<CacheSettings, 'indexes' | 'clusters'>
  readonly events: Events
  readonly counters: Counters
  readonly clock: Clock
  readonly log: Logger
}

/** The snapshots of a cache, as they were when it ended last. */
export function openSnapshots(deps: SnapshotDeps): SnapshotKeeper {
  return new SnapshotKeeper({
    ...deps,
    tops: new Tops(deps),
    bringer: new Bringer(deps),
    learner: new Learner(deps),
    tables: new SnapshotTables(deps.database),
  })
}
