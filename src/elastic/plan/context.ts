import { isClosed } from './breaker.ts'
import type { Job, QueueNode } from './demand.ts'
import type { Observation, Reading, SiteMachine } from './observation.ts'
import { isCapacity } from './phases.ts'
import type { Policy, SitePolicy } from './policy.ts'

/** One observation with the lookups that all parts of the planner share. */
export interface Context {
  readonly obs: Observation
  readonly policy: Policy
  readonly now: number
  readonly queueNodes: ReadonlyMap<string, QueueNode>
  readonly jobs: readonly Job[]
  readonly sites: ReadonlyMap<string, SitePolicy>
  /** Nodes that are or will be ready, by site. */
  readonly capacity: ReadonlyMap<string, number>
  closed(site: string): boolean
  /** The jobs that hold or wait for a node, by its name. */
  jobsOn(name: string): readonly Job[]
  /** A pending, eligible job that could use a node of the site, if there is one. */
  demandFor(site: string): Job | undefined
  machines(site: string): Reading<readonly SiteMachine[]> | undefined
}

/** Builds the lookups; reads nothing but its arguments. */
export function createContext(obs: Observation, policy: Policy, now: number): Context {
  const queue = obs.queue.ok ? obs.queue.value : { jobs: [], nodes: [] }
  const byNode = new Map<string, Job[]>()
  for (const job of queue.jobs) {
    if (job.state === 'ended') continue
    for (const name of job.nodes) byNode.set(name, [...(byNode.get(name) ?? []), job])
  }
  const capacity = new Map<string, number>()
  for (const node of obs.nodes) {
    if (isCapacity(node.phase)) capacity.set(node.site, (capacity.get(node.site) ?? 0) + 1)
  }
  const waitingJobs = queue.jobs.filter((job) => job.state === 'pending' && job.eligible && fits(job, policy))
  return {
    obs,
    policy,
    now,
    queueNodes: new Map(queue.nodes.map((node) => [node.name, node])),
    jobs: queue.jobs,
    sites: new Map(policy.sites.map((site) => [site.name, site])),
    capacity,
    closed: (site) => isClosed(obs.breakers.get(site), now),
    jobsOn: (name) => byNode.get(name) ?? [],
    demandFor: (site) => waitingJobs.find((job) => couldUse(job.features, site)),
    machines: (site) => obs.sites.get(site),
  }
}

/**
 * Whether a job's feature expression leaves room for nodes of a site. Only `site-NAME` features are understood: an
 * expression that names sites and not this one excludes it; any other may match.
 */
export function couldUse(features: string, site: string): boolean {
  const named = features.match(/(?<![\w-])site-[A-Za-z0-9_-]+/g)
  return named === null || named.includes(`site-${site}`)
}

/** Whether the sites that the job could use are big enough for it at all. */
function fits(job: Job, policy: Policy): boolean {
  let room = 0
  for (const site of policy.sites) if (couldUse(job.features, site.name)) room += site.maximum
  return job.nodeCount <= room
}
