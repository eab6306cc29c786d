import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Clock, systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { openDatabase } from '../../../src/cache/database.ts'
import { Events } from '../../../src/cache/events.ts'
import type { Fetches } from '../../../src/cache/fill/fetches.ts'
import type { Wanted } from '../../../src/cache/fill/wanted.ts'
import { debian } from '../../../src/cache/formats/debian.ts'
import { rpm } from '../../../src/cache/formats/rpm.ts'
import { type Origin, originsOf } from '../../../src/cache/origins.ts'
import { Bringer } from '../../../src/cache/snapshots/bringer.ts'
import { SnapshotKeeper } from '../../../src/cache/snapshots/keeper.ts'
import { Learner } from '../../../src/cache/snapshots/learner.ts'
import type { SnapshotAnswer } from '../../../src/cache/snapshots/snapshots.ts'
import { SnapshotTables, snapshotTables } from '../../../src/cache/snapshots/tables.ts'
import { Tops, type VerifySignature } from '../../../src/cache/snapshots/tops.ts'
import type { PackageIndex } from '../../../src/cache/verify/catalogue.ts'
import { newCounters } from '../../../src/cache/watch/counters.ts'
import { Traffic } from '../../../src/cache/watch/traffic.ts'
import { atEnd } from '../cleanup.ts'
import { MemoryStore } from '../memory-store.ts'
import { settingsFor } from '../settings-for.ts'
import { scratchFolder } from '../start.ts'
import { FakeMirror } from './fake-mirror.ts'

export interface Rig {
  readonly mirror: FakeMirror
  readonly store: MemoryStore
  readonly origin: Origin
  readonly events: Events
  readonly traffic: Traffic
  /** What the catalogue was made to read, and what it was told to keep. */
  readonly learned: PackageIndex[]
  readonly retained: (readonly PackageIndex[])[]
  keeper: SnapshotKeeper
  learner: Learner
  /** Whether the patience of clients, some seconds, has an end; what is given to the origin alone (10 s and more) has none. */
  impatient: boolean
  /** Time that passes. */
  advance(ms: number): void
  /** What a client gets: the body, and how it came; an error's code instead. */
  get(path: string, client?: string): Promise<{ body: string; outcome: string }>
  /** The same cache after its process began anew. */
  restart(): void
}

const startMs = Date.UTC(2030, 0, 1)

/** A keeper before an origin in memory. Its clock stands still but for `advance`; waiting takes no time. */
export async function startRig(
  t: TestContext,
  options: { settings?: Record<string, unknown>; origin?: Record<string, unknown>; verify?: VerifySignature } = {},
): Promise<Rig> {
  const folder = await scratchFolder(t)
  const database = openDatabase(folder, [snapshotTables])
  atEnd(t, () => database.close())
  let now = startMs
  // Pauses take no time. Patience is without end, or has none.
  const sleep: Clock['sleep'] = (ms, signal) =>
    signal && (!rig.impatient || ms >= 10_000)
      ? new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
      : systemClock.sleep(1, signal)
  const clock: Clock = { now: () => now, sleep }
  const settings = settingsFor({
    listen: '127.0.0.1:0',
    store: folder,
    origins: { 'mirror.lab': { ...options.origin } },
    ...options.settings,
  })
  const origins = originsOf(settings)
  const origin = origins.get('mirror.lab') as Origin
  const mirror = new FakeMirror(() => now)
  const store = new MemoryStore()
  const events = new Events({ clock, log: silentLog })
  const traffic = new Traffic()
  const learned: PackageIndex[] = []
  const retained: (readonly PackageIndex[])[] = []
  const catalogue = {
    learn: async (index: PackageIndex, read: () => AsyncIterable<Buffer>) => {
      for await (const chunk of read()) void chunk
      learned.push(index)
    },
    expected: () => undefined,
    retain: (indexes: readonly PackageIndex[]) => {
      retained.push(indexes)
      return Promise.resolve()
    },
  }
  const parts = () => {
    const common = { store, clock, log: silentLog, counters: newCounters(), events }
    const learner = new Learner({ ...common, catalogue })
    const tops = new Tops({
      ...common,
      upstream: mirror,
      traffic,
      verify: options.verify ?? (() => Promise.reject(new Error())),
    })
    const bringer = new Bringer({ ...common, fetches: fetchesFrom(mirror, store, clock) })
    const tables = new SnapshotTables(database, (error) => assert.fail(error as Error))
    const keeper = new SnapshotKeeper({
      ...common,
      tops,
      bringer,
      learner,
      tables,
      origins,
      settings,
      formats: [debian, rpm],
    })
    return { learner, keeper }
  }
  const rig: Rig = {
    mirror,
    store,
    origin,
    events,
    traffic,
    learned,
    retained,
    ...parts(),
    impatient: false,
    advance: (ms) => {
      now += ms
    },
    get: async (path, client = '10.0.0.1') => {
      const answer = await rig.keeper.answer(origin, path, client)
      return answer ? { body: await read(store, answer), outcome: answer.outcome } : { body: '', outcome: 'undefined' }
    },
    restart: () => {
      Object.assign(rig, parts())
    },
  }
  return rig
}

async function read(store: MemoryStore, { wanted }: SnapshotAnswer): Promise<string> {
  const stored = await store.find(wanted.key)
  if (!stored) throw new Error(`${wanted.key} is not kept`)
  const body = Buffer.alloc(stored.length)
  await stored.read(body, 0)
  await stored.close()
  return body.toString()
}

/** Fetches whole files: what is not what its digest says is not kept. */
function fetchesFrom(mirror: FakeMirror, store: MemoryStore, clock: Clock): Pick<Fetches, 'join'> {
  const running = new Map<string, ReturnType<Fetches['join']>['answer']>()
  const fetchIt = async ({ key, origin, path, expected }: Wanted) => {
    const { status, headers, length, body } = await mirror.ask({ origin, method: 'GET', path, headers: {} })
    const fill = { head: { status, headers, length }, over: Promise.resolve(), end: undefined as unknown }
    const keep = async () => {
      const chunks: Buffer[] = []
      for await (const chunk of body) chunks.push(chunk)
      if (status !== 200) return
      const incoming = await store.begin({ key, status, headers, length, expected })
      await incoming.write(Buffer.concat(chunks), 0)
      try {
        const kept = await incoming.commit({ length: length ?? 0, validatedAtMs: clock.now(), fetchMs: 1 })
        fill.end = { how: 'kept', kept }
      } catch (error) {
        fill.end = { how: 'broken', error, changed: false }
      }
      await incoming.close()
    }
    fill.over = keep()
    void fill.over.then(() => running.delete(key))
    return { kind: 'arriving', fill } as unknown as Awaited<ReturnType<Fetches['join']>['answer']>
  }
  return {
    join: (wanted) => {
      const before = running.get(wanted.key)
      if (before) return { answer: before, joined: true }
      const answer = fetchIt(wanted)
      running.set(wanted.key, answer)
      answer.catch(() => running.delete(wanted.key))
      return { answer, joined: false }
    },
  }
}
