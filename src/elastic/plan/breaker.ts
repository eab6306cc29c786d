import type { BreakerRecord } from '../../store/node-record.ts'
import type { Policy } from './policy.ts'

/** Whether the type is closed now. */
export function isClosed(breaker: BreakerRecord | undefined, now: number): boolean {
  return breaker?.closedUntilMs != null && now < breaker.closedUntilMs
}

/** Whether the type was closed and may be tried with one node. */
export function isHalfOpen(breaker: BreakerRecord | undefined, now: number): boolean {
  return breaker?.closedUntilMs != null && now >= breaker.closedUntilMs
}

/**
 * The breaker after one more failure: it closes the type when `policy.failures` came in a row, and at once when it was
 * half-open: the node that was to try has shown that nothing is better yet.
 */
export function afterFailure(
  before: BreakerRecord | undefined,
  of: { readonly site: string; readonly type: string },
  policy: Policy['breaker'],
  now: number,
): BreakerRecord {
  if (before && isClosed(before, now)) return before
  const { site, type } = of
  const failures = Math.min((before?.failures ?? 0) + 1, policy.failures)
  const closes = failures >= policy.failures || isHalfOpen(before, now)
  return { site, type, failures, closedUntilMs: closes ? now + policy.cooldownMs : null }
}

/** The breaker after a node became ready: all is forgotten. */
export function afterSuccess({ site, type }: { readonly site: string; readonly type: string }): BreakerRecord {
  return { site, type, failures: 0, closedUntilMs: null }
}
