import type { Clock } from '../../base/clock.ts'
import { Backoff } from '../backoff.ts'
import type { Observation } from '../plan/observation.ts'
import type { Policy } from '../plan/policy.ts'
import { usualSite } from '../policy-simulation.ts'
import { Agenda } from './agenda.ts'
import { Attention } from './attention.ts'
import { carryOut, type World } from './carry-out.ts'
import { Leaving } from './leaving.ts'
import type { Life } from './life.ts'
import { Lives } from './lives.ts'
import type { WholeOptions } from './options.ts'
import { Outcomes } from './outcomes.ts'
import { SimulatedQueue } from './queue.ts'
import type { QueueJob } from './queue-model.ts'
import type { SimulationResult } from './result.ts'
import { RoundTimer } from './round-timer.ts'
import { Samples } from './samples.ts'
import { SimulatedSite } from './simulated-site.ts'
import type { TraceJob } from './trace.ts'

/** So many rounds without a job that starts or ends: the plan goes in circles. */
const mostRoundsInVain = 100_000

/** Nothing takes so many turns at one moment. */
const mostTurns = 10_000

/** One run of `simulate`: what there is, and the time that goes on from one thing that happens to the next. */
export class Simulation {
  readonly #options: WholeOptions
  readonly #jobs: readonly TraceJob[]
  readonly #startMs: number
  readonly #agenda = new Agenda()
  readonly #queue: SimulatedQueue
  readonly #lives: Lives
  readonly #sites: ReadonlyMap<string, SimulatedSite>
  readonly #world: World
  readonly #samples: Samples
  readonly #outcomes: Outcomes
  readonly #attention: Attention
  readonly #timer: RoundTimer
  readonly #leaving: Leaving
  #nowMs: number
  /** Jobs of the trace that were submitted. */
  #submitted = 0
  #policy: Policy
  /** How often it was looked what is next, at this moment. */
  #turns = 0
  #rounds = 0
  #roundsInVain = 0
  #lastActMs: number
  #lastProgressMs: number

