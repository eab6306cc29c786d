import { statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { labFolder } from '../../lab/clean-up.ts'
import { places, type SiteName } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import { jobStates } from '../../lab/demo/results.ts'
import { Lab } from '../../lab/lab.ts'
import { mirrorFolder } from '../../lab/mirror.ts'
import { underlayAddress } from '../../lab/network.ts'
import { until } from '../../lab/until.ts'
import { median } from '../planner/measure.ts'
import { alone, type BenchRow, type BenchTable } from '../report.ts'

const labName = 'bcachenodes'
const nodes = 8
const sites = ['east', 'west'] as const
const patienceMs = 300_000

/** Of the prefetched case. */
const rounds = 3

/** How nodes come by their packages. */
export const ways = ['prefetched', 'through cold caches', 'without caches'] as const
export type Way = (typeof ways)[number]

/** Eight nodes that came up together at one site. */
export interface CameUp {
  readonly way: Way
  readonly site: SiteName
  /** From the end of booting to the end of installing, each node; seconds. */
  readonly installSeconds: readonly number[]
  /** Bytes of packages that the mirror sent to the site, to those of all different packages. */
  readonly mirrorBytes: number
}

/**
 * Real nodes in the lab: at `east`, 5 ms and 1 Gbit/s from the packages, and at `west`, another 10 ms and 100 Mbit/s away.
 * Namespaces with their own root file system that install Slurm's daemon and all it needs with apt.
 */
export async function measureNodes(): Promise<readonly CameUp[]> {
  const all: CameUp[] = []
  for (const way of ways) {
    const lab = await Lab.up({ name: labName, nodes: { east: nodes, west: nodes }, caches: way !== 'without caches' })
    try {
      lab.configure((config) => {
        for (const site of Object.values(config.sites)) site.nodes.idle = '2s'
      })
      await lab.startController()
      if (way === 'prefetched') for (const site of sites) await warm(lab, site)
      // In turn: what else the machine does shall meet both. Only what is there already can be installed again.
      for (let round = 0; round < (way === 'prefetched' ? rounds : 1); round += 1)
        for (const site of sites) await comeUp(lab, site)
      for (const site of sites) all.push(measured(lab, site, way))
    } finally {
      await lab.down()
    }
  }
  return all
}

async function warm(lab: Lab, site: SiteName): Promise<void> {
  const argv = [places.causeway, 'cache', 'warm', 'slurm', '--config', places.cacheConfig]
  await must(lab.hosts[site].exec(argv, { timeoutMs: patienceMs }))
}

/** Has eight nodes made by a job that needs them, and waits until they are gone again: sites are not measured at once. */
async function comeUp(lab: Lab, site: SiteName): Promise<void> {
  const argv = [
    'sbatch',
    '--parsable',
    '--exclusive',
    `--nodes=${nodes}`,
    `--constraint=site-${site}`,
    '--wrap',
    'true',
  ]
  const job = (await must(lab.asAlice(argv))).trim()
  await until(`job ${job} has run on ${nodes} nodes`, patienceMs, async () => {
    const state = (await jobStates(lab)).get(job)?.state ?? ''
    if (/^(FAILED|CANCELLED|TIMEOUT)$/.test(state)) throw new Error(`job ${job} is ${state}`)
    return state === 'COMPLETED'
  })
  await until(`${site} is empty`, patienceMs, () => !lab.machines().some((machine) => machine.startsWith(site)))
}

function measured(lab: Lab, site: SiteName, way: Way): CameUp {
  const packages = lab.mirror.requests(underlayAddress(site)).filter(({ uri }) => uri.endsWith('.deb'))
  const sizeOf = (uri: string) =>
    statSync(lab.hosts.mirror.path(`${mirrorFolder}${decodeURIComponent(uri.replace(/^\/debian/, ''))}`)).size
  const different = [...new Set(packages.map(({ uri }) => uri))].reduce((sum, uri) => sum + sizeOf(uri), 0)
  const sent = packages.reduce((sum, { bytes }) => sum + bytes, 0)
  return { way, site, installSeconds: installSeconds(lab, site), mirrorBytes: sent / different }
}

/** From the controller's own record of each life. */
function installSeconds(lab: Lab, site: SiteName): number[] {
  const db = new Database(join(labFolder(lab.name), 'disk/head/causeway/causeway.db'), { readonly: true })
  try {
    const rows = db
      .prepare("select node_id as node, at as atMs, facts from events where kind = 'phase' and site = ? order by seq")
      .all(site) as { node: string; atMs: number; facts: string }[]
    const times = new Map<string, Map<string, number>>()
    for (const { node, atMs, facts } of rows) {
      const phase = String((JSON.parse(facts) as { phase?: string }).phase)
      times.set(node, (times.get(node) ?? new Map<string, number>()).set(phase, atMs))
    }
    return [...times.values()].map((of) => ((of.get('enrolling') ?? Number.NaN) - (of.get('installing') ?? 0)) / 1000)
  } finally {
    db.close()
  }
}

/** How much longer the far site's nodes take, each way. */
export function nodeRows(all: readonly CameUp[]): BenchRow[] {
  return ways.flatMap((way) => {
    const [near, far] = sites.map((site) => all.find((one) => one.way === way && one.site === site))
    if (!near || !far) return []
    const name = `${nodes} lab nodes install, ${way}`
    const ratio = median(far.installSeconds) / median(near.installSeconds)
    const rows = [alone({ case: name, unit: 'west s / east s', ours: ratio, goal: way === 'prefetched' ? 1.05 : null })]
    rows.push(
      alone({
        case: name,
        unit: 'mirror bytes / set bytes, west',
        ours: far.mirrorBytes,
        goal: way === 'without caches' ? null : 1,
      }),
    )
    return rows
  })
}

/** Seconds of all of them. */
export function nodeTable(all: readonly CameUp[]): BenchTable {
  return {
    title: `${nodes} lab nodes that install Slurm's daemon at once; seconds from the end of booting`,
    columns: ['packages', 'site', 'median', 'quickest', 'last', 'mirror bytes / set bytes'],
    rows: all.map(({ way, site, installSeconds: seconds, mirrorBytes }) => [
      way,
      site,
      ...[median(seconds), Math.min(...seconds), Math.max(...seconds)].map((value) => value.toFixed(2)),
      mirrorBytes.toFixed(2),
    ]),
  }
}
