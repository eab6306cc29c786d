import type { TestContext } from 'node:test'
import { type Clock, systemClock } from '../../../src/base/clock.ts'
import { type CacheDatabase, openDatabase } from '../../../src/cache/database.ts'
import type { EventCode } from '../../../src/cache/events.ts'
import { DiskStore } from '../../../src/cache/store/disk-store.ts'
import { storeTables } from '../../../src/cache/store/tables.ts'
import { atEnd } from '../cleanup.ts'

export interface OpenStore {
  readonly store: DiskStore
  readonly folder: string
  /** What was reported, oldest first. */
  readonly events: { readonly code: EventCode; readonly subject: string; readonly message: string }[]
  readonly close: () => Promise<void>
}

interface OpenOptions {
  readonly clock?: Clock
  readonly quota?: number
  readonly keepFree?: number
  /** What stands between the store and its database. */
  readonly between?: (database: CacheDatabase) => CacheDatabase
}

/** A store on disk without limits but those given; closed when the test ends if it isn't by then. */
export async function openStore(
  t: TestContext,
  folder: string,
  { clock = systemClock, quota, keepFree = 0, between = (database) => database }: OpenOptions = {},
): Promise<OpenStore> {
  const events: OpenStore['events'][number][] = []
  const report = (code: EventCode, subject: string, message: string) => void events.push({ code, subject, message })
  const database = openDatabase(folder, [storeTables], (reason) => report('StoreReset', folder, String(reason)))
  let store: DiskStore
  try {
    store = await DiskStore.open({ folder, database: between(database), clock, events: { report }, quota, keepFree })
  } catch (error) {
    database.close()
    throw error
  }
  let closed: Promise<void> | undefined
  const closeBoth = async () => {
    await store.close()
    database.close()
  }
  const close = () => (closed ??= closeBoth())
  atEnd(t, close)
  return { store, folder, events, close }
}
