import type { Failure, NodeRecord, Phase } from '../../store/node-record.ts'
import { costWithin } from '../plan/cost.ts'
import type { LifeOutcome } from './result.ts'

/** All time: a life's cost within it is all that it costs. */
const always = { startMs: -Infinity, endMs: Infinity }

/** One life of a node, as the store would keep it, with what the simulation knows besides. */
export class Life implements NodeRecord {
  readonly id: string
  readonly name: string
  readonly site: string
  readonly type: string
  readonly beganAtMs: number
  readonly costPerHour: number
  readonly billingMs: number
  readonly jobs: readonly string[]
  phase: Phase = 'planned'
  phaseSinceMs: number
  readonly host = null
  unreachableSinceMs: number | null = null
  readonly leavingAtMs = null
  readonly address = null
  idleSinceMs: number | null = null
  failure: Failure | null = null
  attempts = 0
  nextAttemptAtMs = 0
  /** Whether the site has, or is making, a machine for it. */
  hasMachine = false
  readyAtMs: number | null = null
  /** Since when jobs hold it; null if none does. */
  #heldSinceMs: number | null = null
  #busyMs = 0

  constructor(of: Pick<Life, 'id' | 'name' | 'site' | 'type' | 'costPerHour' | 'billingMs' | 'jobs'>, nowMs: number) {
    this.id = of.id
    this.name = of.name
    this.site = of.site
    this.type = of.type
    this.beganAtMs = nowMs
    this.costPerHour = of.costPerHour
    this.billingMs = of.billingMs
    this.jobs = of.jobs
    this.phaseSinceMs = nowMs
  }

  move(to: Phase, nowMs: number): void {
    this.phase = to
    this.phaseSinceMs = nowMs
    this.idleSinceMs = null
    this.attempts = 0
    this.nextAttemptAtMs = 0
  }

  /** Its daemon has registered, and a job may hold it from now on. */
  registered(nowMs: number): void {
    this.readyAtMs = nowMs
    if (this.#heldSinceMs !== null) this.#heldSinceMs = nowMs
  }

  held(nowMs: number): void {
    this.#heldSinceMs = nowMs
    this.idleSinceMs = null
  }

  unheld(nowMs: number): void {
    if (this.#heldSinceMs !== null && this.readyAtMs !== null) this.#busyMs += nowMs - this.#heldSinceMs
    this.#heldSinceMs = null
    if (this.phase === 'ready') this.idleSinceMs = nowMs
  }

  get isHeld(): boolean {
    return this.#heldSinceMs !== null
  }

  /** What it costs if it ends now. */
  costIfEnded(nowMs: number): number {
    return costWithin(this, nowMs, always)
  }

  /** @param startMs when the trace began, ms since the epoch */
  outcome(nowMs: number, startMs: number): LifeOutcome {
    if (this.#heldSinceMs !== null) this.unheld(nowMs)
    return {
      site: this.site,
      type: this.type,
      beganMs: this.beganAtMs - startMs,
      readyMs: this.readyAtMs === null ? null : this.readyAtMs - startMs,
      endedMs: nowMs - startMs,
      busyMs: this.#busyMs,
      cost: this.costIfEnded(nowMs),
      failed: this.failure !== null,
    }
  }
}
