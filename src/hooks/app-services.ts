import type { Clock } from '../base/clock.ts'
import type { ReloadReport } from '../elastic/live-config.ts'
import type { Reports } from '../elastic/reports.ts'
import type { EventStore } from '../store/event-store.ts'
import type { ReadModel } from './read-model.ts'

/** What the routes stand on. */
export interface AppServices {
  readonly clock: Clock
  readonly events: EventStore
  readonly reports: Reports
  readonly readModel: ReadModel
  readonly policy: { reload(): Promise<ReloadReport> }
  /** Wakes the loop. */
  wake(): void
}
