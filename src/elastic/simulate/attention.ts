import type { NodeRecord, Phase } from '../../store/node-record.ts'
import { isClosed } from '../plan/breaker.ts'
import { isCapacity } from '../plan/phases.ts'
import { type Policy, typeKey } from '../plan/policy.ts'
import type { Plan, Step } from '../plan/steps.ts'
import type { Lives } from './lives.ts'
import type { SimulatedQueue } from './queue.ts'

/** What happened in the queue at one moment. */
export interface Happenings {
  submitted: boolean
  started: boolean
  ended: boolean
  /** A node has become ready. */
  ready: boolean
}

/**
 * Says which happenings in the queue can make the planner decide otherwise than in the round before. Most can't: a job that
 * starts on a node that is there, or ends while nobody waits. It errs on the side of asking the planner.
 */
export class Attention {
  readonly #places: 'scheduler' | 'causeway'
  /** Caps and budgets: every job counts. */
  #counting = false
  #tooMany = false
  #spares = false
  #growable = false
  #anySpare = false
  /** The types that jobs waited for. */
  #demanded = ''
  #draining = false
  /** Nodes that were idle for long enough when the planner last looked, or that it keeps for the minimum. */
  readonly #kept = new Set<NodeRecord>()
  /** Types with nodes that are kept for the minimum, by `typeKey`. */
  readonly #atMinimum = new Set<string>()
  /** Some of them are kept for jobs, or until some time: the plan says until when. */
  #keptForJobs = false
  #timed = false
  #idleMs = new Map<string, number>()
  /** When the first idle node that may go has been idle for long enough; it may be taken by a job by then. */
  #idleDueMs = Infinity

  constructor(places: 'scheduler' | 'causeway') {
    this.#places = places
  }

  /** How things stand after a round: what happens next is judged by that. */
  look(lives: Lives, queue: SimulatedQueue, policy: Policy, plan: Plan, nowMs: number): void {
    this.#demanded = queue.demanded
    this.#anySpare = policy.types.some((type) => type.spare > 0)
    this.#counting = policy.caps.length > 0 || policy.budgets.length > 0
    this.#idleMs = new Map(policy.types.map((type) => [typeKey(type), type.idleMs]))
    this.#draining = false
    this.#kept.clear()
    this.#atMinimum.clear()
    this.#keptForJobs = this.#timed = false
    this.#idleDueMs = Infinity
    const all = new Map<string, number>()
    const useful = new Map<string, number>()
    for (const life of lives.all) {
      const key = typeKey(life)
      all.set(key, (all.get(key) ?? 0) + 1)
      if (isCapacity(life.phase)) useful.set(key, (useful.get(key) ?? 0) + 1)
      if (life.phase === 'draining') this.#draining = true
      const code = plan.waiting.get(life.id)?.code
      const isOverdue = this.#isDue(life, nowMs)
      if (code === 'AtMinimum') this.#atMinimum.add(key)
      if (code === 'AtMinimum' || isOverdue) this.#kept.add(life)
      else this.#noteIdle(life)
      if (isOverdue && (code === 'DemandWaiting' || code === 'Spare')) this.#keptForJobs = true
      if (isOverdue && (code === 'PaidFor' || code === 'LifetimeRunning')) this.#timed = true
    }
    this.#tooMany = policy.types.some((type) => (useful.get(typeKey(type)) ?? 0) > type.maximum)
    const open = policy.types.filter((type) => {
      const key = typeKey(type)
      return (all.get(key) ?? 0) < type.maximum && !isClosed(lives.breakers.get(key), nowMs)
    })
    this.#growable = open.length > 0
    this.#spares = open.some((type) => type.spare > 0)
  }

  /**
   * Whether steps that were carried out leave nothing to decide: what is begun, or on its way out, changes no other decision.
   * What becomes of nodes on their way out is seen to without a round (`mayGo`).
   */
  isQuiet(done: readonly Step[], lives: Lives, queue: SimulatedQueue, policy: Policy): boolean {
    if (lives.inDoubt && this.#places === 'causeway') return false
    return done.every((step) => {
      if (step.kind === 'create' || step.kind === 'drain') return true
      if (step.kind === 'begin') return this.#isBegunQuietly(step)
      if (step.kind === 'move') return step.to === 'deleting'
      return step.kind === 'remove' && this.isGoneQuietly(lives, queue, policy)
    })
  }

  /**
   * With one more node of a type, another of it may go that was kept for the minimum or as a spare one. Where Causeway places,
   * other jobs may be thought onto it than the one that it is begun for.
   */
  #isBegunQuietly(type: { readonly site: string; readonly type: string }): boolean {
    const frees = this.#atMinimum.has(typeKey(type)) || (this.#anySpare && this.#keptForJobs)
    return !frees && this.#places === 'scheduler'
  }

