import { must } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'
import { against, alone, type BenchRow, type BenchTable } from '../report.ts'
import { Cache, type Contender } from './caches.ts'
import { packagePath } from './files.ts'
import { failures, load } from './load.ts'
import { cpuSeconds } from './processes.ts'
import { originAddress, type Rig } from './rig.ts'

const fileBytes = 500_000_000

/** Bits per second of TCP's payload that a line of 1 Gbit/s carries: 1448 of every 1538 bytes. */
const lineBits = (1e9 * 1448) / 1538

interface Carried {
  readonly seconds: number
  readonly failures: number
  readonly cpuSeconds: number
}

export interface Fat {
  /** What the origin's connections really used. */
  readonly congestion: string
  /** Seconds straight from the origin, by how many connections share the file. */
  readonly direct: ReadonlyMap<number, number>
  readonly caches: ReadonlyMap<string, Carried>
}

/** One client wants one large file that nobody has. */
export async function measureFat(rig: Rig, contenders: readonly Contender[]): Promise<Fat> {
  const path = packagePath('image', fileBytes)
  await rig.origin.prepare([path])
  const [congestion, one] = await Promise.all([
    until('the origin has a connection', 10_000, () => rig.congestionAtOrigin()),
    straight(rig, path, 1),
  ])
  const direct = new Map([
    [1, one],
    [8, await straight(rig, path, 8)],
  ])
  const caches = new Map<string, Carried>()
  for (const contender of contenders) {
    const cache = await Cache.start(rig, contender)
    const before = cpuSeconds(cache.pid)
    const loaded = await load(rig, cache, { clients: 1, paths: [path], check: true })
    const worked = cpuSeconds(cache.pid) - before
    caches.set(cache.name, { seconds: loaded.seconds, failures: failures(loaded), cpuSeconds: worked })
    await cache.remove()
  }
  return { congestion, direct, caches }
}

/** Seconds that a file takes from the origin to no cache, an equal part of it over each connection. */
async function straight(rig: Rig, path: string, connections: number): Promise<number> {
  const part = fileBytes / connections
  const began = performance.now()
  const parts = Array.from({ length: connections }, (_, index) => {
    const range = `${index * part}-${(index + 1) * part - 1}`
    const argv = ['curl', '--silent', '--fail', '--output', '/dev/null', '--range', range]
    return must(rig.at('site', [...argv, `http://${originAddress}${path}`]), { timeoutMs: 300_000 })
  })
  await Promise.all(parts)
  return (performance.now() - began) / 1000
}

export function fatRows({ congestion, caches }: Fat, ours: string): BenchRow[] {
  const mine = caches.get(ours)
  if (mine === undefined) return []
  const name = `one file of ${fileBytes / 1e6} MB, 1 Gbit/s, 50 ms each way, origin with ${congestion}`
  return [
    alone({ case: `${name}: failed`, unit: 'bodies', ours: mine.failures, goal: 0 }),
    against('the line', { case: name, unit: 's', better: 'less', ours: mine.seconds, theirs: atBest(), goal: 0.9 }),
    ...[...caches]
      .filter(([peer]) => peer !== ours)
      .map(([peer, { seconds }]) =>
        against(peer, { case: name, unit: 's', better: 'less', ours: mine.seconds, theirs: seconds, goal: 1 }),
      ),
  ]
}

export function fatTable({ congestion, direct, caches }: Fat): BenchTable {
  const share = (seconds: number) => (atBest() / seconds).toFixed(2)
  return {
    title: `one file of ${fileBytes / 1e6} MB, 1 Gbit/s, 50 ms each way, origin with ${congestion}`,
    columns: ['', 's', 'of the line', 'CPU s', 'failed'],
    rows: [
      ...[...direct].map(([connections, seconds]) => {
        return [`no cache, connections: ${connections}`, seconds.toFixed(1), share(seconds), '-', '-']
      }),
      ...[...caches].map(([name, { seconds, failures: failed, cpuSeconds: worked }]) => [
        name,
        seconds.toFixed(1),
        share(seconds),
        worked.toFixed(2),
        String(failed),
      ]),
    ],
  }
}

/** Seconds that the file takes when the line is full from the first moment to the last. */
function atBest(): number {
  return (fileBytes * 8) / lineBits
}
