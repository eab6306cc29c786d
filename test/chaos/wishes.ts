import type { Job } from '../../src/elastic/plan/demand.ts'
import type { Cap, PlacementRule, Policy, TypePolicy } from '../../src/elastic/plan/policy.ts'

/** Whether a job could use nodes of the type. The simulated jobs ask for one feature at most. */
export function fitsType(job: Job, type: TypePolicy, policy: Policy): boolean {
  const { sites } = placementOf(job, policy)
  return isLargeEnough(job, type) && (sites.length === 0 || sites.includes(type.site))
}

/** Whether a scheduler that knows no placement rules could use nodes of the type for a job. */
function isLargeEnough({ perNode, features }: Job, { size, features: has }: TypePolicy): boolean {
  const fits = perNode.cpus <= size.cpus && perNode.memoryMiB <= size.memoryMiB && perNode.gpus <= size.gpus
  return fits && (features === '' || has.includes(features))
}

/** Where a job may go; the simulated rules go by the queue. */
export function placementOf(job: Job, { placement }: Policy): Pick<PlacementRule, 'spread' | 'sites'> {
  return placement.find(({ queue }) => queue === job.partition) ?? { spread: 'one-site', sites: [] }
}

/** The caps that a job is under, each with what tells its other jobs. */
export function capsOf(job: Job, { caps }: Policy): { cap: Cap; same: (other: Job) => boolean }[] {
  const read = {
    user: (one: Job) => one.user,
    account: (one: Job) => one.account,
    queue: (one: Job) => one.partition,
  }
  return (['user', 'account', 'queue'] as const).flatMap((of) => {
    const mine = read[of](job)
    const named = caps.find((cap) => cap.of === of && cap.name === mine)
    const cap = named ?? caps.find((one) => one.of === of && one.name === '*')
    return cap ? [{ cap, same: (other: Job) => read[of](other) === mine }] : []
  })
}

/** Whether the rules let the job ever run, with all faults over. */
export function isPossible(job: Job, policy: Policy, places: 'scheduler' | 'causeway'): boolean {
  if (capsOf(job, policy).some(({ cap }) => job.nodeCount > cap.nodes)) return false
  if (!isSurelyPaid(job, policy)) return false
  if (places === 'causeway') return areEnough(job, policy, places)
  return job.nodeCount <= roomIn(policy.types.filter((type) => isLargeEnough(job, type)))
}

/** Whether there may be as many nodes as the job needs where it may go. A scheduler that places jobs spreads them as it likes. */
export function areEnough(job: Job, policy: Policy, places: 'scheduler' | 'causeway'): boolean {
  const types = policy.types.filter((type) => fitsType(job, type, policy))
  if (places === 'scheduler' || placementOf(job, policy).spread !== 'one-site') return job.nodeCount <= roomIn(types)
  return types.some(({ site }) => job.nodeCount <= roomIn(types.filter((type) => type.site === site)))
}

/** Whether a fresh period of every budget pays for all nodes of the job, be they the dearest that it could use. */
function isSurelyPaid({ nodeCount, wallMs, ...job }: Job, { types, budgets }: Policy): boolean {
  const usable = types.filter((type) => isLargeEnough({ nodeCount, wallMs, ...job }, type))
  return budgets.every(({ site, amount, startMs, endMs }) => {
    const costs = usable.map((type) => {
      if (site !== null && site !== type.site) return 0
      const leastMs = Math.max(type.lifetimeMs, type.idleMs, wallMs ?? Infinity)
      const chargedMs = type.billingMs > 0 ? Math.ceil(leastMs / type.billingMs) * type.billingMs : leastMs
      return (Math.min(chargedMs, endMs - startMs) * type.costPerHour) / 3_600_000
    })
    return nodeCount * Math.max(0, ...costs) <= amount
  })
}

function roomIn(types: readonly TypePolicy[]): number {
  return types.reduce((sum, type) => sum + type.maximum, 0)
}
