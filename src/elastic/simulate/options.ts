import type { Observation } from '../plan/observation.ts'
import type { Policy } from '../plan/policy.ts'
import type { Plan } from '../plan/steps.ts'
import type { SiteModel } from '../policy-simulation.ts'
import type { Random } from './random.ts'
import type { Trace } from './trace.ts'

/** The rules by the time, as `PolicyClock` gives them. */
export interface PolicySource {
  /** The rules in force; the same object as long as nothing changes. */
  at(nowMs: number): Policy
  /** When they may change next, ms since the epoch; null if never. */
  nextChangeMs(nowMs: number): number | null
}

/** Makes the plans. */
export type Decide = (obs: Observation, policy: Policy, now: number) => Plan

/** When the planner is asked. */
export interface SimulationPace {
  /** So long after something that can matter; what else happens meanwhile is seen too. Default 1 s. */
  readonly batchMs: number
  /** Only at multiples of this time, as a program does that polls; null: whenever something can matter. */
  readonly pollMs: number | null
  /**
   * What can matter: `planner` knows what `plan` looks at and leaves out rounds that would change nothing; `all`, for other ways
   * to decide, asks after everything that happens.
   */
  readonly attention: 'planner' | 'all'
}

/** What to simulate. */
export interface SimulationOptions {
  /** What the policy is called in the result. */
  readonly name: string
  readonly policy: PolicySource
  readonly trace: Trace
  /** How the sites behave, by name; those that are left out boot in 90 s and never fail. */
  readonly sites: ReadonlyMap<string, SiteModel>
  /** Of all that is left to chance: boot times and failures. */
  readonly seed: number
  /** Who chooses the nodes of jobs; see `Observation`. Default `scheduler`. */
  readonly places?: Observation['places']
  readonly decide?: Decide
  readonly pace?: Partial<SimulationPace>
  /** How many jobs that can't start are looked at, at a time, for backfill. Default 500. */
  readonly backfillDepth?: number
  /** How long to go on though no job starts or ends and none is to come, ms. Default 32 days: a month's budget, and a day. */
  readonly patienceMs?: number
  /** Called after each decision, before it is carried out. */
  readonly onRound?: (obs: Observation, policy: Policy, now: number, plan: Plan) => void
}

/** The same with everything said. */
export interface WholeOptions extends Required<SimulationOptions> {
  readonly pace: SimulationPace
  readonly random: Random
}
