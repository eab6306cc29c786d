import { against, alone, type BenchRow, type BenchTable } from '../report.ts'
import type { Cache } from './caches.ts'
import { packagePath } from './files.ts'
import { failures, type Loaded, load } from './load.ts'
import { cpuSeconds } from './processes.ts'
import type { Rig } from './rig.ts'

const clients = 16
const files = 300
const fileBytes = 200_000

/** A set that was asked for by many at once, of a cache that had none of it. */
export interface Filled {
  readonly loaded: Loaded
  /** What the origin sent, to the bytes of the set. */
  readonly originBytes: number
  /** Requests that the origin got, to the files of the set. */
  readonly originRequests: number
  readonly cpuSeconds: number
}

export type Cold = ReadonlyMap<string, Filled>

/** One cache after the other is asked for files that it has not. Every byte that arrives is compared. */
export async function measureCold(rig: Rig, caches: readonly Cache[]): Promise<Cold> {
  const paths = Array.from({ length: files }, (_, at) => packagePath(`cold${at}`, fileBytes))
  await rig.origin.prepare(paths)
  const all = new Map<string, Filled>()
  for (const cache of caches) {
    await rig.origin.requests()
    const before = cpuSeconds(cache.pid)
    const loaded = await load(rig, cache, { clients, paths, check: true })
    const worked = cpuSeconds(cache.pid) - before
    const requests = (await rig.origin.requests()).filter(({ path }) => paths.includes(path))
    const sent = requests.reduce((sum, request) => sum + request.sent, 0)
    all.set(cache.name, {
      loaded,
      originBytes: sent / (files * fileBytes),
      originRequests: requests.length / files,
      cpuSeconds: worked,
    })
  }
  return all
}

/** What must hold of ours, and its time against each peer's. */
export function coldRows(all: Cold, ours: string): BenchRow[] {
  const mine = all.get(ours)
  if (mine === undefined) return []
  const name = `cold, ${clients} clients, the same ${files} files of ${fileBytes / 1000} kB`
  const rows = [
    alone({ case: name, unit: 'origin bytes / set', ours: mine.originBytes, goal: 1.01 }),
    alone({ case: name, unit: 'origin requests / file', ours: mine.originRequests, goal: 1 }),
    alone({ case: name, unit: 'failed', ours: failures(mine.loaded), goal: 0 }),
  ]
  for (const [peer, { loaded }] of all) {
    if (peer === ours) continue
    const seconds = { ours: mine.loaded.seconds, theirs: loaded.seconds }
    rows.push(against(peer, { case: name, unit: 's', better: 'less', ...seconds, goal: null }))
  }
  return rows
}

export function coldTable(all: Cold): BenchTable {
  const rows = [...all].map(([name, { loaded, originBytes, originRequests, cpuSeconds: worked }]) => [
    name,
    loaded.seconds.toFixed(2),
    worked.toFixed(2),
    originBytes.toFixed(2),
    originRequests.toFixed(2),
    String(failures(loaded)),
    String(loaded.wrong),
    loaded.firstMs.median.toFixed(0),
    loaded.firstMs.p99.toFixed(0),
  ])
  return {
    title: `cold: ${clients} clients ask for the same ${files} files of ${fileBytes / 1000} kB at once`,
    columns: ['', 's', 'CPU s', 'bytes / set', 'requests / file', 'failed', 'wrong', 'first ms', 'p99 ms'],
    rows,
  }
}
