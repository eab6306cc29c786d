import { median } from '../planner/measure.ts'
import { against, type BenchRow, type BenchTable } from '../report.ts'
import type { Cache } from './caches.ts'
import { packagePath } from './files.ts'
import { failures, type Loaded, load } from './load.ts'
import type { Options } from './options.ts'
import { cpuSeconds } from './processes.ts'
import type { Rig } from './rig.ts'

const sizes = [
  { name: '20 kB', bytes: 20_000, unit: 'requests/s' },
  { name: '10 MB', bytes: 10_000_000, unit: 'MB/s' },
  { name: '50 MB', bytes: 50_000_000, unit: 'MB/s' },
] as const

const connections = [1, 16, 64]

/** Milliseconds of load before anything counts: a compiler at run time needs some thousands of requests. */
const warmUpMs = 2000

/** One cell: a size, a number of connections, a cache. */
interface Sample {
  /** Per second, of the size's unit. */
  readonly rate: number
  /** Seconds of processor time of the server's processes for 10^9 bytes. */
  readonly perGigabyte: number
  readonly failures: number
}

/** Samples of each round by case and cache. */
export type Hot = ReadonlyMap<string, ReadonlyMap<string, readonly Sample[]>>

/** Files that every cache has, asked for over and over; the caches take turns in every round. */
export async function measureHot(
  rig: Rig,
  caches: readonly Cache[],
  how: Pick<Options, 'rounds' | 'seconds' | 'discard'>,
): Promise<Hot> {
  const { rounds, seconds, discard } = how
  const cases = new Map<string, Map<string, Sample[]>>()
  for (const { name: size, bytes, unit } of sizes) {
    // Several small files, as packages are; one large one is enough.
    const paths = Array.from({ length: bytes < 1e6 ? 50 : 1 }, (_, at) => packagePath(`hot${at}`, bytes))
    for (const cache of caches) {
      await load(rig, cache, { clients: 1, paths, check: true })
      await load(rig, cache, { clients: 4, paths, windowMs: warmUpMs })
    }
    for (const clients of connections) {
      const samples = new Map<string, Sample[]>(caches.map(({ name }) => [name, []]))
      for (let round = 0; round < rounds; round += 1) {
        for (const cache of caches) {
          const before = cpuSeconds(cache.pid)
          const loaded = await load(rig, cache, { clients, paths, windowMs: seconds * 1000, discard })
          const worked = cpuSeconds(cache.pid) - before
          samples.get(cache.name)?.push(sampleOf(loaded, unit, worked))
        }
      }
      cases.set(`hot, ${size}, ${clients} connection${clients === 1 ? '' : 's'}`, samples)
    }
  }
  return cases
}

function sampleOf(loaded: Loaded, unit: (typeof sizes)[number]['unit'], worked: number): Sample {
  const amount = unit === 'MB/s' ? loaded.bytes / 1e6 : loaded.requests
  const rate = amount / loaded.seconds
  return { rate, perGigabyte: worked / (loaded.bytes / 1e9), failures: failures(loaded) }
}

/** Ours against each peer: the median of the ratios within a round, which what else runs on the machine disturbs least. */
export function hotRows(cases: Hot, ours: string): BenchRow[] {
  return [...cases].flatMap(([name, samples]) => {
    const mine = samples.get(ours) ?? []
    const peers = [...samples.keys()].filter((peer) => peer !== ours)
    return peers.map((peer) => {
      const theirs = samples.get(peer) ?? []
      const ratio = median(mine.map(({ rate }, round) => rate / (theirs[round]?.rate ?? Number.NaN)))
      const unit = name.includes('kB') ? 'requests/s' : 'MB/s'
      const goal = peer === 'varnish' ? null : 1
      const [own, its] = [median(mine.map(({ rate }) => rate)), median(theirs.map(({ rate }) => rate))]
      const row = against(peer, { case: name, unit, better: 'more', ours: own, theirs: its, goal })
      return { ...row, ratio: Number(ratio.toPrecision(3)) }
    })
  })
}

/** All caches, with what they worked. */
export function hotTable(cases: Hot): BenchTable {
  const names = [...(cases.values().next().value?.keys() ?? [])]
  const rows = [...cases].flatMap(([name, samples]) => {
    const cells = (pick: (all: readonly Sample[]) => string) => names.map((cache) => pick(samples.get(cache) ?? []))
    const lines = [
      [name, ...cells((all) => median(all.map(({ rate }) => rate)).toFixed(0))],
      ['  CPU s/GB', ...cells((all) => median(all.map(({ perGigabyte }) => perGigabyte)).toFixed(2))],
    ]
    const failed = cells((all) => String(all.reduce((sum, sample) => sum + sample.failures, 0)))
    return failed.every((cell) => cell === '0') ? lines : [...lines, ['  failed', ...failed]]
  })
  return { title: 'hot: requests/s (20 kB) or MB/s, medians', columns: ['', ...names], rows }
}
