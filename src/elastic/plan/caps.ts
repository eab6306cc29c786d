import type { Context } from './context.ts'
import type { Job } from './demand.ts'
import type { Cap } from './policy.ts'
import type { Reason, Step } from './steps.ts'

/** How many nodes the jobs of each capped user, account and queue hold or wait for. */
export class CapCount {
  readonly #caps: readonly Cap[]
  readonly #used = new Map<string, number>()

  /** Counts what jobs hold now. */
  constructor(ctx: Pick<Context, 'policy' | 'jobs'>) {
    this.#caps = ctx.policy.caps
    if (this.#caps.length === 0) return
    // A job that waits for its nodes gives way to those that run: it is the one that can still be refused.
    for (const job of ctx.jobs) if (holds(job)) this.take(job)
  }

  /** The cap that jobs which hold or wait for nodes break; then they no longer count, as they will not get them. */
  refusal(jobs: readonly Job[]): Reason | null {
    const broken = jobs.flatMap((job) => this.#broken(job, -job.nodeCount) ?? [])[0] ?? null
    if (broken) for (const job of jobs) this.#count(job, -1)
    return broken
  }

  /** Whether the job may have its nodes, too. */
  allows(job: Job): Reason | null {
    return this.#broken(job, 0)
  }

  take(job: Job): void {
    this.#count(job, 1)
  }

  get any(): boolean {
    return this.#caps.length > 0
  }

  #count(job: Job, sign: 1 | -1): void {
    for (const cap of this.#capsOf(job)) {
      const key = keyOf(cap, job)
      this.#used.set(key, (this.#used.get(key) ?? 0) + sign * job.nodeCount)
    }
  }

  #broken(job: Job, less: number): Reason | null {
    for (const cap of this.#capsOf(job)) {
      const used = (this.#used.get(keyOf(cap, job)) ?? 0) + less
      if (used + job.nodeCount <= cap.nodes) continue
      const text = `${cap.of} ${nameOf(cap, job)} may have ${cap.nodes} nodes, has ${used}, and asks for ${job.nodeCount} more`
      return { code: 'OverCap', text, facts: { of: cap.of, name: nameOf(cap, job), cap: cap.nodes, used } }
    }
    return null
  }

  #capsOf(job: Job): Cap[] {
    return (['user', 'account', 'queue'] as const).flatMap((of) => {
      const own = this.#caps.find((cap) => cap.of === of && cap.name === valueOf(of, job))
      return own ?? this.#caps.find((cap) => cap.of === of && cap.name === '*') ?? []
    })
  }
}

/**
 * Jobs that would break a cap if they started are held in the queue, in the queue's order; those that fit again are released.
 * What is not held may start at any time: so all of it counts.
 * @returns the steps, and what is said of the jobs that are held
 */
export function capSteps(ctx: Context, caps: CapCount): { steps: Step[]; held: ReadonlyMap<string, Reason> } {
  const { queue } = ctx.obs
  const held = new Map<string, Reason>()
  const hold: string[] = []
  const release: string[] = []
  if (!queue.ok) return { steps: [], held }
  let first: Reason | null = null
  for (const job of ctx.jobs) {
    if (job.state !== 'pending' || (job.blocked !== null && job.blocked !== 'HeldByCauseway')) continue
    if (!caps.any && job.blocked === null) continue
    const { allowed, refused, why } = share(job, caps)
    if (why) {
      held.set(job.id, why)
      first ??= why
      if (job.blocked === null) hold.push(...refused)
    }
    if (job.blocked === 'HeldByCauseway') release.push(...allowed)
  }
  const fresh = (ids: string[]) => ids.filter((id) => !ctx.obs.inFlight.has(jobKey(id)) && !settledSince(id, ctx))
  const steps: Step[] = []
  const [toHold, toRelease] = [fresh(hold), fresh(release)]
  if (toHold.length > 0 && first) steps.push({ kind: 'hold', jobs: toHold, reason: first })
  if (toRelease.length > 0) {
    steps.push({
      kind: 'release',
      jobs: toRelease,
      reason: { code: 'WithinCap', text: 'they fit under the caps again' },
    })
  }
  return { steps, held }
}

/** The key of acts on a job. */
export function jobKey(id: string): string {
  return `job ${id}`
}

function settledSince(id: string, { obs }: Context): boolean {
  return obs.queue.ok && obs.queue.startedAtMs <= (obs.settledAtMs.get(jobKey(id)) ?? 0)
}

/** Which elements of a job (itself, unless it is an unsplit array) may run and which may not. */
function share(job: Job, caps: CapCount): { allowed: string[]; refused: string[]; why: Reason | null } {
  const allowed: string[] = []
  const refused: string[] = []
  let why: Reason | null = null
  for (const id of elementsOf(job)) {
    why ??= caps.allows(job)
    if (why) refused.push(id)
    else {
      allowed.push(id)
      caps.take(job)
    }
  }
  const whole = refused.length === 0 ? [[job.id], []] : allowed.length === 0 ? [[], [job.id]] : [allowed, refused]
  return { allowed: whole[0] ?? [], refused: whole[1] ?? [], why }
}

/** The ids of an unsplit array's elements, `12_[3-9:2,11]`; for any other job its own. */
function elementsOf(job: Job): string[] {
  const match = /^(.+)_\[([0-9,:-]+)\]$/.exec(job.id)
  if (!match || job.count === 1) return [job.id]
  return (match[2] ?? '').split(',').flatMap((range) => {
    const [, first, last = first, step = '1'] = /^(\d+)(?:-(\d+))?(?::(\d+))?$/.exec(range) ?? []
    const ids: string[] = []
    for (let k = Number(first); k <= Number(last); k += Math.max(1, Number(step))) ids.push(`${match[1]}_${k}`)
    return ids
  })
}

function holds(job: Job): boolean {
  return job.state !== 'pending' && job.state !== 'ended'
}

function valueOf(of: Cap['of'], job: Job): string {
  return of === 'user' ? job.user : of === 'account' ? job.account : job.partition
}

function nameOf(cap: Cap, job: Job): string {
  return cap.name === '*' ? valueOf(cap.of, job) : cap.name
}

function keyOf(cap: Cap, job: Job): string {
  return `${cap.of} ${valueOf(cap.of, job)}`
}
