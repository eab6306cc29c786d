import type { BenchReport, BenchRow, BenchTable } from '../report.ts'
import { Cache, type Contender } from './caches.ts'
import { coldRows, coldTable, measureCold } from './cold.ts'
import { hotRows, hotTable, measureHot } from './hot.ts'
import { parseOptions } from './options.ts'
import { ours } from './ours.ts'
import { installPeers, peers } from './peers.ts'
import { type Line, Rig } from './rig.ts'

export { usage } from './options.ts'

const near: Line = { name: 'no WAN', cable: null, congestion: 'cubic' }

/** The package cache beside nginx, squid, varnish and apt-cacher-ng: the same origin, files and clients for all, in turn. */
export async function run(argv: readonly string[]): Promise<BenchReport> {
  const options = parseOptions(
    argv,
    peers.map(({ name }) => name),
  )
  const contenders = [ours, ...peers.filter(({ name }) => options.peers.includes(name))]
  const interrupted = () => void Rig.remove().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  if (contenders.length > 1) await installPeers()
  const rows: BenchRow[] = []
  const tables: BenchTable[] = []
  try {
    if (options.only.has('cold')) {
      const rig = await Rig.up(near)
      const all = await measureCold(rig, await startAll(rig, contenders))
      rows.push(...coldRows(all, ours.name))
      tables.push(coldTable(all))
    }
    if (options.only.has('hot')) {
      const rig = await Rig.up(near)
      const all = await measureHot(rig, await startAll(rig, contenders), options)
      rows.push(...hotRows(all, ours.name))
      tables.push(hotTable(all))
    }
    return { name: 'cache', rows, tables }
  } finally {
    await Rig.remove()
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
}

async function startAll(rig: Rig, contenders: readonly Contender[]): Promise<readonly Cache[]> {
  const caches: Cache[] = []
  for (const contender of contenders) caches.push(await Cache.start(rig, contender))
  return caches
}
