import { statSync } from 'node:fs'
import type { JobReport, NodeReport } from '../../src/hooks/reports.ts'
import { places, type SiteName } from '../config.ts'
import type { Lab } from '../lab.ts'
import { mirrorFolder } from '../mirror.ts'
import { underlayAddress } from '../network.ts'
import { must } from './must.ts'
import type { Submitted } from './submit.ts'

/** What became of a job. */
export interface JobResult {
  readonly id: string
  readonly kind: Submitted['kind']
  /** The scheduler's word. */
  readonly state: string
  readonly nodes: readonly string[]
  readonly sites: readonly string[]
  /** From sbatch to the job script's first line, ms; null if it never ran. */
  readonly waitMs: number | null
  /** For two-node jobs: whether the receiver has what the sender sent, and from which address it came. */
  readonly exchange: { readonly intact: boolean; readonly from: string } | null
}

/** Bytes of packages over a site's WAN line against what its nodes installed. */
export interface WanResult {
  /** Bytes of package bodies that the mirror sent to the site. */
  readonly packageBytes: number
  /** Bytes of the different packages among them. */
  readonly uniquePackageBytes: number
  /** Bytes of package bodies that the site's cache gave to its nodes. */
  readonly installedBytes: number
}

/** The states of all submitted jobs, by id. */
export async function jobStates(lab: Lab): Promise<Map<string, { state: string; nodes: string }>> {
  const said = await must(lab.asAlice(['squeue', '--noheader', '--array', '--states=all', '--format=%i|%T|%N']))
  const rows = said.trim().split('\n').filter(Boolean)
  return new Map(rows.map((row) => row.split('|')).map(([id = '', state = '', nodes = '']) => [id, { state, nodes }]))
}

/** What became of a job, from the scheduler and from its own output. */
export async function jobResult(lab: Lab, job: Submitted): Promise<JobResult> {
  const { state = 'UNKNOWN', nodes = '' } = (await jobStates(lab)).get(job.id) ?? {}
  const names =
    nodes === '' ? [] : (await must(lab.head.exec(['scontrol', 'show', 'hostnames', nodes]))).trim().split('\n')
  const output = readIfThere(lab, `/home/alice/out-${job.id}`)
  const started = /^started (\d+)/m.exec(output)?.[1]
  const sent = /^sent ([0-9a-f]{64})$/m.exec(output)?.[1]
  const received = /^received ([0-9a-f]{64})$/m.exec(output)?.[1]
  const from = /^peer ([0-9.]+)$/m.exec(output)?.[1]
  return {
    id: job.id,
    kind: job.kind,
    state,
    nodes: names,
    sites: names.map((name) => name.replace(/-\d+$/, '')),
    waitMs: started === undefined ? null : Number(started) - job.submittedAtMs,
    exchange: job.nodeCount === 1 ? null : { intact: sent !== undefined && sent === received, from: from ?? '' },
  }
}

/** All lives of nodes so far. */
export async function nodeLives(lab: Lab): Promise<NodeReport[]> {
  return JSON.parse(await must(lab.causeway(['nodes', '--all', '--json']))) as NodeReport[]
}

/** From sbatch of the first job to the moment when Slurm's ResumeProgram had told the controller, ms. */
export async function sbatchToResumeMs(lab: Lab, first: Submitted): Promise<number | null> {
  const array = first.id.split('_')[0] ?? first.id
  const lives = await nodeLives(lab)
  const life = lives.find((node) => node.jobs.some((id) => id.split('_')[0] === array))
  if (!life) return null
  const why = JSON.parse(await must(lab.causeway(['why', array, '--json']))) as JobReport
  const planned = why.history.find((event) => event.kind === 'hook' || event.facts.phase === 'planned')
  return planned ? planned.atMs - first.submittedAtMs : null
}

/** Counts the mirror's answers to a site; its own log, not the cache's word. */
export function wanResult(lab: Lab, site: SiteName): WanResult {
  const isPackage = (uri: string) => uri.endsWith('.deb')
  const fetched = lab.mirror.requests(underlayAddress(site)).filter((request) => isPackage(request.uri))
  const unique = new Set(fetched.map((request) => request.uri))
  const size = (uri: string) => statSync(lab.hosts.mirror.path(`${mirrorFolder}${uri.replace(/^\/debian/, '')}`)).size
  const served = readIfThere(lab, places.cacheLog, site)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { url: string; bytes: number })
    .filter((request) => isPackage(request.url))
  return {
    packageBytes: fetched.reduce((sum, request) => sum + request.bytes, 0),
    uniquePackageBytes: [...unique].reduce((sum, uri) => sum + size(uri), 0),
    installedBytes: served.reduce((sum, request) => sum + request.bytes, 0),
  }
}

/** Bytes that have left a site's gateway through the overlay's VXLAN device. */
export async function overlayBytes(lab: Lab, site: SiteName): Promise<number> {
  const said = await must(lab.hosts[site].exec(['ip', '-j', '-s', 'link', 'show', 'type', 'vxlan']))
  const links = JSON.parse(said) as { stats64: { tx: { bytes: number } } }[]
  return links.reduce((sum, link) => sum + link.stats64.tx.bytes, 0)
}

function readIfThere(lab: Lab, path: string, host: SiteName | 'head' = 'head'): string {
  try {
    return lab.hosts[host].read(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
