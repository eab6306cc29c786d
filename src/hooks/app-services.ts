import type { Clock } from '../base/clock.ts'
import type { ControllerCalls } from './controller-calls.ts'
import type { HookInbox } from './hook-inbox.ts'
import type { Metrics } from './metrics.ts'

/** What the routes stand on. */
export interface AppServices {
  readonly clock: Clock
  readonly controller: ControllerCalls
  readonly inbox: HookInbox
  readonly metrics: Metrics
}
