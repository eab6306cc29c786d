import type { BenchReport, BenchRow, BenchTable } from '../report.ts'
import { cutRows, cutTable, measureCut } from './cut.ts'
import { parseOptions, type Subject } from './options.ts'
import { encrypted, plain } from './ours.ts'
import { countPackets, packetRows, packetTable } from './packets.ts'
import { installPeers, peers } from './peers.ts'
import { measureRoundTrips, roundTripRows, roundTripTable } from './round-trip.ts'
import { scaleRows } from './scale.ts'
import { Sites } from './sites.ts'
import { busyRow, measureThroughput, throughputRows, throughputTable } from './throughput.ts'
import { type Line, Wan } from './wan.ts'

export { usage } from './options.ts'

/** The lines between the sites, the quickest first. */
const lines = {
  unlimited: { name: 'unlimited, 0 ms', cable: null },
  gigabit: { name: '1 Gbit/s, 10 ms each way', cable: { delayMs: 10, rate: '1g' } },
  modest: { name: '100 Mbit/s, 10 ms each way', cable: { delayMs: 10, rate: '100m' } },
} as const satisfies Record<string, Line>

const goals = {
  unlimited: { plain: null, softether: 10, encrypted: 1 },
  gigabit: { plain: 0.9, softether: null, encrypted: null },
  modest: { plain: null, softether: null, encrypted: null },
} as const

/**
 * Our overlay, plain and encrypted, beside the raw path and the VPNs that bridge: how much it carries, what it adds to a round trip, what
 * it sends over the WAN, how soon it is set up and how soon it is back after a cut.
 */
export async function run(argv: readonly string[]): Promise<BenchReport> {
  const others = [encrypted, ...peers]
  const options = parseOptions(
    argv,
    others.map(({ name }) => name),
  )
  const contenders = [plain, ...others.filter(({ name }) => options.peers.includes(name))]
  Wan.claim()
  const interrupted = () => void Wan.remove().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  if (contenders.some(({ kind }) => kind === 'peer')) await installPeers()
  const rows: BenchRow[] = [await busyRow()]
  const tables: BenchTable[] = []
  try {
    for (const [name, line] of Object.entries(lines) as [keyof typeof lines, Line][]) {
      const subjects = {
        unlimited: ['throughput', 'rtt', 'packets'],
        gigabit: ['throughput', 'cut'],
        modest: ['throughput'],
      }
      const wanted = new Set(subjects[name].filter((subject) => options.only.has(subject as Subject)))
      if (wanted.size === 0) continue
      const sites = await Sites.up(line, contenders)
      if (wanted.has('throughput')) {
        const all = await measureThroughput(sites, options.rounds, options.seconds)
        rows.push(...throughputRows(line.name, all, goals[name]))
        tables.push(throughputTable(line.name, all))
      }
      if (wanted.has('rtt')) {
        const all = await measureRoundTrips(sites, 5)
        rows.push(...roundTripRows(all))
        tables.push(roundTripTable(line.name, all))
      }
      if (wanted.has('packets')) {
        const counts = await countPackets(sites)
        rows.push(...packetRows(counts))
        tables.push(packetTable(counts))
      }
      if (wanted.has('cut')) {
        const all = await measureCut(sites, options.cutSeconds)
        rows.push(...cutRows(options.cutSeconds, all))
        tables.push(cutTable(options.cutSeconds, all))
      }
    }
    if (options.only.has('scale')) rows.push(...(await scaleRows()))
    return { name: 'overlay', rows, tables }
  } finally {
    await Wan.remove()
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
}
