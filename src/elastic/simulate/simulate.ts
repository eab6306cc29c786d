import { plan } from '../plan/plan.ts'
import type { Policy } from '../plan/policy.ts'
import type { PolicySource, SimulationOptions } from './options.ts'
import { Random } from './random.ts'
import type { SimulationResult } from './result.ts'
import { Simulation } from './simulation.ts'

/**
 * Runs a trace through the planner, a queue and sites in virtual time. The same options give the same result.
 *
 * It ends when all jobs are over and nothing is left to do, or when no job has started or ended for very long (`patienceMs`) and
 * none is to come.
 */
export function simulate(options: SimulationOptions): SimulationResult {
  const { pace, places = 'scheduler', decide = plan, backfillDepth = 500, patienceMs = 32 * 86_400_000 } = options
  return new Simulation({
    ...options,
    places,
    decide,
    backfillDepth,
    patienceMs,
    onRound: options.onRound ?? (() => undefined),
    pace: { batchMs: 1000, pollMs: null, attention: options.decide ? 'all' : 'planner', ...pace },
    random: new Random(options.seed),
  }).run()
}

/** Rules that never change. */
export function fixedPolicy(policy: Policy): PolicySource {
  return { at: () => policy, nextChangeMs: () => null }
}
