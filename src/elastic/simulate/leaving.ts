import type { Phase } from '../../store/node-record.ts'
import type { Step } from '../plan/steps.ts'
import type { Agenda } from './agenda.ts'
import type { Attention } from './attention.ts'
import type { Life } from './life.ts'
import type { Lives } from './lives.ts'
import type { SimulatedQueue } from './queue.ts'
import type { RoundTimer } from './round-timer.ts'

export interface LeavingDeps {
  readonly lives: Lives
  readonly queue: SimulatedQueue
  readonly agenda: Agenda
  readonly attention: Attention
  readonly timer: RoundTimer
  /** How long after a round the next would be, ms. */
  readonly batchMs: number
}

/**
 * Nodes on their way out: the planner is not asked what it would certainly say in the next two rounds, that what is drained is
 * deleted. If a job waits by then, it is asked.
 */
export class Leaving {
  readonly #deps: LeavingDeps

  constructor(deps: LeavingDeps) {
    this.#deps = deps
  }

  /** Sees the nodes out that a round has drained or begun to delete. */
  seeOut(done: readonly Step[], nowMs: number): void {
    const { lives, agenda, batchMs } = this.#deps
    const inPhase = (kind: 'drain' | 'move', phase: Phase) =>
      done.flatMap((step) => {
        const life = step.kind === kind ? lives.withId(step.id) : undefined
        return life?.phase === phase ? life : []
      })
    const drained = inPhase('drain', 'draining')
    const deleting = inPhase('move', 'deleting')
    const laterMs = nowMs + batchMs
    if (drained.length > 0) agenda.put(laterMs, () => this.#delete(drained, laterMs))
    if (deleting.length > 0) agenda.put(laterMs, () => this.#remove(deleting, laterMs))
  }

  #delete(drained: readonly Life[], nowMs: number): void {
    const { queue, agenda, attention, timer, batchMs } = this.#deps
    if (timer.isAsked(nowMs)) return
    const lives = drained.filter(({ phase }) => phase === 'draining')
    if (!attention.mayGo(lives, queue)) {
      timer.dueNow(nowMs)
      return
    }
    for (const life of lives) life.move('deleting', nowMs)
    const laterMs = nowMs + batchMs
    agenda.put(laterMs, () => this.#remove(lives, laterMs))
  }

  #remove(deleting: readonly Life[], nowMs: number): void {
    const { lives, queue, attention, timer } = this.#deps
    if (timer.isAsked(nowMs)) return
    for (const life of deleting) {
      if (life.phase !== 'deleting') continue
      if (queue.node(life.name)?.power === 'present') queue.powerDown([life.name])
      lives.remove(life, nowMs)
    }
    if (!attention.isGoneQuietly(lives, queue, lives.policy)) timer.hurry()
  }
}
