import type { NodeRecord } from '../../store/node-record.ts'
import type { Observation } from './observation.ts'
import type { Reason, Step } from './steps.ts'

/** What the planner concludes for one node: a step, or a reason to wait and when to look again. */
export type Conclusion =
  | { readonly step: Step; readonly idleSinceMs?: number | null }
  | { readonly wait: Reason; readonly againAtMs?: number; readonly idleSinceMs?: number | null }

/**
 * A reading tells something about a node only if it began after the node entered its phase and after the last act on it
 * ended: an older one may show the world before that act.
 */
export function isFresh(node: NodeRecord, readingStartedAtMs: number, obs: Observation): boolean {
  return readingStartedAtMs > Math.max(node.phaseSinceMs, obs.settledAtMs.get(node.id) ?? 0)
}
