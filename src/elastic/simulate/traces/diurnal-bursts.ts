import { Random } from '../random.ts'
import type { Trace, TraceJob } from '../trace.ts'
import { Cycle } from './cycle.ts'
import { checkGeneratorOptions, type GeneratorOptions } from './generator.ts'
import { askedWallMs, zipfUsers } from './users.ts'

const hourMs = 3_600_000
const minuteMs = 60_000

/** How busy the hours of a working day are, from midnight on; at the weekend a fifth of it. */
const workday = [2, 1, 1, 1, 1, 1, 2, 4, 9, 15, 18, 17, 12, 15, 18, 18, 16, 12, 8, 6, 5, 5, 4, 3]
const weekendShare = 0.2
/** 1 January 1970 was a Thursday: this far into a week that begins on Monday. */
const epochInWeekMs = 3 * 24 * hourMs

/** Of what kind submissions are: arrays of short jobs, jobs of several nodes, and single jobs for the rest. */
const arrayShare = 0.06
const parallelShare = 0.13
const largestArray = 300
/** No run is longer. */
const mostRunMs = 5 * 24 * hourMs
const userCount = 25
const userExponent = 1.3

/** With `load` 1, this share of `maxNodes` would be busy on average if no job had to wait. */
export const busyShareAtLoad1 = 0.5

/**
 * Our own model of a cluster that people work with in bursts: submissions peak in office hours (UTC) and are rare at night and at
 * the weekend; some are arrays of many short jobs that arrive within a minute, some jobs want several nodes, run times have heavy
 * tails, and few users submit most (Zipf). The shape is invented, not fitted to a log. How often submissions come is set so
 * that the whole trace would keep `busyShareAtLoad1 * load` of `maxNodes` busy.
 *
 * @throws CausewayError `InvalidRequest` when an option is out of range
 */
export function generateDiurnalBursts(options: GeneratorOptions): Trace {
  checkGeneratorOptions(options)
  const random = new Random(options.seed)
  const [gaps, spreads, walls] = [random.stream('gaps'), random.stream('spreads'), random.stream('walls')]
  const submissions = drawSubmissions(random, options)

  const nodeMs = submissions.reduce((sum, one) => sum + one.nodeCount * one.runsMs.reduce((a, b) => a + b, 0), 0)
  const meanGapMs = nodeMs / (busyShareAtLoad1 * options.load * options.maxNodes * Math.max(1, submissions.length))
  const cycle = new Cycle(weekWeights(), hourMs, options.startedAtMs + epochInWeekMs)
  const perNode = { cpus: 0, memoryMiB: 0, gpus: 0 }
  const jobs: TraceJob[] = []
  let advancedMs = 0
  for (const [index, { nodeCount, runsMs, user, account, isArray }] of submissions.entries()) {
    advancedMs += gaps.exponential(meanGapMs)
    const submitMs = Math.round(cycle.realMs(advancedMs))
    const longestMs = Math.max(...runsMs)
    const wallMs = askedWallMs(longestMs, walls)
    for (const [element, runMs] of runsMs.entries()) {
      jobs.push({
        id: isArray ? `${index + 1}_${element}` : `${index + 1}`,
        submitMs: isArray ? submitMs + spreads.int(0, minuteMs) : submitMs,
        runMs,
        wallMs,
        nodeCount,
        perNode,
        exclusive: true,
        user,
        account,
        queue: nodeCount > 1 ? 'parallel' : isArray ? 'short' : 'batch',
        features: '',
      })
    }
  }
  jobs.sort((a, b) => a.submitMs - b.submitMs)
  const name = `diurnal-bursts seed ${options.seed}`
  return { name, startedAtMs: options.startedAtMs, jobs, bad: [], leftOut: [] }
}

/** What somebody submits at once: one job, or the elements of an array. */
interface Submission {
  readonly nodeCount: number
  readonly runsMs: readonly number[]
  readonly user: string
  readonly account: string
  readonly isArray: boolean
}

/** Submissions with as many jobs as wanted; the last array is cut short. */
function drawSubmissions(random: Random, { jobs, maxNodes }: GeneratorOptions): readonly Submission[] {
  const [kinds, sizes] = [random.stream('kinds'), random.stream('sizes')]
  const [runs, owners] = [random.stream('runs'), random.stream('owners')]
  const pickUser = zipfUsers(userCount, userExponent)
  const submissions: Submission[] = []
  let left = jobs
  while (left > 0) {
    const kind = kinds.next()
    const isArray = kind < arrayShare
    const nodeCount = !isArray && kind < arrayShare + parallelShare ? drawSize(sizes, maxNodes) : 1
    const runsMs = isArray ? drawArray(sizes, runs, left) : [drawRun(runs, nodeCount > 1)]
    submissions.push({ nodeCount, runsMs, ...pickUser(owners), isArray })
    left -= runsMs.length
  }
  return submissions
}

/** A power of two, small ones more often; at most a quarter of the nodes, but 2 at least where there are 2. */
function drawSize(random: Random, maxNodes: number): number {
  const most = Math.min(maxNodes, Math.max(2, Math.floor(maxNodes / 4)))
  return Math.min(most, 2 ** Math.ceil(random.exponential(1.5)))
}

/** Run times of an array's elements, ms: alike within an array, minutes as a rule. At most `most` elements. */
function drawArray(sizes: Random, runs: Random, most: number): readonly number[] {
  const elements = Math.ceil(Math.exp(sizes.uniform(Math.log(4), Math.log(largestArray))))
  const usualMs = runs.logNormal(4 * minuteMs, 2.5)
  return Array.from({ length: Math.min(elements, most) }, () => bounded(runs.logNormal(usualMs, 1.2)))
}

/** A run time with a heavy tail, ms: minutes for many, days for some. */
function drawRun(random: Random, parallel: boolean): number {
  return bounded(parallel ? random.logNormal(45 * minuteMs, 3.5) : random.logNormal(15 * minuteMs, 5))
}

function bounded(runMs: number): number {
  return Math.round(Math.min(mostRunMs, Math.max(1000, runMs)))
}

/** The weights of the hours of a week, from Monday's first on. */
function weekWeights(): readonly number[] {
  const weekend = workday.map((weight) => weight * weekendShare)
  return [workday, workday, workday, workday, workday, weekend, weekend].flat()
}
