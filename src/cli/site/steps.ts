import type { Clock } from '../../base/clock.ts'
import { type CausewayError, toCausewayError } from '../../base/errors.ts'

/** One thing that is done on the way. */
export interface Step {
  /** What it is about: `host key`, `network`, ... */
  readonly name: string
  /**
   * Does it, and says what came of it, in words. It can be repeated.
   * @throws CausewayError why it could not be done: nothing after it is tried
   */
  run(): Promise<string>
}

/** What came of a step. `open`: not tried, since one before it failed. */
export interface StepReport {
  readonly name: string
  readonly outcome: 'ok' | 'failed' | 'open'
  readonly text: string
  /** ms */
  readonly tookMs: number
}

/** Steps that were done, and the failure of the one that was not. */
export interface WalkReport {
  readonly steps: readonly StepReport[]
  readonly failure: CausewayError | null
}

/**
 * Does one step after the other until one fails.
 * @param tell hears of each when it is over
 */
export async function walk(
  steps: readonly Step[],
  clock: Pick<Clock, 'now'>,
  tell: (report: StepReport) => void,
): Promise<WalkReport> {
  const reports: StepReport[] = []
  let failure: CausewayError | null = null
  const over = (report: StepReport) => {
    reports.push(report)
    tell(report)
  }
  for (const step of steps) {
    if (failure) {
      over({ name: step.name, outcome: 'open', text: 'not tried', tookMs: 0 })
      continue
    }
    const startedAtMs = clock.now()
    try {
      const text = await step.run()
      over({ name: step.name, outcome: 'ok', text, tookMs: clock.now() - startedAtMs })
    } catch (thrown) {
      failure = toCausewayError(thrown)
      over({ name: step.name, outcome: 'failed', text: failure.message, tookMs: clock.now() - startedAtMs })
    }
  }
  return { steps: reports, failure }
}

/** A step's report as a line. */
export function showStep({ name, outcome, text, tookMs }: StepReport): string {
  const took = outcome === 'open' ? '' : ` (${(tookMs / 1000).toFixed(1)} s)`
  return `${outcome.padEnd(6)}  ${name}: ${text}${took}`
}
