import type { NodeRecord } from '../../store/node-record.ts'
import { isClosed, isHalfOpen } from './breaker.ts'
import { ByWish, type Wish } from './by-wish.ts'
import type { Job, QueueNode, Size } from './demand.ts'
import { siteDrain, whyToGo } from './departure.ts'
import { couldUse } from './features.ts'
import type { Observation, SiteMachine, SiteReading } from './observation.ts'
import { judgePaths, type Paths } from './paths.ts'
import { isCapacity } from './phases.ts'
import { type PlacementRule, type Policy, type TypePolicy, typeKey } from './policy.ts'
import { sharesIn } from './shares.ts'
import type { Reason } from './steps.ts'
import { whyUnread } from './unread.ts'

/** What a type is known by. */
type TypeName = Pick<TypePolicy, 'site' | 'type'>

/** One observation with the lookups that all parts of the planner share. */
export interface Context {
  readonly obs: Observation
  readonly policy: Policy
  readonly now: number
  readonly queueNodes: ReadonlyMap<string, QueueNode>
  readonly jobs: readonly Job[]
  /** Names that have a life. */
  readonly alive: ReadonlySet<string>
  /** Nodes that are or will be ready, and all lives, by `typeKey`. */
  readonly capacity: ReadonlyMap<string, number>
  readonly lives: ReadonlyMap<string, number>
  /** The rules for a type; undefined when the policy has it no more. */
  typeOf(of: TypeName): TypePolicy | undefined
  isSite(site: string): boolean
  readonly paths: Paths
  closed(type: TypeName): boolean
  /** Whether the type may be tried with one node. */
  halfOpen(type: TypeName): boolean
  /** The jobs that hold or wait for a node, by its name. */
  jobsOn(name: string): readonly Job[]
  /** The types whose nodes a job could have, preferred ones first. */
  usableTypes(job: Wish): readonly TypePolicy[]
  /** Where a job may go and how it spreads. */
  placementOf(job: Wish & Pick<Job, 'anySite'>): PlacementRule
  machines(site: string): SiteReading | undefined
  /** The machine of this id that the site lists. */
  machine(site: string, id: string): SiteMachine | undefined
  /** Why nothing is known of a node's machine; null: something is, or its site is not in the configuration. */
  unread(node: NodeRecord): string | null
  /** Why the site takes no new nodes; null: it does. */
  drained(site: string): Reason | null
  /** Why the node has to go as soon as its jobs have ended; null: it may stay. */
  toGo(node: NodeRecord): Reason | null
}

const anywhere: PlacementRule = { queue: '', feature: '', spread: 'one-site', sites: [] }

/** Builds the lookups; reads nothing but its arguments. */
export function createContext(obs: Observation, policy: Policy, now: number): Context {
  const queue = obs.queue.ok ? obs.queue.value : { jobs: [], nodes: [] }
  const capacity = new Map<string, number>()
  const lives = new Map<string, number>()
  for (const node of obs.nodes) {
    const key = typeKey(node)
    lives.set(key, (lives.get(key) ?? 0) + 1)
    if (isCapacity(node.phase)) capacity.set(key, (capacity.get(key) ?? 0) + 1)
  }
  const byNode = jobsByNode(queue.jobs)
  const machines = machinesById(obs)
  const types = new Map(policy.types.map((type) => [typeKey(type), type]))
  const sites = new Set(policy.types.map((type) => type.site))
  // A job that a scheduler places may find what it asks for on nodes that are not ours; for those that we make it must be on ours.
  const usableTypes = usableTypesIn(policy, obs.places === 'scheduler')
  return {
    obs,
    policy,
    now,
    queueNodes: new Map(queue.nodes.map((node) => [node.name, node])),
    jobs: queue.jobs.map((job) => withLeastNodes(job, usableTypes)),
    alive: new Set(obs.nodes.map((node) => node.name)),
    capacity,
    lives,
    typeOf: (of) => types.get(typeKey(of)),
    isSite: (site) => sites.has(site),
    paths: judgePaths(obs, policy),
    closed: (type) => isClosed(obs.breakers.get(typeKey(type)), now),
    halfOpen: (type) => isHalfOpen(obs.breakers.get(typeKey(type)), now),
    jobsOn: (name) => byNode.get(name) ?? [],
    usableTypes,
    placementOf: (job) => placementOf(job, policy),
    machines: (site) => obs.sites.get(site),
    machine: (site, id) => machines.get(site)?.get(id),
    unread: (node) => whyUnread(node, obs.sites.get(node.site), machines.get(node.site)?.get(node.id)),
    drained: (site) => siteDrain(site, obs),
    toGo: (node) => whyToGo(node, machines.get(node.site)?.get(node.id), obs),
  }
}

/** A job for slots with the least number of nodes that have them: what caps count, and what is said of it. */
function withLeastNodes(job: Job, usableTypes: Context['usableTypes']): Job {
  if (job.slots === undefined || job.state !== 'pending') return job
  const most = Math.max(1, ...usableTypes(job).map(({ size }) => sharesIn(size, job)))
  return { ...job, nodeCount: Math.ceil(job.slots / most) }
}

/** Whether a job that needs this of each node could run on a node of this size. */
export function fits(need: Size, size: Size): boolean {
  return need.cpus <= size.cpus && need.memoryMiB <= size.memoryMiB && need.gpus <= size.gpus
}

/** The policy's rule for a job; a user who lets the nodes be at several sites is taken at their word. */
export function placementOf(job: Wish & Pick<Job, 'anySite'>, policy: Policy): PlacementRule {
  const rule =
    policy.placement.find(
      ({ queue, feature }) =>
        (queue === '' || queue === job.partition) && (feature === '' || wordsOf(job.features).includes(feature)),
    ) ?? anywhere
  return job.anySite === true && rule.spread === 'one-site' ? { ...rule, spread: 'may-span' } : rule
}

/**
 * The lookup for `usableTypes`, which remembers: thousands of jobs share a few wishes.
 * @param lenient whether features that no type has may match
 */
export function usableTypesIn(policy: Policy, lenient = true): (job: Wish) => readonly TypePolicy[] {
  const known = lenient ? new Set(policy.types.flatMap((type) => type.features)) : null
  const features = new Map(policy.types.map((type) => [type, new Set(type.features)]))
  const found = new ByWish<readonly TypePolicy[]>()
  const usable = (job: Wish) => {
    const { sites } = placementOf(job, policy)
    return policy.types.filter(
      (type) =>
        fits(job.perNode, type.size) &&
        (sites.length === 0 || sites.includes(type.site)) &&
        couldUse(job.features, features.get(type) ?? new Set(), known),
    )
  }
  return (job) => found.get(job, () => usable(job))
}

function wordsOf(expression: string): readonly string[] {
  return expression.split(/[^A-Za-z0-9._-]+/)
}

/** The jobs that are not over, by the names of their nodes. */
function jobsByNode(jobs: readonly Job[]): ReadonlyMap<string, readonly Job[]> {
  const byNode = new Map<string, Job[]>()
  for (const job of jobs) {
    if (job.state === 'ended') continue
    for (const name of job.nodes) {
      const others = byNode.get(name)
      if (others) others.push(job)
      else byNode.set(name, [job])
    }
  }
  return byNode
}

function machinesById(obs: Observation): ReadonlyMap<string, ReadonlyMap<string, SiteMachine>> {
  const bySite = new Map<string, ReadonlyMap<string, SiteMachine>>()
  for (const [site, reading] of obs.sites) {
    if (reading.ok) bySite.set(site, new Map(reading.value.map((machine) => [machine.id, machine])))
  }
  return bySite
}
