import type { Size } from '../plan/demand.ts'

/** A job of a trace: what is known of it from the start, and how long it will turn out to run. */
export interface TraceJob {
  readonly id: string
  /** From the beginning of the trace, ms. */
  readonly submitMs: number
  /** How long it runs once all its nodes are there, ms. */
  readonly runMs: number
  /** How long it asked to be allowed to run, ms; null if it did not say. */
  readonly wallMs: number | null
  readonly nodeCount: number
  /** What it needs of each node; zeros where the trace does not say. */
  readonly perNode: Size
  readonly exclusive: boolean
  readonly user: string
  readonly account: string
  readonly queue: string
  /** As users write them: `''`, `site-east`, ... */
  readonly features: string
}

/** A line of a trace that could not be understood. */
export interface BadLine {
  /** Counted from 1. */
  readonly line: number
  readonly text: string
  readonly why: string
}

/** Jobs that a trace names but that are of no use to a simulation: how many, and why. */
export interface LeftOut {
  readonly why: string
  readonly jobs: number
}

/** Jobs in the order of their submission. */
export interface Trace {
  readonly name: string
  /** When the trace began, ms since the epoch. Windows of a policy go by it. */
  readonly startedAtMs: number
  readonly jobs: readonly TraceJob[]
  /** Lines that were left out because they could not be understood. */
  readonly bad: readonly BadLine[]
  /** Jobs that were left out although their lines are fine, such as those that never ran; a reason each. */
  readonly leftOut: readonly LeftOut[]
}
