import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { against, type BenchReport } from '../report.ts'
import { fetchAll, hammer } from './load.ts'
import { type Running, startNginx, startOrigin, startOurs } from './servers.ts'

const clients = 16
const files = 100
const fileBytes = 200_000

/** Milliseconds that the origin takes to answer, as over a WAN. */
const originDelayMs = 10

/** Rounds of each hot case, ours and theirs in turn; the median of each counts. */
const rounds = 3
const roundMs = 1500

/** Milliseconds of load before anything counts: a compiler at run time needs some thousands of requests. */
const warmUpMs = 2500

const peer = 'nginx proxy_cache'

/** The package cache beside nginx: hot files, and a set of files that many clients want at once. */
export async function run(): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), 'causeway-bench-'))
  const up: Running[] = []
  const start = async (starting: Promise<Running>) => {
    const running = await starting
    up.push(running)
    return running
  }
  try {
    const origin = await start(startOrigin(originDelayMs))
    const ours = await start(startOurs(join(folder, 'ours'), origin.port))
    const theirs = await start(startNginx(join(folder, 'nginx'), origin.port))
    return { name: 'cache', rows: [...(await hot(ours, theirs)), ...(await cold(origin, ours, theirs))] }
  } finally {
    for (const running of up.toReversed()) await running.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function hot(ours: Running, theirs: Running) {
  const small = await inTurn(ours, theirs, `/20000/small_1_all.deb`, (load) => load.requestsPerSecond)
  const large = await inTurn(ours, theirs, `/10000000/large_1_all.deb`, (load) => load.megabytesPerSecond)
  return [
    against(peer, { case: 'hot, 20 kB, 16 connections', unit: 'requests/s', better: 'more', ...small, goal: 0.5 }),
    against(peer, { case: 'hot, 10 MB, 16 connections', unit: 'MB/s', better: 'more', ...large, goal: 0.5 }),
  ]
}

async function inTurn(
  ours: Running,
  theirs: Running,
  path: string,
  pick: (load: Awaited<ReturnType<typeof hammer>>) => number,
) {
  const measured = { ours: [] as number[], theirs: [] as number[] }
  for (const { port } of [ours, theirs]) await hammer(port, path, clients, warmUpMs)
  for (let round = 0; round < rounds; round += 1) {
    measured.ours.push(pick(await hammer(ours.port, path, clients, roundMs)))
    measured.theirs.push(pick(await hammer(theirs.port, path, clients, roundMs)))
  }
  return { ours: median(measured.ours), theirs: median(measured.theirs) }
}

async function cold(origin: Running, ours: Running, theirs: Running) {
  const measured = { ours: await fill(origin, ours), theirs: await fill(origin, theirs) }
  const both = (pick: (filled: Filled) => number) => ({ ours: pick(measured.ours), theirs: pick(measured.theirs) })
  const name = `cold, ${clients} clients, ${files} files of ${fileBytes / 1000} kB, origin ${originDelayMs} ms away`
  const less = { case: name, better: 'less', goal: 1 } as const
  return [
    against(peer, { ...less, unit: 'origin bytes / set bytes', ...both(({ bytes }) => bytes / (files * fileBytes)) }),
    against(peer, { ...less, unit: 'origin requests / file', ...both(({ requests }) => requests / files) }),
    against(peer, { ...less, unit: 's', ...both(({ seconds }) => seconds) }),
  ]
}

interface Filled {
  readonly seconds: number
  readonly requests: number
  readonly bytes: number
}

async function fill(origin: Running, cache: Running): Promise<Filled> {
  const count = `http://127.0.0.1:${origin.port}/count`
  await fetch(count)
  const paths = Array.from({ length: files }, (_, index) => `/${fileBytes}/cold${index}_1_all.deb`)
  const seconds = await fetchAll(cache.port, paths, clients)
  const counted = (await (await fetch(count)).json()) as { requests: number; bytes: number }
  return { seconds, ...counted }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
