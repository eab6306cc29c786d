import { run } from '../../lab/process.ts'
import { median } from '../planner/measure.ts'
import { against, alone, type BenchRow, type BenchTable } from '../report.ts'
import { parseIperf } from './iperf.ts'
import { machineSeconds } from './machine.ts'
import { inside, type Path, type Sites } from './sites.ts'

/** One transfer over one path. */
interface Sample {
  /** Mbit/s. */
  readonly rate: number
  /** Seconds of this machine's processor time for 10^9 bytes, both ends and the line. */
  readonly perGigabyte: number
}

/** What was measured on one line, by path. */
export type Throughput = ReadonlyMap<string, readonly Sample[]>

/** One stream over each path in turn, over and over. */
export async function measureThroughput(sites: Sites, rounds: number, seconds: number): Promise<Throughput> {
  const otherwise = await busyCores()
  const samples = new Map<string, Sample[]>()
  for (let round = 0; round < rounds; round += 1) {
    for (const path of [sites.raw, ...sites.paths]) {
      samples.set(path.name, [...(samples.get(path.name) ?? []), await transfer(path, seconds, otherwise)])
    }
  }
  return samples
}

async function transfer(path: Path, seconds: number, otherwise: number): Promise<Sample> {
  const [before, began] = [machineSeconds(), performance.now()]
  const argv = ['iperf3', '--client', path.address, '--time', String(seconds), '--omit', '1', '--json']
  const { stdout } = await run(inside(path, argv), { timeoutMs: (seconds + 60) * 1000 })
  const { megabits, gigabytes } = parseIperf(stdout)
  const others = (otherwise * (performance.now() - began)) / 1000
  return { rate: megabits, perGigabyte: (machineSeconds() - before - others) / gigabytes }
}

/** The rates of one path, against the raw path's of the same rounds. */
export function summary(all: Throughput, name: string) {
  const samples = all.get(name) ?? []
  const raw = all.get('raw') ?? []
  const rates = samples.map(({ rate }) => rate)
  return {
    rate: median(rates),
    least: Math.min(...rates),
    most: Math.max(...rates),
    /** The median of the ratios within a round, which what else runs on the machine disturbs least. */
    ratio: median(samples.map(({ rate }, round) => rate / (raw[round]?.rate ?? Number.NaN))),
    perGigabyte: median(samples.map(({ perGigabyte }) => perGigabyte)),
  }
}

/** All paths of one line. */
export function throughputTable(line: string, all: Throughput): BenchTable {
  const rows = [...all.keys()].map((name) => {
    const { rate, least, most, ratio, perGigabyte } = summary(all, name)
    return [name, whole(rate), `${whole(least)}-${whole(most)}`, ratio.toFixed(3), perGigabyte.toFixed(2)]
  })
  return { title: `1 stream, ${line}`, columns: ['', 'Mbit/s', 'least-most', 'of raw', 'CPU s/GB'], rows }
}

/** What the overlay must reach on a line, whichever it is. */
export interface ThroughputGoals {
  /** Plain to raw. */
  readonly plain: number | null
  /** Plain to SoftEther. */
  readonly softether: number | null
  /** Encrypted to the best of the encrypting peers. */
  readonly encrypted: number | null
}

/** Ours against the raw path and the peers. */
export function throughputRows(line: string, all: Throughput, goals: ThroughputGoals): BenchRow[] {
  const row = (ours: string, theirs: string, peer: string, goal: number | null) => {
    const [mine, its] = [summary(all, ours), summary(all, theirs)]
    const name = `${ours}, 1 stream, ${line}`
    const better = 'more' as const
    return against(peer, { case: name, unit: 'Mbit/s', better, ours: mine.rate, theirs: its.rate, goal })
  }
  const has = (name: string) => all.has(name)
  const peers = [...all.keys()].filter((name) => !['raw', 'plain', 'encrypted'].includes(name))
  const best = peers.toSorted((a, b) => summary(all, b).rate - summary(all, a).rate)[0]
  return [
    row('plain', 'raw', 'raw path', goals.plain),
    ...(has('softether') ? [row('plain', 'softether', 'softether', goals.softether)] : []),
    ...(has('encrypted') ? [row('encrypted', 'raw', 'raw path', null)] : []),
    ...(has('encrypted') && best !== undefined ? [row('encrypted', best, `best: ${best}`, goals.encrypted)] : []),
  ]
}

/** How many cores this machine keeps busy while the benchmark measures nothing. */
async function busyCores(): Promise<number> {
  const [before, began] = [machineSeconds(), performance.now()]
  await new Promise((resolve) => setTimeout(resolve, 1000))
  return (machineSeconds() - before) / ((performance.now() - began) / 1000)
}

/** The same before anything is up, for the reader to judge by. */
export async function busyRow(): Promise<BenchRow> {
  const name = 'machine before the start: busy with other things'
  return alone({ case: name, unit: 'cores', ours: await busyCores(), goal: null })
}

function whole(value: number): string {
  return value.toFixed(0)
}
