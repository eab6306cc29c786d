import { CausewayError } from '../../../base/errors.ts'

/** What every generator of traces is told. The same options make the same trace. */
export interface GeneratorOptions {
  /** How many jobs; at least 0. */
  readonly jobs: number
  readonly seed: number
  /** When the trace begins, ms since the epoch. Its hours and days, in UTC, follow from it. */
  readonly startedAtMs: number
  /** The largest job, in nodes; at least 1. */
  readonly maxNodes: number
  /** 1: jobs come as often as the model says; 2: in half the time. Above 0. */
  readonly load: number
}

/** @throws CausewayError `InvalidRequest` naming the option that is out of range */
export function checkGeneratorOptions(options: GeneratorOptions): void {
  const wholeFrom = (value: number, least: number) => Number.isSafeInteger(value) && value >= least
  if (!wholeFrom(options.jobs, 0)) refuse('jobs', 'a whole number, at least 0')
  if (!wholeFrom(options.maxNodes, 1)) refuse('maxNodes', 'a whole number, at least 1')
  if (!Number.isSafeInteger(options.seed)) refuse('seed', 'a whole number')
  if (!Number.isFinite(options.startedAtMs)) refuse('startedAtMs', 'a time in ms')
  if (!(options.load > 0 && Number.isFinite(options.load))) refuse('load', 'a number above 0')
}

function refuse(option: string, expected: string): never {
  throw new CausewayError('InvalidRequest', `${option} of a generated trace must be ${expected}`)
}
