import { plan } from '../../src/elastic/plan/plan.ts'
import { median, quantile, worked } from './measure.ts'
import { now, observe, policyFor, type WorldOptions } from './world.ts'

/** Draws observations of this size and decides on each: the median, the 99th percentile and the least processor time of one decision, ms. */
export function decide(options: WorldOptions, times: number): { median: number; p99: number; least: number } {
  const policy = policyFor(options.nodes)
  const observations = Array.from({ length: 3 }, (_, seed) => observe(options, seed + 1))
  const spent: number[] = []
  for (let round = 0; round < times; round++) {
    for (const observation of observations) spent.push(worked(() => plan(observation, policy, now)))
  }
  return { median: median(spent), p99: quantile(spent, 0.99), least: Math.min(...spent) }
}
