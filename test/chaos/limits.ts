import type { Job, QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import type { Budget, Policy, TypePolicy } from '../../src/elastic/plan/policy.ts'
import type { Book, Entry } from './book.ts'
import { areEnough, capsOf, fitsType, placementOf } from './wishes.ts'

/** What a new life is judged by. */
export interface Bench {
  readonly book: Book
  readonly policy: Policy
  readonly now: number
  readonly places: 'scheduler' | 'causeway'
  /** The queue as the controller read it last. */
  readonly queue: QueueSnapshot
  /** Since when each drained site is drained, ms. */
  readonly drainedSinceMs: ReadonlyMap<string, number>
  /** Names that were refused together with what is judged: jobs that wait for them go back to the queue. */
  readonly refused: ReadonlySet<string>
  /** The controller died in the middle of it: what it would still have begun or refused is not known. */
  readonly isBrokenOff: boolean
}

const growing = new Set(['planned', 'creating', 'booting', 'installing', 'enrolling'])

/** What is wrong with beginning a life now, a sentence each. Gangs are judged when all that begins with it has begun. */
export function wrongsOfBegin(entry: Entry, bench: Bench): string[] {
  const { book, policy } = bench
  const name = `${entry.site}/${entry.type}`
  const type = policy.types.find((one) => one.site === entry.site && one.type === entry.type)
  if (!type) return [`${entry.id} begins as ${name}, which the policy does not have`]
  const wrongs: string[] = []
  const living = book.living(type)
  if (living.length > type.maximum) {
    wrongs.push(`${entry.id} is the ${living.length}th life of ${name}, which may have ${type.maximum}`)
  }
  // A drain of this very moment may have come after the round looked.
  if ((bench.drainedSinceMs.get(entry.site) ?? Infinity) < bench.now) {
    wrongs.push(`${entry.id} begins at ${entry.site}, which is drained`)
  }
  const luck = book.luckOf(type)
  if (luck === 'closed') wrongs.push(`${entry.id} begins in ${name}, which is closed after failures`)
  if (luck === 'half-open' && living.some((one) => one !== entry && growing.has(one.phase))) {
    wrongs.push(`${entry.id} begins in ${name}, which is half-open and has its probe`)
  }
  for (const budget of policy.budgets) wrongs.push(...wrongsOfMoney(entry, type, budget, bench))
  for (const job of jobsOf(entry, bench)) {
    const state = bench.places === 'causeway' ? 'pending' : 'starting'
    if (job.state !== state || job.blocked !== null) {
      wrongs.push(`${entry.id} begins for job ${job.id}, which is ${job.blocked ?? job.state}`)
    }
    wrongs.push(...wrongsOfCaps(job.state === 'pending' ? [job] : [], `${entry.id} begins for`, [job], bench))
  }
  return wrongs
}

/** What is wrong with having let these jobs go. */
export function wrongsOfRelease(ids: ReadonlySet<string>, bench: Bench): string[] {
  const jobs = bench.queue.jobs.filter(({ id }) => ids.has(id))
  const strange = jobs.filter((job) => job.state === 'pending' && job.blocked !== 'HeldByCauseway')
  // A job that can't have nodes where it may go takes none away from others.
  const real = jobs.filter((job) => areEnough(job, bench.policy, bench.places))
  return [
    ...strange.map(({ id }) => `job ${id} is released, which Causeway did not hold`),
    ...wrongsOfCaps(real, 'release of', real, bench),
  ]
}

/**
 * What is wrong with the lives that began in one go, as to jobs of several nodes: some of the nodes were begun, and with all
 * that live they can't make any such job whole. One node of a half-open type is a probe.
 */
export function wrongsOfGangs(begun: readonly Entry[], bench: Bench): string[] {
  const { policy, book, places, queue, now } = bench
  if (bench.isBrokenOff) return []
  if (places === 'scheduler') return halves(begun, bench)
  const wrongs: string[] = []
  for (const entry of begun) {
    const jobs = jobsOf(entry, bench)
    if (jobs.length === 0 || jobs.some((job) => job.nodeCount === 1)) continue
    if (book.luckOf(entry) === 'half-open') continue
    const could = jobs.some((job) => {
      const types = policy.types.filter((type) => fitsType(job, type, policy))
      const useful = types.flatMap((type) =>
        book
          .living(type)
          // One that failed just now was still counted on.
          .filter((one) => growing.has(one.phase) || one.failedAtMs === now || mayServe(one, job, queue)),
      )
      const { spread } = placementOf(job, policy)
      const sites = new Set(useful.map(({ site }) => site))
      const counts = [...sites].map((site) => useful.filter((one) => one.site === site).length)
      return (spread === 'one-site' ? Math.max(0, ...counts) : useful.length) >= job.nodeCount
    })
    if (!could)
      wrongs.push(`${entry.id} begins for jobs ${jobs.map(({ id }) => id).join(', ')}, none of which it makes whole`)
  }
  return wrongs
}

/** Where the scheduler places the jobs: lives for jobs of which another node was refused in the same go. */
function halves(begun: readonly Entry[], bench: Bench): string[] {
  return begun.flatMap((entry) => {
    const half = jobsOf(entry, bench).find((job) => isRefused(job, bench))
    return half ? [`${entry.id} (${entry.name}) begins for job ${half.id}, of which another node is refused`] : []
  })
}

function isRefused({ state, nodes }: Job, { refused }: Bench): boolean {
  return state === 'starting' && nodes.some((name) => refused.has(name))
}

/** Whether a node that is there could take a part of the job now. */
function mayServe({ name, phase }: Entry, job: Job, queue: QueueSnapshot): boolean {
  if (phase !== 'ready' && phase !== 'draining') return false
  const node = queue.nodes.find((one) => one.name === name)
  if (!node || node.down || !node.responding) return false
  const others = queue.jobs.filter(({ state, nodes }) => state !== 'ended' && nodes.includes(name))
  return others.length === 0 || !(job.exclusive || others.some((other) => other.exclusive))
}

/** The jobs that a life is for and that the queue still had. */
function jobsOf(entry: Entry, { queue }: Bench): Job[] {
  return queue.jobs.filter(({ id }) => entry.jobs.includes(id))
}

/** @param more jobs that hold nothing yet and are now to have nodes */
function wrongsOfCaps(more: readonly Job[], what: string, about: readonly Job[], bench: Bench): string[] {
  const { policy, queue } = bench
  if (bench.isBrokenOff && bench.places === 'scheduler') return []
  const holding = queue.jobs.filter((job) => job.state !== 'pending' && job.state !== 'ended' && !isRefused(job, bench))
  return about.flatMap((job) =>
    capsOf(job, policy).flatMap(({ cap, same }) => {
      const nodes = [...holding, ...more].filter(same).reduce((sum, one) => sum + one.nodeCount, 0)
      if (nodes <= cap.nodes) return []
      return [`${what} job ${job.id}: its ${cap.of} then has ${nodes} nodes and may have ${cap.nodes}`]
    }),
  )
}

function wrongsOfMoney(entry: Entry, type: TypePolicy, budget: Budget, bench: Bench): string[] {
  const paid = [...bench.book.entries.values()].filter(({ site }) => budget.site === null || budget.site === site)
  if (!paid.includes(entry) || type.costPerHour === 0) return []
  const sum = paid.reduce(
    (total, one) => total + chargeWithin(one, one.goneAtMs ?? boundUntilMs(one, bench), budget),
    0,
  )
  if (sum <= budget.amount * (1 + 1e-9)) return []
  const { period, site, amount } = budget
  return [
    `${entry.id} begins and makes ${sum.toFixed(3)} of the ${period}'s ${amount.toFixed(3)} for ${site ?? 'all sites'}`,
  ]
}

/** Until when a life is bound to be paid for: its least lifetime, and the longest that jobs may run which it has or is for. */
function boundUntilMs(entry: Entry, { policy, now, queue }: Bench): number {
  const on = queue.jobs.filter(({ state, nodes }) => state !== 'ended' && nodes.includes(entry.name))
  let until = now
  for (const job of on) until = Math.max(until, (job.startedAtMs ?? now) + (job.wallMs ?? Infinity))
  if (entry.phase === 'draining' || entry.phase === 'failed' || entry.phase === 'deleting') return until
  const type = policy.types.find((one) => one.site === entry.site && one.type === entry.type)
  until = Math.max(until, entry.beganAtMs + (type?.lifetimeMs ?? 0))
  if (!growing.has(entry.phase)) return until
  for (const job of queue.jobs) {
    if (job.state !== 'pending' || job.blocked !== null || !entry.jobs.includes(job.id)) continue
    until = Math.max(until, now + (job.wallMs ?? Infinity))
  }
  return until
}

function chargeWithin(
  { beganAtMs, billingMs, costPerHour }: Entry,
  untilMs: number,
  { startMs, endMs }: Budget,
): number {
  const livedMs = Math.max(0, untilMs - beganAtMs)
  const chargedMs = billingMs > 0 ? Math.ceil(livedMs / billingMs) * billingMs : livedMs
  const withinMs = Math.min(beganAtMs + chargedMs, endMs) - Math.max(beganAtMs, startMs)
  return (Math.max(0, withinMs) * costPerHour) / 3_600_000
}
