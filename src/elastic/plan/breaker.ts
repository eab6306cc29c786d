import type { BreakerRecord } from '../../store/node-record.ts'
import type { Policy } from './policy.ts'

/** Whether the site is closed now. */
export function isClosed(breaker: BreakerRecord | undefined, now: number): boolean {
  return breaker?.closedUntilMs != null && now < breaker.closedUntilMs
}

/**
 * The breaker after one more failure: it closes the site when `policy.failures` came in a row. After the cooldown the count
 * still stands one below the limit, so that the first new failure closes the site again: a probe, not a flood.
 */
export function afterFailure(
  before: BreakerRecord | undefined,
  site: string,
  policy: Policy['breaker'],
  now: number,
): BreakerRecord {
  if (before && isClosed(before, now)) return before
  const failures = (before?.failures ?? 0) + 1
  if (failures < policy.failures) return { site, failures, closedUntilMs: null }
  return { site, failures: policy.failures - 1, closedUntilMs: now + policy.cooldownMs }
}

/** The breaker after a node became ready: all is forgotten. */
export function afterSuccess(site: string): BreakerRecord {
  return { site, failures: 0, closedUntilMs: null }
}
