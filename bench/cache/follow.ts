import { until } from '../../lab/until.ts'
import { against, alone, type BenchRow, type BenchTable } from '../report.ts'
import type { Cache } from './caches.ts'
import { get } from './curl.ts'
import { contentOf, packagePath } from './files.ts'
import { failures, type Loaded, load } from './load.ts'
import { cpuSeconds } from './processes.ts'
import type { Rig } from './rig.ts'

const followers = 8
const fileBytes = 100_000_000

/** What became of clients that asked for a file while it was on its way to another one. */
interface Followed {
  readonly followers: Loaded
  readonly cpuSeconds: number
  /** Bytes over the line, all headers with them, to the file's. */
  readonly lineBytes: number
}

/** What a piece in the middle of an unknown file cost. */
interface Piece {
  readonly seconds: number
  /** Over the line when the client had it, and when the line had come to rest, MB. */
  readonly megabytes: number
  readonly megabytesInTheEnd: number
  readonly isRight: boolean
}

export interface Follow {
  readonly followed: ReadonlyMap<string, Followed>
  readonly pieces: ReadonlyMap<string, Piece>
}

/** One client asks for a large file; once some of it has come, others ask for the same. Then one wants a piece of another. */
export async function measureFollow(rig: Rig, caches: readonly Cache[]): Promise<Follow> {
  const followed = new Map<string, Followed>()
  const pieces = new Map<string, Piece>()
  const path = packagePath('followed', fileBytes)
  await rig.origin.prepare([path, packagePath('piece', pieceOf)])
  for (const cache of caches) followed.set(cache.name, await follow(rig, cache, path))
  for (const cache of caches) pieces.set(cache.name, await piece(rig, cache))
  return { followed, pieces }
}

async function follow(rig: Rig, cache: Cache, path: string): Promise<Followed> {
  const [bytesBefore, workedBefore] = [await rig.bytesOverLine(), cpuSeconds(cache.pid)]
  const leader = load(rig, cache, { clients: 1, paths: [path], check: true })
  await until('some of the file has come', 20_000, async () => (await rig.bytesOverLine()) - bytesBefore > 3e6)
  const loaded = await load(rig, cache, { clients: followers, paths: [path], check: true })
  await leader
  const worked = cpuSeconds(cache.pid) - workedBefore
  await atRest(rig)
  const lineBytes = ((await rig.bytesOverLine()) - bytesBefore) / fileBytes
  return { followers: loaded, cpuSeconds: worked, lineBytes }
}

const pieceOf = 50_000_000
const pieceAt = 40_000_000

async function piece(rig: Rig, cache: Cache): Promise<Piece> {
  const path = packagePath('piece', pieceOf)
  const before = await rig.bytesOverLine()
  const got = await get(rig, cache, path, { range: `${pieceAt}-${pieceAt + 1023}` })
  const megabytes = ((await rig.bytesOverLine()) - before) / 1e6
  await atRest(rig)
  const megabytesInTheEnd = ((await rig.bytesOverLine()) - before) / 1e6
  const right = contentOf(path, pieceAt + 1024).subarray(pieceAt)
  return { seconds: got.seconds, megabytes, megabytesInTheEnd, isRight: got.status === 206 && got.body.equals(right) }
}

/** Waits until next to nothing comes over the line any more. */
export async function atRest(rig: Rig): Promise<void> {
  let [last, since] = [await rig.bytesOverLine(), performance.now()]
  await until('the line is at rest', 120_000, async () => {
    const bytes = await rig.bytesOverLine()
    if (bytes - last > 5000) [last, since] = [bytes, performance.now()]
    return performance.now() - since > 500
  })
}

export function followRows({ followed, pieces }: Follow, ours: string): BenchRow[] {
  const mine = followed.get(ours)
  const own = pieces.get(ours)
  if (mine === undefined || own === undefined) return []
  const name = `${followers} followers of a file of ${fileBytes / 1e6} MB`
  return [
    alone({ case: name, unit: 'most ms to the first byte', ours: mine.followers.firstMs.most, goal: 25 }),
    alone({ case: name, unit: 'bytes over the line / file', ours: mine.lineBytes, goal: 1.1 }),
    alone({ case: name, unit: 'failed', ours: failures(mine.followers), goal: 0 }),
    ...[...followed]
      .filter(([peer]) => peer !== ours)
      .map(([peer, { cpuSeconds: theirs }]) =>
        against(peer, { case: name, unit: 'CPU s', better: 'less', ours: mine.cpuSeconds, theirs, goal: null }),
      ),
    alone({ case: '1 kB at 40 MB of 50 MB', unit: 'MB over the line', ours: own.megabytesInTheEnd, goal: 2 }),
  ]
}

export function followTables({ followed, pieces }: Follow, line: string): BenchTable[] {
  return [
    {
      title: `${followers} clients join a file of ${fileBytes / 1e6} MB that is on its way (${line})`,
      columns: ['', 'first ms', 'most ms', 's', 'CPU s', 'over the line / file', 'failed'],
      rows: [...followed].map(([name, { followers: loaded, cpuSeconds: worked, lineBytes }]) => [
        name,
        loaded.firstMs.median.toFixed(1),
        loaded.firstMs.most.toFixed(1),
        loaded.seconds.toFixed(2),
        worked.toFixed(2),
        lineBytes.toFixed(2),
        String(failures(loaded)),
      ]),
    },
    {
      title: `1 kB at ${pieceAt / 1e6} MB of an unknown file of ${pieceOf / 1e6} MB (${line})`,
      columns: ['', 's', 'MB over the line', 'in the end', 'right'],
      rows: [...pieces].map(([name, { seconds, megabytes, megabytesInTheEnd, isRight }]) => [
        name,
        seconds.toFixed(2),
        megabytes.toFixed(2),
        megabytesInTheEnd.toFixed(2),
        isRight ? 'yes' : 'NO',
      ]),
    },
  ]
}
