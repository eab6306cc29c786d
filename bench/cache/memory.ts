import { alone, type BenchRow, type BenchTable } from '../report.ts'
import type { Cache } from './caches.ts'
import { packagePath } from './files.ts'
import { failures, type Loaded, load } from './load.ts'
import { residentMiB } from './processes.ts'
import type { Rig } from './rig.ts'

const clients = 64
const many = 10_000

interface Remembered {
  /** MiB, each the most that was seen. */
  readonly idle: number
  readonly busy: number
  readonly crowded: number
  readonly crowd: Loaded
}

export type Memory = ReadonlyMap<string, Remembered>

/** One after the other: just started, with 64 clients on large and small files, then with 10,000 clients at the same moment. */
export async function measureMemory(rig: Rig, caches: readonly Cache[]): Promise<Memory> {
  const all = new Map<string, Remembered>()
  const large = packagePath('large', 10_000_000)
  const small = Array.from({ length: 200 }, (_, at) => packagePath(`small${at}`, 50_000))
  await rig.origin.prepare([large, ...small])
  for (const cache of caches) {
    const idle = residentMiB(cache.pid)
    const [, fills] = await watched(cache, () => load(rig, cache, { clients, paths: [large, ...small] }))
    const [, hot] = await watched(cache, () => load(rig, cache, { clients, paths: [large, ...small], windowMs: 4000 }))
    const [crowd, crowded] = await watched(cache, () => load(rig, cache, { clients: many, paths: small.slice(0, 1) }))
    all.set(cache.name, { idle, busy: Math.max(fills, hot), crowded, crowd })
  }
  return all
}

/** What an act gave, and the most memory that was in use meanwhile, looked at ten times a second. */
async function watched<T>(cache: Cache, act: () => Promise<T>): Promise<[T, number]> {
  let most = residentMiB(cache.pid)
  const timer = setInterval(() => {
    most = Math.max(most, residentMiB(cache.pid))
  }, 100)
  try {
    return [await act(), most]
  } finally {
    clearInterval(timer)
  }
}

export function memoryRows(all: Memory, ours: string): BenchRow[] {
  const mine = all.get(ours)
  if (mine === undefined) return []
  return [
    alone({ case: `${clients} clients`, unit: 'MiB resident', ours: mine.busy, goal: 150 }),
    alone({ case: `${many} requests at once`, unit: 'MiB resident', ours: mine.crowded, goal: null }),
    alone({ case: `${many} requests at once`, unit: 'failed', ours: failures(mine.crowd), goal: 0 }),
  ]
}

export function memoryTable(all: Memory): BenchTable {
  return {
    title: `MiB resident, and ${many} clients at once that want a kept file of 50 kB`,
    columns: ['', 'idle', `${clients} clients`, `${many} clients`, 's', 'failed', 'p99 ms'],
    rows: [...all].map(([name, { idle, busy, crowded, crowd }]) => [
      name,
      ...[idle, busy, crowded].map((each) => each.toFixed(0)),
      crowd.seconds.toFixed(1),
      String(failures(crowd)),
      crowd.firstMs.p99.toFixed(0),
    ]),
  }
}
