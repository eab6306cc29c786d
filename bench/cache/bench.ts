import type { BenchReport, BenchRow, BenchTable } from '../report.ts'
import { brokenRows, brokenTables, measureBroken } from './broken.ts'
import { Cache, type Contender } from './caches.ts'
import { coldRows, coldTable, measureCold } from './cold.ts'
import { fatRows, fatTable, measureFat } from './fat.ts'
import { followRows, followTables, measureFollow } from './follow.ts'
import { hotRows, hotTable, measureHot } from './hot.ts'
import { measureMemory, memoryRows, memoryTable } from './memory.ts'
import { measureNodes, nodeRows, nodeTable } from './nodes.ts'
import { type Options, parseOptions, type Subject, subjects } from './options.ts'
import { ours } from './ours.ts'
import { installPeers, peers } from './peers.ts'
import { type Line, Rig } from './rig.ts'
import { measureWan, prefetchedRow, wanRows, wanTable } from './wan.ts'

export { usage } from './options.ts'

const near: Line = { name: 'no WAN', cable: null, congestion: 'cubic' }
const modest: Line = { name: '100 Mbit/s, 10 ms each way', cable: { delayMs: 10, rate: '100m' }, congestion: 'cubic' }
const lossy: Line = {
  name: '100 Mbit/s, 10 ms each way, 0.1 % lost',
  cable: { delayMs: 10, rate: '100m', lossPercent: 0.1 },
  congestion: 'cubic',
}
const usual: Line = { name: '200 Mbit/s, 10 ms each way', cable: { delayMs: 10, rate: '200m' }, congestion: 'cubic' }
const fat: Line = { name: '1 Gbit/s, 50 ms each way', cable: { delayMs: 50, rate: '1g' }, congestion: 'cubic' }

/** What one subject found. */
type Found = Pick<Required<BenchReport>, 'rows' | 'tables'>

/** The package cache beside nginx, squid, varnish and apt-cacher-ng: the same origin, files and clients for all, in turn. */
export async function run(argv: readonly string[]): Promise<BenchReport> {
  const options = parseOptions(
    argv,
    peers.map(({ name }) => name),
  )
  const contenders = [ours, ...peers.filter(({ name }) => options.peers.includes(name))]
  Rig.claim()
  const interrupted = () => void Rig.remove().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  const meetsPeers = subjects.some((each) => each !== 'nodes' && options.only.has(each))
  if (meetsPeers && contenders.length > 1) await installPeers()
  const rows: BenchRow[] = []
  const tables: BenchTable[] = []
  try {
    for (const subject of subjects.filter((each) => options.only.has(each))) {
      const found = await measure[subject](contenders, options)
      rows.push(...found.rows)
      tables.push(...found.tables)
    }
    return { name: 'cache', rows, tables }
  } finally {
    await Rig.remove()
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
}

const measure: Readonly<Record<Subject, (contenders: readonly Contender[], options: Options) => Promise<Found>>> = {
  async hot(contenders, options) {
    const rig = await Rig.up(near)
    const all = await measureHot(rig, await startAll(rig, contenders), options)
    return { rows: hotRows(all, ours.name), tables: [hotTable(all)] }
  },
  async cold(contenders) {
    const rig = await Rig.up(near)
    const all = await measureCold(rig, await startAll(rig, contenders))
    return { rows: coldRows(all, ours.name), tables: [coldTable(all)] }
  },
  async follow(contenders) {
    const rig = await Rig.up(usual)
    const all = await measureFollow(rig, await startAll(rig, contenders))
    return { rows: followRows(all, ours.name), tables: followTables(all, usual.name) }
  },
  async wan(contenders, { rounds }) {
    const onLine = async (line: Line) => measureWan(await Rig.up(line), contenders, rounds)
    const [clean, lost, local] = [await onLine(modest), await onLine(lossy), await onLine(near)]
    return {
      rows: [
        ...wanRows(clean, ours.name, modest.name, 8),
        ...wanRows(lost, ours.name, lossy.name, null),
        prefetchedRow(clean, local, ours.name),
      ],
      tables: [wanTable(clean, modest.name), wanTable(lost, lossy.name), wanTable(local, near.name)],
    }
  },
  async fat(contenders) {
    const found: Found[] = []
    for (const congestion of ['cubic', 'bbr'] as const) {
      const all = await measureFat(await Rig.up({ ...fat, congestion }), contenders)
      found.push({ rows: fatRows(all, ours.name), tables: [fatTable(all)] })
    }
    return { rows: found.flatMap(({ rows }) => rows), tables: found.flatMap(({ tables }) => tables) }
  },
  async broken(contenders) {
    const rig = await Rig.up(usual)
    const all = await measureBroken(rig, await startAll(rig, contenders))
    return { rows: brokenRows(all, ours.name), tables: brokenTables(all, usual.name) }
  },
  async memory(contenders) {
    const rig = await Rig.up(near)
    const all = await measureMemory(rig, await startAll(rig, contenders))
    return { rows: memoryRows(all, ours.name), tables: [memoryTable(all)] }
  },
  async nodes() {
    const all = await measureNodes()
    return { rows: nodeRows(all), tables: [nodeTable(all)] }
  },
}

async function startAll(rig: Rig, contenders: readonly Contender[]): Promise<readonly Cache[]> {
  const caches: Cache[] = []
  for (const contender of contenders) caches.push(await Cache.start(rig, contender))
  return caches
}
