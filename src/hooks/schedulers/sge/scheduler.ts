import { CausewayError } from '../../../base/errors.ts'
import type { QueueSnapshot } from '../../../elastic/plan/demand.ts'
import {
  type Capabilities,
  defaultCapabilities,
  type Registration,
  type Scheduler,
} from '../../../elastic/scheduler.ts'
import type { SgeOptions } from './options.ts'

/** Grid Engine behind the port. */
export class SgeScheduler implements Scheduler {
  readonly kind = 'sge'
  readonly capabilities: Capabilities = defaultCapabilities
  readonly #options: SgeOptions

  constructor(options: SgeOptions) {
    this.#options = options
  }

  async snapshot(): Promise<QueueSnapshot> {
    throw new CausewayError('SchedulerUnreachable', `${this.#options.root}: the queue can't be read yet`)
  }

  async register(_nodes: readonly Registration[]): Promise<void> {}
  async powerUp(): Promise<void> {}
  async drain(_names: readonly string[], _reason: string): Promise<void> {}
  async cancelDrain(_names: readonly string[]): Promise<void> {}
  async powerDown(_names: readonly string[]): Promise<void> {}
  async fail(_names: readonly string[], _reason: string): Promise<void> {}
  async close(): Promise<void> {}
  async reopen(): Promise<void> {}
  async hold(_jobs: readonly string[], _reason: string): Promise<void> {}
  async release(_jobs: readonly string[]): Promise<void> {}
  async confine(): Promise<void> {}
  async explain(_texts: ReadonlyMap<string, string>): Promise<void> {}
}
