import { CausewayError } from '../../src/base/errors.ts'
import type { NodeReport } from '../../src/hooks/reports.ts'
import type { Lab } from '../lab.ts'
import { until } from '../until.ts'
import { must } from './must.ts'
import {
  type JobResult,
  jobResult,
  jobStates,
  nodeLives,
  overlayBytes,
  sbatchToResumeMs,
  type WanResult,
  wanResult,
} from './results.ts'
import { exchangedBytes, placeJobs, type Submitted, submitAll } from './submit.ts'

/** The longest that the jobs, and then the shrinking, may take, ms. */
const patienceMs = 300_000

/** How long nodes stay idle in the demo before they go: short, so that one sees them go. */
const demoIdle = '3s'

/** What the demo found; all of it measured in this run. */
export interface DemoReport {
  /** Whether everything is as it should be. */
  readonly ok: boolean
  /** What is not, a sentence each. */
  readonly problems: readonly string[]
  readonly seconds: number
  readonly sbatchToResumeMs: number | null
  readonly jobs: { readonly submitted: number; readonly completed: number; readonly list: readonly JobResult[] }
  readonly nodes: readonly Pick<NodeReport, 'name' | 'site' | 'phasesMs' | 'jobs' | 'phase' | 'failure'>[]
  /** At `west`, the site behind the WAN. */
  readonly wan: WanResult
  readonly leftovers: readonly string[]
}

/** Runs the main job on a lab that is up: submit as alice, watch it grow, check, watch it shrink. Leaves the lab up. */
export async function runDemo(
  lab: Lab,
  say: (line: string) => void,
): Promise<Omit<DemoReport, 'leftovers' | 'seconds'>> {
  lab.configure((config) => {
    for (const site of Object.values(config.sites)) site.nodes.idle = demoIdle
  })
  placeJobs(lab)
  await lab.startController()
  say('the controller runs; alice submits an array, a job inside west, and a job across both sites')
  const submitted = await submitAll(lab)
  const watch = new Watch(lab, say)
  await until('all jobs have ended', patienceMs, async () => {
    await watch.look()
    const states = await jobStates(lab)
    return submitted.every((job) =>
      /^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|BOOT_FAIL)$/.test(states.get(job.id)?.state ?? ''),
    )
  })
  say('all jobs have ended; the idle nodes go')
  const results = await Promise.all(submitted.map((job) => jobResult(lab, job)))
  const overlay = (await overlayBytes(lab, 'west')) + (await overlayBytes(lab, 'east'))
  await until('the cluster has shrunk to nothing', patienceMs, async () => {
    await watch.look()
    return watch.live === 0
  })
  const nodes = await nodeLives(lab)
  const wan = wanResult(lab, 'west')
  const first = submitted[0]
  const problems = [
    ...results.flatMap((result, i) => jobProblems(result, submitted[i])),
    ...nodeProblems(nodes),
    ...wanProblems(wan),
    ...(overlay < exchangedBytes ? [`only ${overlay} bytes have crossed the overlay`] : []),
    ...lab.machines().map((machine) => `the machine ${machine} is still there`),
  ]
  return {
    ok: problems.length === 0,
    problems,
    sbatchToResumeMs: first ? await sbatchToResumeMs(lab, first) : null,
    jobs: {
      submitted: submitted.length,
      completed: results.filter((r) => r.state === 'COMPLETED').length,
      list: results,
    },
    nodes: nodes.map(({ name, site, phasesMs, jobs, phase, failure }) => ({
      name,
      site,
      phasesMs,
      jobs,
      phase,
      failure,
    })),
    wan,
  }
}

function jobProblems(result: JobResult, job: Submitted | undefined): string[] {
  const problems: string[] = []
  if (result.state !== 'COMPLETED') problems.push(`job ${result.id} is ${result.state}`)
  if (job?.sites && result.sites.toSorted().join() !== job.sites.join()) {
    problems.push(`job ${result.id} (${job.kind}) ran at ${result.sites.join(', ') || 'no site'}`)
  }
  if (result.exchange && !result.exchange.intact)
    problems.push(`the nodes of job ${result.id} did not exchange their data`)
  if (result.exchange && !result.exchange.from.startsWith('10.77.')) {
    problems.push(`the data of job ${result.id} came from ${result.exchange.from || 'nowhere'}, not over the overlay`)
  }
  return problems
}

function nodeProblems(nodes: readonly NodeReport[]): string[] {
  const sites = new Set(nodes.map((node) => node.site))
  return [
    ...nodes
      .filter((node) => node.failure)
      .map((node) => `node ${node.name} failed: ${node.failure?.code}: ${node.failure?.text}`),
    ...nodes.filter((node) => node.phase !== 'gone').map((node) => `node ${node.name} is still ${node.phase}`),
    ...['east', 'west'].filter((site) => !sites.has(site)).map((site) => `no node was made at ${site}`),
  ]
}

function wanProblems(wan: WanResult): string[] {
  if (wan.uniquePackageBytes === 0) return ['no package crossed the WAN to west']
  if (wan.packageBytes === wan.uniquePackageBytes) return []
  return [`packages crossed the WAN ${(wan.packageBytes / wan.uniquePackageBytes).toFixed(2)} times instead of once`]
}

/** Says what changes while one waits. */
class Watch {
  readonly #lab: Lab
  readonly #say: (line: string) => void
  #last = ''
  live = 0

  constructor(lab: Lab, say: (line: string) => void) {
    this.#lab = lab
    this.#say = say
  }

  async look(): Promise<void> {
    const nodes = JSON.parse(await must(this.#lab.causeway(['nodes', '--json']))) as NodeReport[]
    this.live = nodes.length
    const line = nodes.map((node) => `${node.name} ${node.phase}`).join('  ')
    if (line !== this.#last) this.#say(line || 'no nodes')
    this.#last = line
  }
}

/** The report of a demo that could not be carried through. */
export function brokenDemo(thrown: unknown): Omit<DemoReport, 'leftovers' | 'seconds'> {
  const text = thrown instanceof CausewayError ? `${thrown.code}: ${thrown.message}` : String(thrown)
  return {
    ok: false,
    problems: [text],
    sbatchToResumeMs: null,
    jobs: { submitted: 0, completed: 0, list: [] },
    nodes: [],
    wan: { packageBytes: 0, uniquePackageBytes: 0, installedBytes: 0 },
  }
}