  constructor(options: WholeOptions) {
    this.#options = options
    const { trace, policy, places, random, pace } = options
    this.#jobs = trace.jobs
    this.#startMs = trace.startedAtMs
    this.#nowMs = this.#lastActMs = this.#lastProgressMs = trace.startedAtMs
    this.#policy = policy.at(this.#nowMs)
    const names = [...new Set(this.#policy.types.map(({ site }) => site))]
    this.#sites = new Map(
      names.map((site) => {
        const model = options.sites.get(site) ?? usualSite
        return [site, new SimulatedSite(model, random.stream(`site ${site}`))]
      }),
    )
    this.#outcomes = new Outcomes(trace)
    this.#attention = new Attention(places)
    this.#timer = new RoundTimer(pace, this.#attention)
    this.#queue = new SimulatedQueue(
      places,
      this.#policy,
      {
        started: (job) => this.#started(job),
        held: (node) => {
          const life = this.#lives.named(node.name)
          if (!life) return
          if (node.busy) life.held(this.#nowMs)
          else {
            life.unheld(this.#nowMs)
            this.#attention.idle(life)
          }
        },
      },
      options.backfillDepth,
    )
    this.#lives = new Lives(this.#policy, this.#sites, this.#agenda, this.#startMs, {
      registered: (life) => this.#registered(life),
      changed: () => this.#timer.hurry(),
      overdueAt: (atMs) => this.#timer.wakeAt(atMs),
    })
    const clock: Clock = { now: () => this.#nowMs, sleep: () => Promise.resolve() }
    this.#world = { lives: this.#lives, queue: this.#queue, backoff: new Backoff(clock) }
    this.#leaving = new Leaving({
      lives: this.#lives,
      queue: this.#queue,
      agenda: this.#agenda,
      attention: this.#attention,
      timer: this.#timer,
      batchMs: pace.batchMs,
    })
    this.#samples = new Samples(this.#lives, this.#queue, this.#startMs)
  }

  run(): SimulationResult {
    this.#round()
    for (;;) {
      const atMs = this.#nextMs()
      if (atMs === Infinity || this.#isStuck(atMs)) break
      this.#goTo(atMs)
      this.#happen()
      this.#considerRound()
      if (this.#timer.isDue(this.#nowMs)) this.#round()
    }
    const { name, trace } = this.#options
    this.#samples.take(this.#lastActMs)
    return {
      policy: name,
      trace: trace.name,
      endedMs: this.#lastActMs - this.#startMs,
      jobs: this.#outcomes.all(),
      lives: this.#lives.closeBooks(this.#lastActMs),
      samples: this.#samples.all,
      rounds: this.#rounds,
    }
  }

  #goTo(atMs: number): void {
    this.#turns = atMs === this.#nowMs ? this.#turns + 1 : 0
    if (this.#turns > mostTurns) throw new Error(`the simulation stands still at ${new Date(atMs).toISOString()}`)
    this.#samples.before(atMs)
    this.#nowMs = atMs
  }

  /** When something happens next; infinite when all is over and nothing is left to do. */
  #nextMs(): number {
    const submitMs = this.#startMs + (this.#jobs[this.#submitted]?.submitMs ?? Infinity)
    const othersMs = Math.min(submitMs, this.#agenda.nextMs)
    return this.#timer.nextMs(othersMs, this.#queue.pending.length > 0, this.#nowMs)
  }

  #isStuck(atMs: number): boolean {
    if (this.#submitted < this.#jobs.length) return false
    for (const job of this.#queue.placed) if (job.state === 'running') return false
    return atMs - this.#lastProgressMs > this.#options.patienceMs || this.#roundsInVain > mostRoundsInVain
  }

  /** Everything that happens at this moment but for a round. */
  #happen(): void {
    const before = this.#agenda.nextMs
    for (;;) {
      const job = this.#jobs[this.#submitted]
      if (!job || this.#startMs + job.submitMs > this.#nowMs) break
      this.#queue.submit(job, this.#submitted++, this.#nowMs)
      this.#timer.happened.submitted = true
    }
    this.#agenda.run(this.#nowMs)
    this.#queue.place(this.#nowMs)
    if (before <= this.#nowMs || this.#timer.happened.submitted) this.#acted()
  }

  #considerRound(): void {
    this.#timer.consider(this.#lives, this.#queue, this.#policy, this.#nowMs)
  }

  #round(): void {
    const { policy: source, decide, onRound } = this.#options
    const nowMs = this.#nowMs
    const policy = source.at(nowMs)
    if (policy !== this.#policy) {
      this.#policy = this.#lives.policy = policy
      this.#queue.follow(policy)
    }
    const obs = this.#observe(policy)
    const decided = decide(obs, policy, nowMs)
    onRound(obs, policy, nowMs, decided)
    this.#rounds++
    this.#roundsInVain++
    this.#timer.decided(nowMs, decided.nextAtMs ?? Infinity, source.nextChangeMs(nowMs) ?? Infinity)
    const { done, againMs } = carryOut(decided, this.#world, policy, nowMs)
    if (againMs < Infinity) this.#timer.dueBy(againMs, nowMs)
    this.#attention.look(this.#lives, this.#queue, policy, decided, nowMs)
    if (done.length === 0) return
    this.#acted()
    if (this.#options.pace.attention === 'all') this.#timer.hurry()
    else {
      this.#leaving.seeOut(done, nowMs)
      if (!this.#attention.isQuiet(done, this.#lives, this.#queue, policy)) this.#timer.hurry()
    }
    this.#queue.place(nowMs)
    this.#considerRound()
  }

  /** A reading of everything that began after all that has happened at this moment. */
  #observe(policy: Policy): Observation {
    const nowMs = this.#nowMs
    const startedAtMs = nowMs + 1
    const { lastFailureMs, lastGoneMs } = this.#lives
    forgetBefore(lastFailureMs, nowMs - policy.breaker.cooldownMs)
    forgetBefore(lastGoneMs, nowMs - policy.grace.reuseMs)
    return {
      queue: { ok: true, startedAtMs, value: this.#queue.snapshot() },
      places: this.#queue.places,
      sites: new Map(
        [...this.#sites.keys()].map((site) => [site, { ok: true, startedAtMs, value: this.#lives.machines(site) }]),
      ),
      nodes: [...this.#lives.all],
      inFlight: this.#lives.inFlight,
      breakers: this.#lives.breakers,
      spent: this.#lives.spent(policy.budgets),
      settledAtMs: nothingSettled,
      lastFailureMs,
      lastGoneMs,
      orphansSinceMs: nothingSettled,
    }
  }

  /** The planner would find the node in the queue and call it ready a moment later: that needs no round. */
  #registered(life: Life): void {
    this.#queue.register(life.name, life, this.#nowMs)
    if (this.#lives.ready(life, this.#nowMs)) this.#timer.hurry()
    this.#attention.idle(life)
    this.#timer.happened.ready = true
  }

  #started(job: QueueJob): void {
    this.#timer.happened.started = true
    this.#progressed()
    this.#outcomes.started(job, this.#nowMs)
    this.#agenda.put(this.#nowMs + job.runMs, () => {
      this.#timer.happened.ended = true
      this.#progressed()
      this.#outcomes.ended(job, this.#nowMs)
      this.#queue.end(job, this.#nowMs)
    })
  }

  #progressed(): void {
    this.#lastProgressMs = this.#nowMs
    this.#roundsInVain = 0
  }

  #acted(): void {
    this.#lastActMs = this.#nowMs
    this.#samples.changed(this.#nowMs)
  }
}

const nothingSettled: ReadonlyMap<string, number> = new Map()

function forgetBefore(times: Map<string, number>, sinceMs: number): void {
  for (const [key, atMs] of times) if (atMs <= sinceMs) times.delete(key)
}
