import type { Clock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import type { Phase } from '../store/node-record.ts'
import type { NodeStore } from '../store/node-store.ts'
import { afterFailure } from './plan/breaker.ts'
import { type Policy, typeKey } from './plan/policy.ts'
import { matchesHash } from './tokens.ts'

/** What a node says of itself while it becomes a member of the queue. */
export interface PhaseReport {
  readonly phase: 'installing' | 'enrolling' | 'failed'
  /** For `failed`: what went wrong, in the node's words. */
  readonly detail?: string
}

/** The phases that a report may move a node from; anything later means that the report is late and says nothing new. */
const before: Record<'installing' | 'enrolling', readonly Phase[]> = {
  installing: ['creating', 'booting'],
  enrolling: ['creating', 'booting', 'installing'],
}

/** Takes the nodes' own reports: each is recorded as a fact, and the loop is woken. */
export class Reports {
  readonly #nodes: NodeStore
  readonly #clock: Clock
  readonly #policyAt: (now: number) => Policy
  readonly #wake: () => void

  constructor(nodes: NodeStore, clock: Clock, policyAt: (now: number) => Policy, wake: () => void) {
    this.#nodes = nodes
    this.#clock = clock
    this.#policyAt = policyAt
    this.#wake = wake
  }

  /**
   * Records a node's report. A repeated or late one changes nothing.
   * @throws CausewayError `Unauthorized` when the token is not the one of this life, or no report is awaited from it
   */
  async report(id: string, token: string, report: PhaseReport): Promise<void> {
    const hash = await this.#nodes.tokenHash(id)
    if (hash === null || !matchesHash(token, hash)) {
      throw new CausewayError('Unauthorized', 'the token does not belong to a node that is being enrolled')
    }
    if (report.phase === 'failed') await this.#failed(id, report.detail ?? 'it gave no detail')
    else {
      const text =
        report.phase === 'installing' ? 'it has booted and installs its packages' : 'its packages are installed'
      await this.#nodes.move(id, before[report.phase], report.phase, { code: 'Reported', text }, this.#clock.now())
    }
    this.#wake()
  }

  async #failed(id: string, detail: string): Promise<void> {
    const node = await this.#nodes.get(id)
    if (!node) return
    const now = this.#clock.now()
    const before = (await this.#nodes.breakers()).get(typeKey(node))
    const breaker = afterFailure(before, node, this.#policyAt(now).breaker, now)
    const failure = { code: 'NodeReportedFailure', text: `${node.name} reports: ${detail}` } as const
    await this.#nodes.fail(id, failure, breaker, now)
  }
}
