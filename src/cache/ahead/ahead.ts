import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { CacheDatabase } from '../database.ts'
import type { Origin } from '../origins.ts'
import type { CacheSettings } from '../settings.ts'
import type { Snapshots } from '../snapshots/snapshots.ts'
import type { Store } from '../store/port.ts'
import type { Catalogue } from '../verify/catalogue.ts'
import { type BringingParts, FetchBringing } from './bringing.ts'
import { HabitStore } from './habit-store.ts'
import { Habits } from './habits.ts'
import { Newest } from './newest.ts'
import { AheadQueue } from './queue.ts'
import { ReadAhead } from './read-ahead.ts'
import { rolePlaces } from './role-place.ts'
import { RoleReader } from './role-reader.ts'
import { Warmer } from './warm.ts'

export interface AheadParts extends BringingParts {
  readonly store: Pick<Store, 'find' | 'failed'>
  readonly settings: Pick<CacheSettings, 'roles'>
  readonly origins: ReadonlyMap<string, Origin>
  readonly snapshots: Pick<Snapshots, 'current' | 'index' | 'list' | 'viewers' | 'viewerOf'>
  readonly catalogue: Pick<Catalogue, 'named' | 'expected' | 'knows'>
  readonly database: CacheDatabase
  readonly clock: Clock
  readonly log: Logger
}

/** What the cache fetches ahead of need, put together. */
export interface Ahead {
  readonly warmer: Warmer
  readonly queue: AheadQueue
  /** To be told of each file that a client asks for. */
  readonly reader: ReadAhead
  /** Gives up what waits: nothing more is begun. */
  giveUp(): void
  /** Resolves when nothing is under way, and what was learned is kept. */
  close(): Promise<void>
}

/** @throws CausewayError `InvalidConfig` for a role whose repository is at none of the origins */
export function createAhead(parts: AheadParts): Ahead {
  const { settings, origins, snapshots, catalogue, database, clock, log } = parts
  const places = rolePlaces(settings.roles, origins)
  const queue = new AheadQueue(new FetchBringing(parts))
  const reader = new RoleReader({ snapshots, catalogue, origins, clock })
  const memory = new HabitStore(database)
  const habits = new Habits((host, known) => {
    try {
      memory.save(host, known)
    } catch (error) {
      // They are forgotten with this process, then.
      parts.store.failed(error)
    }
  })
  for (const [host, known] of memory.load()) habits.restore(host, known)
  const newest = new Newest({ snapshots, catalogue, clock })
  return {
    queue,
    warmer: new Warmer(places, { reader, queue, snapshots }),
    reader: new ReadAhead({ places, reader, queue, habits, newest, snapshots, clock, log }),
    giveUp: () => queue.giveUp(),
    close: async () => {
      habits.close()
      await queue.close()
    },
  }
}
