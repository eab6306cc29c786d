import type { Policy } from '../plan/policy.ts'
import type { Attention, Happenings } from './attention.ts'
import type { Lives } from './lives.ts'
import type { SimulationPace } from './options.ts'
import type { SimulatedQueue } from './queue.ts'

/** When the planner is asked: after what can change its mind, and at the times that it named itself. Times are in ms. */
export class RoundTimer {
  /** What has happened at this moment. */
  readonly happened: Happenings = { submitted: false, started: false, ended: false, ready: false }
  readonly #pace: SimulationPace
  readonly #attention: Attention
  /** Something has changed that the planner must see. */
  #urgent = false
  /** When the next round is due. */
  #roundMs = Infinity
  #lastRoundMs = -Infinity
  /** When time alone may change the plan. */
  #wakeMs = Infinity
  /** When the rules may change. */
  #policyChangeMs = Infinity

  constructor(pace: SimulationPace, attention: Attention) {
    this.#pace = pace
    this.#attention = attention
  }

  /** Something has changed that the planner must see. */
  hurry(): void {
    this.#urgent = true
  }

  /** Time alone may change the plan then. */
  wakeAt(atMs: number): void {
    this.#wakeMs = Math.min(this.#wakeMs, atMs)
  }

  /** A round is to be by then, or at the next time after it at which there may be one. */
  dueBy(atMs: number, nowMs: number): void {
    const { pollMs } = this.#pace
    const dueMs = pollMs === null ? atMs : Math.ceil(atMs / pollMs) * pollMs
    this.#roundMs = Math.min(this.#roundMs, dueMs)
    // What is due is seen to.
    this.#urgent = false
    if (this.#wakeMs <= nowMs) this.#wakeMs = Infinity
    if (this.#policyChangeMs <= nowMs) this.#policyChangeMs = Infinity
  }

  /** A round is to be at this very moment. */
  dueNow(nowMs: number): void {
    this.#roundMs = nowMs
  }

  /** Whether there is to be a round now. */
  isDue(nowMs: number): boolean {
    return this.#roundMs <= nowMs
  }

  /** Whether the planner is asked about this moment anyway. */
  isAsked(nowMs: number): boolean {
    return this.#urgent || this.isDue(nowMs)
  }

  /** There was a round: what it said of the times to come. */
  decided(nowMs: number, nextAtMs: number, policyChangeMs: number): void {
    this.#lastRoundMs = nowMs
    this.#roundMs = Infinity
    this.#wakeMs = nextAtMs
    this.#policyChangeMs = policyChangeMs
    this.#urgent = false
  }

  /**
   * When to look next; infinite when all is over and nothing is left to do.
   * @param othersMs when something else happens next
   * @param pending whether a job waits
   */
  nextMs(othersMs: number, pending: boolean, nowMs: number): number {
    const soon = Math.min(othersMs, this.#roundMs)
    // With nothing else to come, the planner says whether there is a time to wait for at all.
    if (soon === Infinity && !pending && this.#wakeMs < Infinity && this.#lastRoundMs < nowMs) {
      this.#roundMs = nowMs
      return nowMs
    }
    const waiting = pending || Math.min(soon, this.#wakeMs) < Infinity
    return waiting ? Math.min(soon, this.#wakeMs, this.#policyChangeMs) : Infinity
  }

  /** Sees to it that there is a round when what happened at this moment can make a difference. */
  consider(lives: Lives, queue: SimulatedQueue, policy: Policy, nowMs: number): void {
    const { happened } = this
    if (queue.takeWanted()) this.#urgent = true
    if (!this.#urgent) {
      this.#urgent =
        this.#pace.attention === 'all'
          ? happened.submitted || happened.started || happened.ended || happened.ready
          : this.#attention.matters(happened, queue, lives)
    }
    this.wakeAt(this.#attention.idleDueMs)
    Object.assign(happened, { submitted: false, started: false, ended: false, ready: false })
    if (this.#urgent) this.dueBy(nowMs + this.#pace.batchMs, nowMs)
    if (this.#policyChangeMs <= nowMs || this.#timeHasCome(lives, queue, policy, nowMs)) this.dueBy(nowMs, nowMs)
  }

  /** Whether what time alone was waited for has come; if not, it is waited for the next such time. */
  #timeHasCome(lives: Lives, queue: SimulatedQueue, policy: Policy, nowMs: number): boolean {
    if (this.#wakeMs > nowMs) return false
    if (this.#pace.attention === 'all') return true
    const { now, nextMs } = this.#attention.timeMatters(lives, queue, policy, nowMs)
    if (!now) this.#wakeMs = nextMs
    return now
  }
}
