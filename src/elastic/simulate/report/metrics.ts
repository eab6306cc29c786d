import type { JobOutcome, LifeOutcome, SimulationResult } from '../result.ts'
import { type Distribution, distribution } from './distribution.ts'

/** Runs below count as this long in the slowdown, ms: the usual bound of 10 s (Feitelson and others, JSSPP 1997). */
const slowdownBoundMs = 10_000
const hourMs = 3_600_000

/** What nodes came to, of all sites or of one. */
export interface NodeMetrics {
  /** Time that nodes lived, from their beginning to their end, in hours. */
  readonly nodeHours: number
  /** Share of the time that nodes were ready in which no job held them, 0..1; 0 if none was ever ready. */
  readonly idleShare: number
  /** In the policy's currency. */
  readonly cost: number
  /** Lives that began. */
  readonly grows: number
  /** Lives that were ended before the simulation was over, failed ones aside. */
  readonly shrinks: number
  /** Lives that failed. */
  readonly failures: number
}

/** What one site came to. A job that spans sites counts in each. */
export interface SiteMetrics extends NodeMetrics {
  readonly site: string
  /** Jobs that started there. */
  readonly jobs: number
  /** How long they waited, ms. */
  readonly wait: Distribution
}

/** What a simulation came to, in numbers. */
export interface Metrics extends NodeMetrics {
  readonly policy: string
  readonly trace: string
  readonly jobs: number
  readonly finished: number
  /** Jobs that had not finished when the simulation was over, whether they had started or not. */
  readonly unfinished: number
  /** How long jobs waited for their start, ms. Those that never started count with the time until the simulation was over. */
  readonly wait: Distribution
  /** `max(1, (wait + run) / max(run, 10 s))` of each job; waits as above. */
  readonly slowdown: Distribution
  /** From the first submission to the last end, ms; with unfinished jobs to the end of the simulation. 0 without jobs. */
  readonly makespanMs: number
  /** How often the planner was asked. */
  readonly rounds: number
  /** In alphabetical order. */
  readonly sites: readonly SiteMetrics[]
}

/** The numbers of a result. They don't depend on the order of jobs and lives. */
export function metricsOf(result: SimulationResult): Metrics {
  const { jobs, lives, endedMs } = result
  const finished = jobs.reduce((count, job) => count + (job.endMs === null ? 0 : 1), 0)
  const waits = Float64Array.from(jobs, (job) => waitMs(job, endedMs))
  return {
    policy: result.policy,
    trace: result.trace,
    jobs: jobs.length,
    finished,
    unfinished: jobs.length - finished,
    wait: distribution(waits),
    slowdown: distribution(Float64Array.from(jobs, (job) => boundedSlowdown(waitMs(job, endedMs), job.runMs))),
    makespanMs: makespan(jobs, endedMs),
    rounds: result.rounds,
    ...nodeMetrics(lives, endedMs),
    sites: siteMetrics(result),
  }
}

/** How much longer a job took than it ran, at least 1. Times in ms. */
export function boundedSlowdown(waitMs: number, runMs: number): number {
  return Math.max(1, (waitMs + runMs) / Math.max(runMs, slowdownBoundMs))
}

function waitMs(job: JobOutcome, endedMs: number): number {
  return Math.max(0, (job.startMs ?? endedMs) - job.submitMs)
}

function makespan(jobs: readonly JobOutcome[], endedMs: number): number {
  if (jobs.length === 0) return 0
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  for (const job of jobs) {
    first = Math.min(first, job.submitMs)
    last = Math.max(last, job.endMs ?? endedMs)
  }
  return Math.max(0, last - first)
}

function nodeMetrics(lives: readonly LifeOutcome[], endedMs: number): NodeMetrics {
  let [livedMs, readyMs, busyMs, cost, shrinks, failures] = [0, 0, 0, 0, 0, 0]
  for (const life of lives) {
    livedMs += life.endedMs - life.beganMs
    cost += life.cost
    if (life.failed) failures++
    else if (life.endedMs < endedMs) shrinks++
    if (life.readyMs === null) continue
    readyMs += life.endedMs - life.readyMs
    busyMs += life.busyMs
  }
  const idleShare = readyMs > 0 ? Math.min(1, Math.max(0, 1 - busyMs / readyMs)) : 0
  return { nodeHours: livedMs / hourMs, idleShare, cost, grows: lives.length, shrinks, failures }
}

function siteMetrics({ jobs, lives, endedMs }: SimulationResult): readonly SiteMetrics[] {
  const livesAt = Map.groupBy(lives, (life) => life.site)
  const waitsAt = new Map<string, number[]>()
  for (const job of jobs) {
    if (job.startMs === null) continue
    for (const site of new Set(job.sites)) {
      const waits = waitsAt.get(site)
      if (waits) waits.push(waitMs(job, endedMs))
      else waitsAt.set(site, [waitMs(job, endedMs)])
    }
  }
  const sites = [...new Set([...livesAt.keys(), ...waitsAt.keys()])].sort()
  return sites.map((site) => {
    const waits = waitsAt.get(site) ?? []
    return {
      site,
      jobs: waits.length,
      wait: distribution(Float64Array.from(waits)),
      ...nodeMetrics(livesAt.get(site) ?? [], endedMs),
    }
  })
}
