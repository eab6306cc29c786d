import { median } from '../planner/measure.ts'
import { alone, type BenchRow, type BenchTable } from '../report.ts'
import { type Path, ping, type Sites } from './sites.ts'

const pings = 100
const pauseMs = 5

/** Round trips over each path in turn, over and over; ms by path, one median a round. */
export async function measureRoundTrips(sites: Sites, rounds: number): Promise<ReadonlyMap<string, readonly number[]>> {
  const medians = new Map<string, number[]>()
  const once = async (path: Path) => median((await ping(path, pings, pauseMs)).map(({ ms }) => ms))
  const paths = [sites.raw, ...sites.paths]
  for (const path of paths) await once(path)
  for (let round = 0; round < rounds; round += 1) {
    for (const path of paths) medians.set(path.name, [...(medians.get(path.name) ?? []), await once(path)])
  }
  return medians
}

/** What a path adds to the raw path's round trip in the same round, ms; the median of the rounds. */
export function added(all: ReadonlyMap<string, readonly number[]>, name: string): number {
  const raw = all.get('raw') ?? []
  return median((all.get(name) ?? []).map((ms, round) => ms - (raw[round] ?? Number.NaN)))
}

export function roundTripRows(all: ReadonlyMap<string, readonly number[]>): BenchRow[] {
  return [...all.keys()]
    .filter((name) => name === 'plain' || name === 'encrypted')
    .map((name) =>
      alone({
        case: `${name}: added round trip`,
        unit: 'ms',
        ours: added(all, name),
        goal: name === 'plain' ? 0.1 : null,
      }),
    )
}

export function roundTripTable(line: string, all: ReadonlyMap<string, readonly number[]>): BenchTable {
  const rows = [...all.entries()].map(([name, medians]) => [
    name,
    median(medians).toFixed(3),
    added(all, name).toFixed(3),
  ])
  return { title: `Round trip, ${line}`, columns: ['', 'ms', 'added'], rows }
}
