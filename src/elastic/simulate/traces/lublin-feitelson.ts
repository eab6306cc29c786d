import { Random } from '../random.ts'
import type { Trace, TraceJob } from '../trace.ts'
import { Cycle } from './cycle.ts'
import { checkGeneratorOptions, type GeneratorOptions } from './generator.ts'
import { askedWallMs, zipfUsers } from './users.ts'

/**
 * The constants of the model for batch and interactive jobs together, as in the authors' published program (lublin99.c, Parallel
 * Workloads Archive). Gamma distributions are given by shape and scale.
 */
export const lublinFeitelson = {
  /** Shares of jobs of one node, and of jobs rounded to a power of two. */
  serial: 0.244,
  powerOfTwo: 0.576,
  /** log2 of the size: with `lowShare` even from `low` to `medium`, else from there to log2 of the largest job. */
  low: 0.8,
  /** `medium` lies so far below log2 of the largest job (in the paper 4.5 of 7; advised are 1.5 to 3.5). */
  mediumBelowMost: 2.5,
  lowShare: 0.86,
  /** ln of the run time in seconds: one of two gammas; the first with probability `slope * nodes + base`, held in 0..1. */
  shortRuns: { shape: 4.2, scale: 0.94 },
  longRuns: { shape: 312, scale: 0.03 },
  slope: -0.0054,
  base: 0.78,
  /** Draws above are drawn again: no run longer than e^12 s, 45 h. */
  mostLnRun: 12,
  /** ln of the time in seconds between arrivals, on a clock that follows the day; 1.0225 leads from rush hours to all hours. */
  gaps: { shape: 10.2303 * 1.0225, scale: 0.4871 },
  /** Draws above are drawn again: no gap longer than e^13 s, 5 days. */
  mostLnGap: 13,
  /** How arrivals spread over the day: a gamma over half hours, which are counted from midnight through the next morning. */
  day: { shape: 8.1737, scale: 3.9631, firstHalfHour: 11 },
} as const

const halfHourMs = 1_800_000
const halfHours = 48
const userCount = 40
const userExponent = 1.2

/**
 * The model of Uri Lublin and Dror G. Feitelson, "The workload on parallel supercomputers: modeling the characteristics of rigid
 * jobs", Journal of Parallel and Distributed Computing 63(11), 2003: sizes from a two-stage uniform distribution of their
 * logarithm, run times from a hyper-gamma distribution that depends on the size, arrivals from a gamma distribution with a daily
 * cycle. Jobs want whole nodes. The model has no users and no walltimes; those are our own (`users.ts`).
 *
 * @throws CausewayError `InvalidRequest` when an option is out of range
 */
export function generateLublinFeitelson(options: GeneratorOptions): Trace {
  checkGeneratorOptions(options)
  const random = new Random(options.seed)
  const [gaps, sizes, runs] = [random.stream('gaps'), random.stream('sizes'), random.stream('runs')]
  const [owners, walls] = [random.stream('owners'), random.stream('walls')]
  const pickUser = zipfUsers(userCount, userExponent)
  const cycle = new Cycle(arrivalWeights(), halfHourMs, options.startedAtMs)
  const perNode = { cpus: 0, memoryMiB: 0, gpus: 0 }
  const jobs: TraceJob[] = []
  let advancedMs = 0
  for (let k = 1; k <= options.jobs; k++) {
    advancedMs += drawGapMs(gaps) / options.load
    const nodeCount = drawSize(sizes, options.maxNodes)
    const runMs = drawRunMs(runs, nodeCount)
    jobs.push({
      id: `${k}`,
      submitMs: Math.round(cycle.realMs(advancedMs)),
      runMs,
      wallMs: askedWallMs(runMs, walls),
      nodeCount,
      perNode,
      exclusive: true,
      ...pickUser(owners),
      queue: 'batch',
      features: '',
    })
  }
  const name = `lublin-feitelson seed ${options.seed}`
  return { name, startedAtMs: options.startedAtMs, jobs, bad: [], leftOut: [] }
}

/** How many nodes a job asks for: from 1 to `maxNodes`. */
function drawSize(random: Random, maxNodes: number): number {
  const { serial, powerOfTwo, low, mediumBelowMost, lowShare } = lublinFeitelson
  const most = Math.log2(maxNodes)
  const kind = random.next()
  if (kind < serial || most <= low) return 1
  const medium = Math.max(low, most - mediumBelowMost)
  const log2 = random.chance(lowShare) ? random.uniform(low, medium) : random.uniform(medium, most)
  const size = Math.round(2 ** (kind < serial + powerOfTwo ? Math.round(log2) : log2))
  return Math.min(size, maxNodes)
}

function drawRunMs(random: Random, nodeCount: number): number {
  const { shortRuns, longRuns, slope, base, mostLnRun } = lublinFeitelson
  const short = random.chance(slope * nodeCount + base)
  const { shape, scale } = short ? shortRuns : longRuns
  return Math.round(1000 * Math.exp(drawUpTo(random, shape, scale, mostLnRun)))
}

function drawGapMs(random: Random): number {
  const { gaps, mostLnGap } = lublinFeitelson
  return 1000 * Math.exp(drawUpTo(random, gaps.shape, gaps.scale, mostLnGap))
}

function drawUpTo(random: Random, shape: number, scale: number, most: number): number {
  for (;;) {
    const draw = random.gamma(shape, scale)
    if (draw <= most) return draw
  }
}

/** How busy each half hour of the day is, from midnight on: the area of the gamma around its number, but for a factor. */
export function arrivalWeights(): readonly number[] {
  const { shape, scale, firstHalfHour } = lublinFeitelson.day
  const weights = Array.from({ length: halfHours }, () => 0)
  for (let i = firstHalfHour; i < firstHalfHour + halfHours; i++) {
    weights[(i - 1) % halfHours] = area((x) => x ** (shape - 1) * Math.exp(-x / scale), i - 0.5, i + 0.5)
  }
  return weights
}

/** The area under a smooth curve: Simpson's rule with 16 strips. */
function area(curve: (x: number) => number, from: number, to: number): number {
  const strips = 16
  const width = (to - from) / strips
  let sum = curve(from) + curve(to)
  for (let i = 1; i < strips; i++) sum += (i % 2 === 1 ? 4 : 2) * curve(from + i * width)
  return (sum * width) / 3
}
