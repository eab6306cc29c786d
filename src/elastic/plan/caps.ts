import { elementsOf } from '../../base/job-id.ts'
import type { Context } from './context.ts'
import type { Job } from './demand.ts'
import type { Cap } from './policy.ts'
import { isStale } from './stale.ts'
import type { Reason, Step } from './steps.ts'
import { isTooLarge } from './too-large.ts'

/** How many nodes the jobs of one capped user, account or queue hold or wait for. */
interface Count {
  readonly nodes: number
  used: number
  readonly reason: Reason
}

/** The counts for all users, accounts and queues that have caps. */
export class CapCount {
  readonly #caps: readonly Cap[]
  readonly #counts = new Map<string, Count>()
  readonly #countsOf = new Map<string, Map<string, Map<string, readonly Count[]>>>()

  /** Counts what jobs hold now. */
  constructor(ctx: Pick<Context, 'policy' | 'jobs'>) {
    this.#caps = ctx.policy.caps
    if (this.#caps.length === 0) return
    for (const job of ctx.jobs) if (isCounted(job)) this.take(job)
  }

  get any(): boolean {
    return this.#caps.length > 0
  }

  /** The cap that jobs which hold or wait for nodes break; then they no longer count, as they will not get them. */
  refusal(jobs: readonly Job[]): Reason | null {
    const uncounted = (job: Job) => (job.state === 'pending' ? job.nodeCount : 0)
    const broken = jobs.flatMap((job) => this.#broken(job, uncounted(job)) ?? [])[0] ?? null
    if (broken) for (const job of jobs) if (isCounted(job)) this.#add(job, -job.nodeCount)
    return broken
  }

  /** The cap that the job would break if it got its nodes too; null if there is none. */
  obstacle(job: Job): Reason | null {
    return this.#broken(job, job.nodeCount)
  }

  /** @param times how many jobs like this one */
  take(job: Job, times = 1): void {
    this.#add(job, times * job.nodeCount)
  }

  #add(job: Job, nodes: number): void {
    for (const count of this.#of(job)) count.used += nodes
  }

  #broken(job: Job, more: number): Reason | null {
    for (const count of this.#of(job)) if (count.used + more > count.nodes) return count.reason
    return null
  }

  /** Remembered for each user, account and queue that come together: there are far fewer of these than jobs. */
  #of({ user, account, partition }: Job): readonly Count[] {
    let byAccount = this.#countsOf.get(user)
    if (!byAccount) this.#countsOf.set(user, (byAccount = new Map()))
    let byQueue = byAccount.get(account)
    if (!byQueue) byAccount.set(account, (byQueue = new Map()))
    let counts = byQueue.get(partition)
    if (!counts) {
      const values = { user, account, queue: partition }
      counts = (['user', 'account', 'queue'] as const).flatMap((of) => this.#count(of, values[of]) ?? [])
      byQueue.set(partition, counts)
    }
    return counts
  }

  #count(of: Cap['of'], name: string): Count | null {
    const key = `${of} ${name}`
    const known = this.#counts.get(key)
    if (known) return known
    const mine = this.#caps.filter((cap) => cap.of === of)
    const cap = mine.find((one) => one.name === name) ?? mine.find((one) => one.name === '*')
    if (!cap) return null
    const text = `${of} ${name} may have ${cap.nodes} nodes, and jobs before it hold or wait for them`
    const reason: Reason = { code: 'OverCap', text, facts: { of, name, cap: cap.nodes } }
    const count = { nodes: cap.nodes, used: 0, reason }
    this.#counts.set(key, count)
    return count
  }
}

/**
 * Jobs that would break a cap if they started, or that nothing can pay for, are held in the queue, in the queue's order; those
 * that fit again are released. What is not held may start at any time: so all of it counts against caps, but for jobs that all
 * nodes together are too few for.
 * @param unpayable what keeps a job from being paid for, if anything does
 * @returns the steps, and what is said of the jobs that are held
 */
export function holdSteps(
  ctx: Context,
  caps: CapCount,
  unpayable: (job: Job) => Reason | null,
): { steps: Step[]; held: ReadonlyMap<string, Reason> } {
  const { queue } = ctx.obs
  const held = new Map<string, Reason>()
  const hold = new Map<Reason, string[]>()
  const release: string[] = []
  if (!queue.ok) return { steps: [], held }
  for (const job of ctx.jobs) {
    if (job.state !== 'pending' || (job.blocked !== null && job.blocked !== 'HeldByCauseway')) continue
    const dear = unpayable(job)
    if (!caps.any && !dear && job.blocked === null) continue
    const { allowed, refused, why, taken } = dear ? none(job, dear) : share(job, caps)
    if (taken > 0 && caps.any && isTooLarge(job, ctx)) caps.take(job, -taken)
    if (why) {
      held.set(job.id, why)
      if (job.blocked === null) {
        const others = hold.get(why)
        if (others) others.push(...refused)
        else hold.set(why, [...refused])
      }
    }
    if (job.blocked === 'HeldByCauseway') release.push(...allowed)
  }
  const fresh = (ids: string[]) => ids.filter((id) => !isStale(jobKey(id), queue.startedAtMs, ctx))
  const steps = [...hold].map(([reason, jobs]): Step => ({ kind: 'hold', jobs: fresh(jobs), reason }))
  const reason: Reason = { code: 'WithinCap', text: 'they fit under the caps and budgets again' }
  steps.push({ kind: 'release', jobs: fresh(release), reason })
  return { steps: steps.filter((step) => 'jobs' in step && step.jobs.length > 0), held }
}

/** A job of which no part may run. */
function none(job: Job, why: Reason): ReturnType<typeof share> {
  return { allowed: [], refused: [job.id], why, taken: 0 }
}

/** Whether it holds nodes, or waits for some that were chosen. */
function isCounted({ state }: Job): boolean {
  return state !== 'pending' && state !== 'ended'
}

/** The key of acts on a job. */
export function jobKey(id: string): string {
  return `job ${id}`
}

/** Which elements of a job (itself, unless it is an unsplit array) may run and which may not. */
function share(
  job: Job,
  caps: CapCount,
): { allowed: readonly string[]; refused: readonly string[]; why: Reason | null; taken: number } {
  if (job.count === 1) {
    const why = caps.obstacle(job)
    if (!why) caps.take(job)
    return why ? { allowed: [], refused: [job.id], why, taken: 0 } : { allowed: [job.id], refused: [], why, taken: 1 }
  }
  const allowed: string[] = []
  const refused: string[] = []
  let why: Reason | null = null
  for (const id of elementsOf(job.id)) {
    why ??= caps.obstacle(job)
    if (why) refused.push(id)
    else {
      allowed.push(id)
      caps.take(job)
    }
  }
  const taken = allowed.length
  const whole = refused.length === 0 ? [[job.id], []] : allowed.length === 0 ? [[], [job.id]] : [allowed, refused]
  return { allowed: whole[0] ?? [], refused: whole[1] ?? [], why, taken }
}
