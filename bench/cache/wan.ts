import { median } from '../planner/measure.ts'
import { against, alone, type BenchRow, type BenchTable } from '../report.ts'
import { Cache, type Contender } from './caches.ts'
import { indexPaths, packagesOf } from './files.ts'
import { failures, load } from './load.ts'
import { cpuSeconds } from './processes.ts'
import { type Rig, stock } from './rig.ts'

const nodes = 8

/** Eight nodes that install the same packages through one cache. */
interface Installed {
  /** Until the last node had the last package. */
  readonly seconds: number
  readonly failures: number
  /** Bytes over the line, all headers with them, to the packages'. */
  readonly lineBytes: number
  readonly cpuSeconds: number
  /** The same once more, when all is there. */
  readonly again: number
  readonly failuresAgain: number
}

export type Wan = ReadonlyMap<string, readonly Installed[]>

/** Indexes first, then all packages, in an order that is not the index's. */
function paths(): readonly string[] {
  const packages = packagesOf(stock.count, stock.bytes)
  // 7 has no factor in common with 120: each package once.
  const order = packages.map((_, at) => packages[(at * 7 + 3) % packages.length]?.path ?? '')
  return [...indexPaths, ...order]
}

/** Every contender in turn, each time with an empty store. */
export async function measureWan(rig: Rig, contenders: readonly Contender[], rounds: number): Promise<Wan> {
  const all = new Map<string, Installed[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of contenders) {
      const cache = await Cache.start(rig, contender)
      all.get(cache.name)?.push(await install(rig, cache))
      await cache.remove()
    }
  }
  return all
}

async function install(rig: Rig, cache: Cache): Promise<Installed> {
  const [bytesBefore, workedBefore] = [await rig.bytesOverLine(), cpuSeconds(cache.pid)]
  const first = await load(rig, cache, { clients: nodes, paths: paths(), check: true })
  const worked = cpuSeconds(cache.pid) - workedBefore
  const lineBytes = ((await rig.bytesOverLine()) - bytesBefore) / stock.bytes
  const again = await load(rig, cache, { clients: nodes, paths: paths(), check: true })
  return {
    seconds: first.seconds,
    failures: failures(first),
    lineBytes,
    cpuSeconds: worked,
    again: again.seconds,
    failuresAgain: failures(again),
  }
}

export function wanRows(all: Wan, ours: string, line: string, goal: number | null): BenchRow[] {
  const mine = all.get(ours) ?? []
  const name = `${nodes} nodes install ${stock.count} packages, ${line}`
  const failed = sum(mine, (each) => each.failures + each.failuresAgain)
  // Who delivers nothing is quick.
  const seconds = failed > 0 ? Number.NaN : median(mine.map((installed) => installed.seconds))
  return [
    alone({ case: name, unit: 's', ours: seconds, goal }),
    alone({ case: name, unit: 'failed', ours: failed, goal: 0 }),
    ...[...all]
      .filter(([peer]) => peer !== ours)
      .map(([peer, installed]) => {
        const theirs = median(installed.map((each) => each.seconds))
        return against(peer, { case: name, unit: 's', better: 'less', ours: seconds, theirs, goal: 1 })
      }),
  ]
}

/** How a site far away that has all the packages does beside one whose origin is next door. */
export function prefetchedRow(far: Wan, near: Wan, ours: string): BenchRow {
  const seconds = (all: Wan) =>
    median((all.get(ours) ?? []).map(({ again, failuresAgain }) => (failuresAgain > 0 ? Number.NaN : again)))
  const ratio = seconds(far) / seconds(near)
  return alone({ case: 'packages already there, to the same at a local site', unit: 'times', ours: ratio, goal: 1.05 })
}

export function wanTable(all: Wan, line: string): BenchTable {
  const rows = [...all].map(([name, installed]) => {
    const middle = (pick: (each: Installed) => number, digits: number) => median(installed.map(pick)).toFixed(digits)
    return [
      name,
      middle(({ seconds }) => seconds, 2),
      installed.map(({ seconds }) => seconds.toFixed(1)).join(' '),
      middle(({ lineBytes }) => lineBytes, 2),
      middle(({ cpuSeconds: worked }) => worked, 2),
      String(sum(installed, (each) => each.failures)),
      middle(({ again }) => again, 2),
      String(sum(installed, (each) => each.failuresAgain)),
    ]
  })
  return {
    title: `${nodes} nodes install the same ${stock.count} packages (${stock.bytes / 1e6} MB), ${line}`,
    columns: ['', 's', 'each round', 'over the line / set', 'CPU s', 'failed', 's once more', 'failed then'],
    rows,
  }
}

function sum(all: readonly Installed[], pick: (each: Installed) => number): number {
  return all.reduce((total, each) => total + pick(each), 0)
}
