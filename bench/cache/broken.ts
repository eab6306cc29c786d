import { closeSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../lab/until.ts'
import { alone, type BenchRow, type BenchTable } from '../report.ts'
import type { Cache } from './caches.ts'
import { type Got, get } from './curl.ts'
import { contentOf, indexPaths, lengthOf, packagePath } from './files.ts'
import { atRest } from './follow.ts'
import type { Rig } from './rig.ts'

const fileBytes = 50_000_000
const breakAt = 30_000_000

/** A file whose transfer was broken off, and that was then asked for again. */
interface Resumed {
  /** Bytes of TCP's payload over the line after the break, to those of the file that had not come before it. */
  readonly askedAgain: number
  /** Whether the client that was there at the break got all of it nevertheless. */
  readonly isFirstWhole: boolean
  readonly isRight: boolean
}

/** A byte on disk that is no longer what it was. */
type Rot = 'found' | 'served' | 'not in a file'

/** While nothing comes through the line any more. */
interface Cut {
  readonly index: Got
  readonly missing: Got
  readonly kept: Got
}

export interface Broken {
  readonly byOrigin: ReadonlyMap<string, Resumed>
  readonly byKill: ReadonlyMap<string, Resumed>
  readonly rot: ReadonlyMap<string, Rot>
  readonly cut: ReadonlyMap<string, Cut>
}

/** What a line's bytes carry of TCP's payload: 1448 of the 1514 bytes of a full frame, as a device counts it. */
function payload(bytes: number): number {
  return (bytes * 1448) / 1514
}

/** What can go wrong, done to one cache after the other. */
export async function measureBroken(rig: Rig, caches: readonly Cache[]): Promise<Broken> {
  const each = async <T>(measure: (cache: Cache) => Promise<T>) => {
    const all = new Map<string, T>()
    for (const cache of caches) all.set(cache.name, await measure(cache))
    return all
  }
  await rig.origin.prepare(['broken', 'killed'].map((name) => packagePath(name, fileBytes)))
  return {
    byOrigin: await each((cache) => brokenOffByOrigin(rig, cache)),
    byKill: await each((cache) => killed(rig, cache)),
    rot: await each((cache) => rotten(rig, cache)),
    cut: await cutOff(rig, caches),
  }
}

async function brokenOffByOrigin(rig: Rig, cache: Cache): Promise<Resumed> {
  const path = packagePath('broken', fileBytes)
  await rig.origin.breakOff(path, breakAt)
  const before = await rig.bytesOverLine()
  const first = await get(rig, cache, path)
  const second = await get(rig, cache, path)
  await atRest(rig)
  const after = payload((await rig.bytesOverLine()) - before) - breakAt
  return {
    askedAgain: after / (fileBytes - breakAt),
    isFirstWhole: isRight(first, path),
    isRight: isRight(second, path),
  }
}

async function killed(rig: Rig, cache: Cache): Promise<Resumed> {
  const path = packagePath('killed', fileBytes)
  const before = await rig.bytesOverLine()
  const first = get(rig, cache, path)
  const come = async () => (await rig.bytesOverLine()) - before
  const had = await until('half of the file has come', 60_000, async () => {
    const bytes = await come()
    return bytes > breakAt && bytes
  })
  await cache.kill()
  const isFirstWhole = isRight(await first, path)
  await atRest(rig)
  const between = await come()
  await cache.restart()
  const second = await get(rig, cache, path)
  await atRest(rig)
  const askedAgain = payload((await come()) - between) / (fileBytes - payload(had))
  return { askedAgain, isFirstWhole, isRight: isRight(second, path) }
}

async function rotten(rig: Rig, cache: Cache): Promise<Rot> {
  const path = packagePath('rotten', 10_000_000)
  await get(rig, cache, path)
  const sample = contentOf(path, 10_000_000).subarray(5_000_000, 5_000_064)
  if (!cache.keepsFiles || !flip(cache.folder, sample)) return 'not in a file'
  const got = await get(rig, cache, path)
  return got.status === 200 && got.isWhole && !isRight(got, path) ? 'served' : 'found'
}

/** Changes one bit of the file below a folder that has these bytes around its middle. False when there is none. */
function flip(folder: string, sample: Buffer): boolean {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  for (const name of names.map((each) => join(folder, each))) {
    const { size } = statSync(name)
    if (!statSync(name).isFile() || size < 10_000_000) continue
    const file = openSync(name, 'r+')
    try {
      const middle = Buffer.alloc(200_000)
      const start = 4_900_000
      readSync(file, middle, 0, middle.length, start)
      const at = middle.indexOf(sample)
      if (at === -1) continue
      writeSync(file, Buffer.from([(sample[0] ?? 0) ^ 1]), 0, 1, start + at)
      return true
    } finally {
      closeSync(file)
    }
  }
  return false
}

const cutPatienceSeconds = 100

async function cutOff(rig: Rig, caches: readonly Cache[]): Promise<ReadonlyMap<string, Cut>> {
  const [index = ''] = indexPaths
  const kept = packagePath('kept', 20_000)
  for (const cache of caches) for (const path of [index, kept]) await get(rig, cache, path)
  const cachedAt = performance.now()
  await until('an index is no longer new to nginx and varnish', 10_000, () => performance.now() - cachedAt > 1500)
  await rig.cable.down()
  const timeoutSeconds = cutPatienceSeconds
  const all = await Promise.all(
    caches.map(async (cache): Promise<[string, Cut]> => {
      const first = await get(rig, cache, index, { timeoutSeconds })
      const fromStore = await get(rig, cache, kept, { timeoutSeconds })
      const missing = await get(rig, cache, packagePath('missing', 20_000), { timeoutSeconds })
      return [cache.name, { index: first, kept: fromStore, missing }]
    }),
  )
  await rig.cable.up()
  return new Map(all)
}

function isRight(got: Got, path: string): boolean {
  return got.isWhole && got.status === 200 && got.body.equals(contentOf(path, lengthOf(path) ?? 0))
}

export function brokenRows({ byOrigin, byKill, rot, cut }: Broken, ours: string): BenchRow[] {
  const [off, dead, off2] = [byOrigin.get(ours), byKill.get(ours), cut.get(ours)]
  if (off === undefined || dead === undefined || off2 === undefined) return []
  const unit = 'bytes asked again / missing'
  return [
    alone({ case: 'broken off by the origin', unit, ours: off.askedAgain, goal: 1.15 }),
    alone({ case: 'broken off by kill -9 of the cache', unit, ours: dead.askedAgain, goal: 1.15 }),
    alone({ case: 'a flipped bit on disk', unit: 'served', ours: rot.get(ours) === 'served' ? 1 : 0, goal: 0 }),
    alone({
      case: 'an index while the WAN is cut',
      unit: 's',
      ours: off2.index.status === 200 ? off2.index.seconds : Number.NaN,
      goal: 1,
    }),
    alone({ case: 'what is missing while the WAN is cut', unit: 's', ours: off2.missing.seconds, goal: 1 }),
  ]
}

export function brokenTables({ byOrigin, byKill, rot, cut }: Broken, line: string): BenchTable[] {
  const names = [...byOrigin.keys()]
  const resumed = (all: ReadonlyMap<string, Resumed>, name: string) => {
    const one = all.get(name)
    if (one === undefined) return ['-', '-']
    return [one.askedAgain.toFixed(2), one.isRight ? (one.isFirstWhole ? 'yes, both' : 'yes') : 'NO']
  }
  const told = (got: Got | undefined) =>
    got === undefined ? '-' : `${got.status || 'none'} ${got.seconds.toFixed(2)} s`
  return [
    {
      title: `${fileBytes / 1e6} MB, broken off at ${breakAt / 1e6} MB: bytes over the line after that / missing ones; a flipped bit (${line})`,
      columns: ['', 'by the origin', 'right in the end', 'by kill -9', 'right in the end', 'flipped bit'],
      rows: names.map((name) => [name, ...resumed(byOrigin, name), ...resumed(byKill, name), rot.get(name) ?? '-']),
    },
    {
      title: `the WAN is cut (${line}): status and seconds`,
      columns: ['', 'a kept index', 'a kept package', 'a missing package'],
      rows: names.map((name) => {
        const one = cut.get(name)
        return [name, told(one?.index), told(one?.kept), told(one?.missing)]
      }),
    },
  ]
}
