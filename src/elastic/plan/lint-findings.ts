import type { Step } from './steps.ts'

/**
 * The invariants that every plan keeps. The codes are stable: events and logs carry them.
 *
 * - `NoReason`: a step says why in words.
 * - `UnknownThing`: a step is about nodes, names, machines and sites that exist.
 * - `IllegalPhase`: a node goes only from a phase to one that may follow it.
 * - `NotOneAnswer`: every live node has exactly one step or one reason to wait.
 * - `ActUnderWay`: nothing is done to what an act is under way on.
 * - `ReadingNeeded`: nothing is concluded from a source that was not read, or was read before the last act.
 * - `NotShown`: the readings show what the step takes for given.
 * - `TooEarly`: deadlines, graces, idle times and pauses between tries are over.
 * - `JobRunning`: no job loses its node, and no machine goes that a job may use.
 * - `SecondLife`: a name has one life at a time.
 * - `AboveMaximum`: no type has more nodes than its maximum.
 * - `BelowMinimum`: no type is drained below its minimum.
 * - `SiteClosed`: nothing begins of a closed type, and of a half-open one nothing beside its probe.
 * - `SiteDrained`: nothing begins at a drained site, and no node stays that has to go.
 * - `PathBroken`: nothing begins at a site that the head does not reach, and none of its names is put back.
 * - `OverBudget`: nothing begins that, with all that is bound to come, exceeds a budget.
 * - `OverCap`: no node begins for jobs whose user, account or queue has its cap of nodes; no such job is released.
 * - `GangSplit`: nothing begins for a job that can't have all its nodes.
 * - `GangApart`: nothing begins for a job at sites between which the path is worse than the policy allows.
 * - `AdminDrain`: what an admin took out of use is left so.
 */
export type Invariant =
  | 'NoReason'
  | 'UnknownThing'
  | 'IllegalPhase'
  | 'NotOneAnswer'
  | 'ActUnderWay'
  | 'ReadingNeeded'
  | 'NotShown'
  | 'TooEarly'
  | 'JobRunning'
  | 'SecondLife'
  | 'AboveMaximum'
  | 'BelowMinimum'
  | 'SiteClosed'
  | 'SiteDrained'
  | 'PathBroken'
  | 'OverBudget'
  | 'OverCap'
  | 'GangSplit'
  | 'GangApart'
  | 'AdminDrain'

/** An invariant that a plan would break. */
export interface Finding {
  readonly code: Invariant
  /** The step that breaks it: the very object in the plan. Null when the plan lacks something. */
  readonly step: Step | null
  /** A sentence for people. */
  readonly text: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** What one check says of one step: null when the invariant is kept. */
export type Breach = { readonly text: string; readonly facts?: Readonly<Record<string, unknown>> } | null