  /** Whether a node that is gone makes room for nothing. */
  isGoneQuietly(lives: Lives, queue: SimulatedQueue, policy: Policy): boolean {
    if (this.#counting || lives.anyClosed || this.#shrunken(policy)) return false
    return this.#places === 'scheduler' || (queue.pending.length === 0 && !lives.inDoubt)
  }

  /** Whether the planner would certainly go on to delete these nodes, which are drained and idle: no job waits that could use them. */
  mayGo(lives: readonly NodeRecord[], queue: SimulatedQueue): boolean {
    if (queue.pending.length === 0) return true
    if (this.#places === 'causeway') return false
    const demanded = new Set(queue.demanded.split(' '))
    return !lives.some((life) => demanded.has(typeKey(life)))
  }

  /** Whether a maximum is lower than the names that there are: those that are free are then to be closed. */
  #shrunken(policy: Policy): boolean {
    return policy.types.some((type) => type.maximum < type.names)
  }

  /** Whether a time has come that the planner waited for: a node was idle, or in a phase, for long enough. Looks for the next. */
  timeMatters(
    lives: Lives,
    queue: SimulatedQueue,
    policy: Policy,
    nowMs: number,
  ): { readonly now: boolean; readonly nextMs: number } {
    if (lives.inDoubt || this.#counting || this.#tooMany || this.#timed) return { now: true, nextMs: Infinity }
    this.#idleDueMs = Infinity
    this.#demanded = queue.demanded
    const demanded = this.#places === 'scheduler' ? new Set(this.#demanded.split(' ')) : new Set<string>()
    let nextMs = Infinity
    for (const life of lives.all) {
      if (life.attempts > 0) return { now: true, nextMs: Infinity }
      if (this.#isDue(life, nowMs) && demanded.has(typeKey(life))) {
        this.#kept.add(life)
        this.#keptForJobs = true
      } else if (!this.#kept.has(life)) this.#noteIdle(life)
      const limitMs = limitOf(life.phase, policy)
      if (limitMs !== null) nextMs = Math.min(nextMs, life.phaseSinceMs + limitMs)
    }
    nextMs = Math.min(nextMs, this.#idleDueMs)
    return { now: nextMs <= nowMs, nextMs }
  }

  /** A node is idle from now on. */
  idle(life: NodeRecord): void {
    this.#kept.delete(life)
    this.#noteIdle(life)
  }

  /** When an idle node may be due, ms. */
  get idleDueMs(): number {
    return this.#idleDueMs
  }

  /** Whether what happened in the queue can change the plan. */
  matters({ submitted, started, ended, ready }: Happenings, queue: SimulatedQueue, lives: Lives): boolean {
    const pending = queue.pending.length > 0
    if (!submitted && !started && !ended && !ready) return false
    if (this.#counting || (lives.inDoubt && this.#places === 'causeway')) return true
    if ((ended || ready) && this.#tooMany) return true
    if (ready && this.#keptForJobs && this.#anySpare) return true
    if (!submitted && !started && !ended) return false
    if (started && this.#spares) return true
    if (pending && (this.#draining || (this.#growable && this.#places === 'causeway'))) return true
    if (!this.#keptForJobs || !(started || ended)) return false
    return this.#anySpare || this.#places === 'causeway' || queue.demanded !== this.#demanded
  }

  #isDue(life: NodeRecord, nowMs: number): boolean {
    return life.phase === 'ready' && this.#dueMs(life) <= nowMs
  }

  #noteIdle(life: NodeRecord): void {
    if (life.phase === 'ready') this.#idleDueMs = Math.min(this.#idleDueMs, this.#dueMs(life))
  }

  /** When it has been idle for long enough; infinite while it is not idle. */
  #dueMs(life: NodeRecord): number {
    return life.idleSinceMs === null ? Infinity : life.idleSinceMs + (this.#idleMs.get(typeKey(life)) ?? 0)
  }
}

function limitOf(phase: Phase, { deadlines }: Policy): number | null {
  if (phase === 'booting') return deadlines.bootMs
  if (phase === 'installing') return deadlines.installMs
  return phase === 'enrolling' ? deadlines.enrolMs : null
}
