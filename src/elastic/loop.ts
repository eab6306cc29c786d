import { toCausewayError } from '../base/errors.ts'
import type { JobStore } from '../store/job-store.ts'
import { execute, type Tools } from './execute.ts'
import { recordFindings, withoutBadSteps } from './hold-back.ts'
import type { Observer } from './observe.ts'
import { Lasting, patienceMs } from './patience.ts'
import type { Job } from './plan/demand.ts'
import { lintPlan } from './plan/lint.ts'
import type { Finding } from './plan/lint-findings.ts'
import type { Observation } from './plan/observation.ts'
import { plan } from './plan/plan.ts'
import { isJobStep, isNodeStep, type Plan, type Step } from './plan/steps.ts'

/** When the loop looks again by itself. */
export interface Pace {
  /** Wake-ups that come within this time make one round, ms. */
  readonly batchMs: number
  /** The longest time between two rounds, ms. */
  readonly pollMs: number
  /** The longest time between two rounds while nodes come or go, ms. */
  readonly busyPollMs: number
}

/** What the last round saw and decided. */
export interface View {
  readonly observation: Observation
  readonly plan: Plan
  /** Invariants that the plan would have broken; the steps that they name were held back. */
  readonly findings: readonly Finding[]
}

/**
 * The controller's heart: observe, plan, act, and wait for a wake-up or for time to pass. Rounds never overlap; acts do.
 */
export class Loop {
  readonly #observer: Observer
  readonly #tools: Tools
  readonly #jobs: JobStore
  readonly #pace: Pace
  readonly #decide: typeof plan
  readonly #stop = new AbortController()
  #wakeUp = new AbortController()
  #view: View | null = null
  #running: Promise<void> | null = null
  /** Steps of the last round, and jobs that it saw complete. */
  readonly #decided = new Lasting()
  readonly #completing = new Lasting()

  /** @param decide makes the plans: the planner, but in tests of what is done with a plan */
  constructor(observer: Observer, tools: Tools, jobs: JobStore, pace: Pace, decide = plan) {
    this.#observer = observer
    this.#tools = tools
    this.#jobs = jobs
    this.#pace = pace
    this.#decide = decide
  }

  /** What the last round saw and decided; null before the first. */
  get view(): View | null {
    return this.#view
  }

  /** Something has happened: look soon. Cheap, and safe to call at any time. */
  wake(): void {
    this.#wakeUp.abort()
  }

  /** Starts going round. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Ends after the round and the acts under way; resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.wake()
    await this.#running
    await this.#tools.acts.idle()
    await this.#tools.network.idle()
    await this.#tools.explainer?.idle()
    await this.#tools.warmer?.stop()
  }

  /** One round: returns when its records are committed and its acts are started. */
  async round(): Promise<View> {
    const { clock, acts } = this.#tools
    const before = this.#tools.policyAt(clock.now())
    const since = {
      failuresSinceMs: clock.now() - before.breaker.cooldownMs,
      goneSinceMs: clock.now() - before.grace.reuseMs,
    }
    const observation = await this.#observer.observe(acts, since, before.budgets)
    const now = clock.now()
    const policy = this.#tools.policyAt(now)
    const decided = this.#decide(observation, policy, now)
    const findings = lintPlan(decided, observation, policy, now)
    const view = { observation, plan: decided, findings }
    this.#view = view
    await recordFindings(findings, observation, this.#tools)
    await execute(withoutBadSteps(decided, findings), observation, this.#tools)
    await this.#tools.wantOverlay()
    if (observation.queue.ok) this.#tools.explainer?.tell(decided)
    // Last: nothing is decided by it, and a long queue takes a while.
    if (observation.queue.ok) await this.#jobs.save(observation.queue.value.jobs, now)
    return view
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#tools
    while (!this.#stop.signal.aborted) {
      this.#wakeUp = new AbortController()
      try {
        const view = await this.round()
        await clock.sleep(this.#pauseMs(view), this.#wakeUp.signal)
      } catch (thrown) {
        log.error({ err: toCausewayError(thrown) }, 'a round failed')
        await clock.sleep(this.#pace.busyPollMs, this.#wakeUp.signal)
      }
      if (!this.#stop.signal.aborted) await clock.sleep(this.#pace.batchMs, this.#stop.signal)
    }
  }

  /** How long nothing needs to be looked at unless something happens. */
  #pauseMs({ observation, plan: decided }: View): number {
    const now = this.#tools.clock.now()
    const { pollMs, busyPollMs } = this.#pace
    let pauseMs = pollMs
    // What was not decided before may help at once; a step that is decided again and again does not.
    const decidedMs = this.#decided.look(decided.steps.map(stepKey), now)
    if (decidedMs !== null) pauseMs = Math.min(pauseMs, patienceMs(busyPollMs, decidedMs))
    // A hook says that a job ends; nobody says when its nodes are free.
    const { queue } = observation
    const completingMs = this.#completing.look(queue.ok ? completing(queue.value.jobs) : [], now)
    if (completingMs !== null) pauseMs = Math.min(pauseMs, patienceMs(2 * busyPollMs, completingMs))
    for (const { phase, phaseSinceMs } of observation.nodes)
      if (phase !== 'ready') pauseMs = Math.min(pauseMs, patienceMs(busyPollMs, now - phaseSinceMs))
    const timesToLook = [decided.nextAtMs, this.#tools.policyChangesAtMs?.(now) ?? null]
    for (const atMs of timesToLook) if (atMs !== null) pauseMs = Math.min(pauseMs, atMs - now)
    // A plan may want to look again at once because a source was unread; that source needs time, and so do others.
    return Math.max(busyPollMs / 5, pauseMs)
  }
}

function completing(jobs: readonly Job[]): string[] {
  return jobs.filter(({ state }) => state === 'completing').map(({ id }) => id)
}

/** What a step does, whatever its reason says. */
function stepKey(step: Step): string {
  if (isNodeStep(step)) return `${step.kind} ${step.id}`
  if (isJobStep(step)) return `${step.kind} ${step.jobs.join(' ')}`
  const what = 'names' in step ? step.names.join(' ') : 'name' in step ? step.name : step.machine
  return `${step.kind} ${what}`
}
