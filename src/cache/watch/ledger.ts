import type { AccessLog, AccessRecord } from './access-log.ts'
import { type Counters, counterOf } from './counters.ts'
import type { CacheMetrics } from './metrics.ts'
import type { Traffic } from './traffic.ts'

export interface LedgerDeps {
  readonly counters: Counters
  readonly traffic: Traffic
  readonly metrics: CacheMetrics
  readonly accessLog: AccessLog | undefined
}

/** Where an answered request is written down, once for everything that wants to know. */
export class Ledger {
  readonly #deps: LedgerDeps

  constructor(deps: LedgerDeps) {
    this.#deps = deps
  }

  answered(record: AccessRecord): void {
    const { counters, traffic, metrics, accessLog } = this.#deps
    const { outcome, origin, client, bytes, ms } = record
    counters[counterOf[outcome]] += 1
    counters.servedBytes += bytes
    traffic.answered(origin ?? undefined, client, outcome, bytes)
    metrics.answered(outcome, ms)
    accessLog?.write(record)
  }
}
