import type { PhaseReport } from '../../src/elastic/reports.ts'
import type { FakeScheduler } from '../fakes/scheduler.ts'
import type { Random } from './random.ts'
import type { FaultKind } from './scenario.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** One boot of a machine. */
export interface Body {
  readonly id: string
  readonly name: string
  readonly site: string
  /** The host of the pool that has it; null at a site with one only. */
  readonly host: string | null
  /** How often this id had booted before. */
  readonly earlierBoots: number
  /** Its daemon runs. */
  up: boolean
  /** The queue knows of its daemon. */
  registered: boolean
}

/** What the machines need to know of the world. */
export interface Surroundings {
  readonly clock: VirtualClock
  readonly random: Random
  readonly scheduler: FakeScheduler
  /** Whether such a fault may happen now. */
  readonly has: (fault: FaultKind) => boolean
  /** Whether its site or its host is off the network. */
  readonly isCut: (body: Body) => boolean
  readonly report: (id: string, report: PhaseReport) => void
  readonly log: (text: string) => void
}

/** What machines do by themselves: they boot, report, register with the queue, and are silent when they are gone or cut off. */
export class Machines {
  /** Machines with power, by id. */
  readonly bodies = new Map<string, Body>()
  readonly #around: Surroundings
  readonly #boots = new Map<string, number>()

  /** How often any machine has booted. */
  get boots(): number {
    return [...this.#boots.values()].reduce((sum, times) => sum + times, 0)
  }

  constructor(around: Surroundings) {
    this.#around = around
  }

  /** A machine starts from its image. Does nothing for one that runs. */
  start(site: string, host: string | null, id: string, name: string): void {
    if (this.bodies.has(id)) return
    const { clock, random, has, log } = this.#around
    const earlierBoots = this.#boots.get(id) ?? 0
    this.#boots.set(id, earlierBoots + 1)
    const body: Body = { id, name, site, host, earlierBoots, up: false, registered: false }
    this.bodies.set(id, body)
    const stream = random.stream(`boot ${id} ${earlierBoots}`)
    const slow = stream.chance(0.35) && has('slow-boots') ? 6 : 1
    const stages = [1, 2, 3].map(() => stream.int(200, 1500) * slow)
    const lastStage = stream.chance(0.35) && has('dead-boots') ? stream.int(0, 2) : 3
    const fails = stream.chance(0.3) && has('failure-reports') ? stream.int(0, 2) : 3
    if (slow > 1 || lastStage < 3) log(`${name} (${id}) boots ${lastStage < 3 ? 'and will hang' : 'slowly'}`)
    const reports: (() => void)[] = [
      () => this.#report(body, { phase: 'installing' }, stream),
      () => this.#report(body, { phase: 'enrolling' }, stream),
      () => this.#register(body),
    ]
    const stage = (k: number) => {
      clock.after(stages[k] ?? 0, () => {
        if (this.bodies.get(id) !== body || k >= lastStage) return
        if (k === fails) return this.#report(body, { phase: 'failed', detail: 'out of luck' }, stream)
        reports[k]?.()
        if (k < 2) stage(k + 1)
      })
    }
    stage(0)
  }

  /** A machine has no power any more, or is deleted. */
  stop(id: string): void {
    const body = this.bodies.get(id)
    this.bodies.delete(id)
    if (body?.up && !this.#around.isCut(body)) this.#silence(body.name)
  }

  /** These machines are off the network now. */
  cut(concerns: (body: Body) => boolean): void {
    for (const body of this.bodies.values()) if (concerns(body) && body.up) this.#silence(body.name)
  }

  /** They are back, unless something else cuts them off: daemons that the queue had lost answer again, others register only now. */
  mend(concerns: (body: Body) => boolean): void {
    const { scheduler, isCut } = this.#around
    for (const body of this.bodies.values()) {
      if (!concerns(body) || !body.up || isCut(body)) continue
      const expected = scheduler.peek().nodes.find((node) => node.name === body.name)?.power === 'present'
      if (!body.registered) this.#enrol(body)
      else if (expected) scheduler.machineUp(body.name)
    }
  }

  /** The machines that run under a name, daemon or not. */
  named(name: string): Body[] {
    return [...this.bodies.values()].filter((body) => body.name === name)
  }

  #register(body: Body): void {
    body.up = true
    this.#around.log(`${body.name} (${body.id}) is up`)
    if (!this.#around.isCut(body)) this.#enrol(body)
  }

  #enrol(body: Body): void {
    body.registered = true
    this.#around.scheduler.machineRebooted(body.name)
  }

  #silence(name: string): void {
    const others = this.named(name).some((body) => body.up && !this.#around.isCut(body))
    if (!others) this.#around.scheduler.machineLost(name)
  }

  #report(body: Body, report: PhaseReport, stream: Random): void {
    const { clock, has, isCut } = this.#around
    const lost = stream.chance(0.5) && has('lost-reports')
    const again = stream.chance(0.3) && has('lost-reports')
    if (isCut(body)) return
    if (!lost) this.#around.report(body.id, report)
    if (again) clock.after(stream.int(1, 8000), () => this.#around.report(body.id, report))
  }
}
