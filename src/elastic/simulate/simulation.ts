import type { Clock } from '../../base/clock.ts'
import type { Phase } from '../../store/node-record.ts'
import { Backoff } from '../backoff.ts'
import type { Observation } from '../plan/observation.ts'
import type { Policy } from '../plan/policy.ts'
import type { Step } from '../plan/steps.ts'
import { usualSite } from '../policy-simulation.ts'
import { Agenda } from './agenda.ts'
import { Attention, type Happenings } from './attention.ts'
import { carryOut, type World } from './carry-out.ts'
import type { Life } from './life.ts'
import { Lives } from './lives.ts'
import type { WholeOptions } from './options.ts'
import { Outcomes } from './outcomes.ts'
import { SimulatedQueue } from './queue.ts'
import type { QueueJob } from './queue-model.ts'
import type { SimulationResult } from './result.ts'
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
  readonly #happened: Happenings = { submitted: false, started: false, ended: false, ready: false }
  #nowMs: number
  /** Jobs of the trace that were submitted. */
  #submitted = 0
  #policy: Policy
  /** When the rules may change, ms. */
  #policyChangeMs = Infinity
  /** When time alone may change the plan, ms. */
  #wakeMs = Infinity
  /** Something has changed that the planner must see. */
  #urgent = false
  /** When the next round is due, ms. */
  #roundMs = Infinity
  /** How often it was looked what is next, at this moment. */
  #turns = 0
  #rounds = 0
  #roundsInVain = 0
  #lastRoundMs = -Infinity
  #lastActMs: number
  #lastProgressMs: number

  constructor(options: WholeOptions) {
    this.#options = options
    const { trace, policy, places, random } = options
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
      changed: () => {
        this.#urgent = true
      },
      overdueAt: (atMs) => {
        this.#wakeMs = Math.min(this.#wakeMs, atMs)
      },
    })
    const clock: Clock = { now: () => this.#nowMs, sleep: () => Promise.resolve() }
    this.#world = { lives: this.#lives, queue: this.#queue, backoff: new Backoff(clock) }
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
      if (this.#roundMs <= this.#nowMs) this.#round()
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
    const soon = Math.min(submitMs, this.#agenda.nextMs, this.#roundMs)
    const pending = this.#queue.pending.length > 0
    // With nothing else to come, the planner says whether there is a time to wait for at all.
    if (soon === Infinity && !pending && this.#wakeMs < Infinity && this.#lastRoundMs < this.#nowMs) {
      this.#roundMs = this.#nowMs
      return this.#nowMs
    }
    const waiting = pending || Math.min(soon, this.#wakeMs) < Infinity
    return waiting ? Math.min(soon, this.#wakeMs, this.#policyChangeMs) : Infinity
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
      this.#happened.submitted = true
    }
    this.#agenda.run(this.#nowMs)
    this.#queue.place(this.#nowMs)
    if (before <= this.#nowMs || this.#happened.submitted) this.#acted()
  }

  /** Sees to it that there is a round when what happened can make a difference. */
  #considerRound(): void {
    const { pace } = this.#options
    const happened = this.#happened
    if (this.#queue.takeWanted()) this.#urgent = true
    if (!this.#urgent) {
      this.#urgent =
        pace.attention === 'all'
          ? happened.submitted || happened.started || happened.ended || happened.ready
          : this.#attention.matters(happened, this.#queue, this.#lives)
    }
    this.#wakeMs = Math.min(this.#wakeMs, this.#attention.idleDueMs)
    Object.assign(happened, { submitted: false, started: false, ended: false, ready: false })
    if (this.#urgent) this.#dueAt(this.#nowMs + pace.batchMs)
    if (this.#policyChangeMs <= this.#nowMs || this.#timeHasCome()) this.#dueAt(this.#nowMs)
  }

  /** Whether what time alone was waited for has come; if not, it is waited for the next such time. */
  #timeHasCome(): boolean {
    if (this.#wakeMs > this.#nowMs) return false
    if (this.#options.pace.attention === 'all') return true
    const { now, nextMs } = this.#attention.timeMatters(this.#lives, this.#queue, this.#policy, this.#nowMs)
    if (!now) this.#wakeMs = nextMs
    return now
  }

  #dueAt(atMs: number): void {
    const { pollMs } = this.#options.pace
    const dueMs = pollMs === null ? atMs : Math.ceil(atMs / pollMs) * pollMs
    this.#roundMs = Math.min(this.#roundMs, dueMs)
    // What is due is seen to.
    this.#urgent = false
    if (this.#wakeMs <= this.#nowMs) this.#wakeMs = Infinity
    if (this.#policyChangeMs <= this.#nowMs) this.#policyChangeMs = Infinity
  }

  #round(): void {
    const { policy: source, decide, onRound } = this.#options
    const nowMs = this.#nowMs
    const policy = source.at(nowMs)
    this.#policyChangeMs = source.nextChangeMs(nowMs) ?? Infinity
    if (policy !== this.#policy) {
      this.#policy = this.#lives.policy = policy
      this.#queue.follow(policy)
    }
    const obs = this.#observe(policy)
    const decided = decide(obs, policy, nowMs)
    onRound(obs, policy, nowMs, decided)
    this.#rounds++
    this.#lastRoundMs = nowMs
    this.#roundsInVain++
    this.#roundMs = Infinity
    this.#wakeMs = decided.nextAtMs ?? Infinity
    this.#urgent = false
    const { done, againMs } = carryOut(decided, this.#world, policy, nowMs)
    if (againMs < Infinity) this.#dueAt(againMs)
    this.#attention.look(this.#lives, this.#queue, policy, decided, nowMs)
    if (done.length === 0) return
    this.#acted()
    if (this.#options.pace.attention === 'all') this.#urgent = true
    else {
      this.#seeOut(done)
      if (!this.#attention.isQuiet(done, this.#lives, this.#queue, policy)) this.#urgent = true
    }
    this.#queue.place(nowMs)
    this.#considerRound()
  }

  /**
   * Nodes on their way out: the planner is not asked what it would certainly say in the next two rounds, that what is drained is
   * deleted. If a job waits by then, it is asked.
   */
  #seeOut(done: readonly Step[]): void {
    const inPhase = (kind: 'drain' | 'move', phase: Phase) =>
      done.flatMap((step) => {
        const life = step.kind === kind ? this.#lives.withId(step.id) : undefined
        return life?.phase === phase ? life : []
      })
    const drained = inPhase('drain', 'draining')
    const deleting = inPhase('move', 'deleting')
    const laterMs = this.#nowMs + this.#options.pace.batchMs
    if (drained.length > 0) this.#agenda.put(laterMs, () => this.#delete(drained))
    if (deleting.length > 0) this.#agenda.put(laterMs, () => this.#remove(deleting))
  }

  /** Whether the planner is asked at this moment anyway. */
  get #isRoundDue(): boolean {
    return this.#urgent || this.#roundMs <= this.#nowMs
  }

  #delete(drained: readonly Life[]): void {
    if (this.#isRoundDue) return
    const lives = drained.filter(({ phase }) => phase === 'draining')
    if (!this.#attention.mayGo(lives, this.#queue)) {
      this.#roundMs = this.#nowMs
      return
    }
    for (const life of lives) life.move('deleting', this.#nowMs)
    this.#agenda.put(this.#nowMs + this.#options.pace.batchMs, () => this.#remove(lives))
  }

  #remove(deleting: readonly Life[]): void {
    if (this.#isRoundDue) return
    for (const life of deleting) {
      if (life.phase !== 'deleting') continue
      if (this.#queue.node(life.name)?.power === 'present') this.#queue.powerDown([life.name])
      this.#lives.remove(life, this.#nowMs)
    }
    if (!this.#attention.isGoneQuietly(this.#lives, this.#queue, this.#policy)) this.#urgent = true
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
    if (this.#lives.ready(life, this.#nowMs)) this.#urgent = true
    this.#attention.idle(life)
    this.#happened.ready = true
  }

  #started(job: QueueJob): void {
    this.#happened.started = true
    this.#progressed()
    this.#outcomes.started(job, this.#nowMs)
    this.#agenda.put(this.#nowMs + job.runMs, () => {
      this.#happened.ended = true
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
